//! Real servers that run on Java: an OpenSearch node and a Kafka broker, from jars that `make test-interop` fetches.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_mins(3);

/// A server that a test started; it is ended when dropped.
#[derive(Debug)]
pub struct JavaServer {
    child: Child,
    folder: TempDir,
    /// Its port on loopback.
    pub port: u16,
    /// Its port for TLS with a user's name, where it has one.
    pub secure: Option<u16>,
}

/// The user of the secure port, and the password.
pub const USER: (&str, &str) = ("halfopen", "cl0sed-b00k");

/// The jars of this server.
///
/// # Panics
/// They are not there: `make test-interop` fetches them.
fn jars(name: &str) -> Vec<PathBuf> {
    let folder =
        std::env::var("HALFOPEN_INTEROP").expect("HALFOPEN_INTEROP tells where the jars are: run `make test-interop`");
    let folder = Path::new(&folder).join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut jars: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder can be read").path()).collect();
    jars.retain(|path| path.extension().is_some_and(|extension| extension == "jar"));
    assert!(jars.len() > 20, "{} has {} jars: remove it and run `make test-interop`", folder.display(), jars.len());
    jars
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
    listener.local_addr().expect("it listens").port()
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder can be made");
    fs::write(path, text).expect("a file can be written");
}

/// Permissions that the HTTP module of OpenSearch needs under the node's security manager.
const NETTY_POLICY: &str = r#"grant {
  permission java.lang.RuntimePermission "accessClassInPackage.sun.misc";
  permission java.lang.RuntimePermission "accessDeclaredMembers";
  permission java.lang.RuntimePermission "getenv.*";
  permission java.lang.reflect.ReflectPermission "suppressAccessChecks";
  permission java.net.SocketPermission "*", "accept,connect,resolve";
  permission java.util.PropertyPermission "*", "read,write";
};
"#;

/// What the broker needs to know of users that are kept in its metadata.
const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule required;";

/// Makes an authority and, in one file, the key and the certificate that it issues for loopback.
fn certificates(ca: &Path, server: &Path) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters of a certificate");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters of a certificate");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    write(ca, &authority.pem());
    write(server, &format!("{}{}", key.serialize_pem(), certificate.pem()));
}

impl JavaServer {
    /// Starts an OpenSearch node.
    ///
    /// # Panics
    /// It does not answer in time.
    pub fn opensearch() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (home, port) = (folder.path(), free_port());
        let module = home.join("modules/transport-netty4");
        let mut version = String::new();
        for path in jars("opensearch") {
            let name = path.file_name().expect("a jar has a name").to_string_lossy().into_owned();
            let of_module = name.starts_with("netty-") || name.starts_with("transport-netty4");
            if let Some(found) =
                name.strip_prefix("transport-netty4-client-").and_then(|rest| rest.strip_suffix(".jar"))
            {
                found.clone_into(&mut version);
            }
            let target = if of_module { module.clone() } else { home.join("lib") };
            fs::create_dir_all(&target).expect("a folder can be made");
            fs::copy(&path, target.join(name)).expect("a jar can be copied");
        }
        let descriptor = format!(
            "name=transport-netty4\ndescription=HTTP\nversion={version}\nopensearch.version={version}\njava.version=11\n\
             classname=org.opensearch.transport.Netty4Plugin\nhas.native.controller=false\n"
        );
        write(&module.join("plugin-descriptor.properties"), &descriptor);
        write(&module.join("plugin-security.policy"), NETTY_POLICY);
        let settings = format!(
            "discovery.type: single-node\nhttp.host: 127.0.0.1\ntransport.host: 127.0.0.1\nhttp.port: {port}\ntransport.port: {}\n",
            free_port()
        );
        write(&home.join("config/opensearch.yml"), &settings);
        let logging = "status = error\nappender.c.type = Console\nappender.c.name = c\nappender.c.layout.type = PatternLayout\n\
             appender.c.layout.pattern = %d %p %m%n\nrootLogger.level = warn\nrootLogger.appenderRef.c.ref = c\n";
        write(&home.join("config/log4j2.properties"), logging);
        for name in ["tmp", "plugins"] {
            fs::create_dir_all(home.join(name)).expect("a folder can be made");
        }
        let property = |name: &str, value: &Path| format!("-D{name}={}", value.display());
        let mut java = Command::new("java");
        java.args(["-Xms768m", "-Xmx768m", "-Djava.security.manager=allow", "-Dopensearch.distribution.type=tar"])
            .args(["-Dlog4j2.disable.jmx=true", "-Dio.netty.noUnsafe=true", "-Dopensearch.networkaddress.cache.ttl=60"])
            // Without native code the node does not lock memory, and also runs where tests run as root.
            .args(["-Djna.nosys=true", "-Djna.nounpack=true"])
            .arg(property("jna.boot.library.path", &home.join("none")))
            .arg(property("java.io.tmpdir", &home.join("tmp")))
            .arg(property("opensearch.path.home", home))
            .arg(property("opensearch.path.conf", &home.join("config")))
            .arg("-cp")
            .arg(home.join("lib/*"))
            .arg("org.opensearch.bootstrap.OpenSearch")
            .current_dir(home);
        let server = Self::start(java, folder, port);
        server.wait(|| ureq::get(server.url("")).call().is_ok());
        server
    }

    /// Starts a Kafka broker that is its own controller. Beside its plain port it has one for TLS with SASL, whose
    /// certificate is issued by [`ca`](Self::ca).
    ///
    /// # Panics
    /// It does not listen in time.
    pub fn kafka() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let [port, secure, controller] = [(); 3].map(|()| free_port());
        let classes = jars("kafka")[0].parent().expect("a jar lies in a folder").join("*");
        let settings = folder.path().join("server.properties");
        let keys = folder.path().join("server.pem");
        certificates(&folder.path().join("ca.pem"), &keys);
        let (user, password) = USER;
        let text = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}\n\
             controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT\n\
             ssl.keystore.type=PEM\nssl.keystore.location={}\nsasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n\
             listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
             required user_{user}=\"{password}\";\n\
             listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config={SCRAM}\n\
             listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={SCRAM}\n\
             log.dirs={}\noffsets.topic.replication.factor=1\nauto.create.topics.enable=false\n",
            keys.display(),
            folder.path().join("data").display()
        );
        write(&settings, &text);
        let java = |main: &str| {
            let mut java = Command::new("java");
            java.arg("-Xmx512m").arg("-cp").arg(&classes).arg(main);
            java
        };
        let mut format = java("kafka.tools.StorageTool");
        format.args(["format", "-t", "5L6g3nShT-eMCtK--X86sw", "-c"]).arg(&settings);
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            format.arg("--add-scram").arg(format!("{mechanism}=[name={user},password={password}]"));
        }
        let formatted = format.output().expect("java runs");
        assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));
        let mut broker = java("kafka.Kafka");
        broker.arg(&settings);
        let mut server = Self::start(broker, folder, port);
        server.secure = Some(secure);
        for port in [port, secure] {
            server.wait(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        }
        server
    }

    /// The certificate (PEM) that vouches for the secure port.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn start(mut command: Command, folder: TempDir, port: u16) -> Self {
        let log = fs::File::create(folder.path().join("out.log")).expect("a log can be written");
        let errors = log.try_clone().expect("a log can be written");
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().expect("java runs");
        Self { child, folder, port, secure: None }
    }

    fn wait(&self, ready: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !ready() {
            assert!(Instant::now() < end, "it does not answer:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("out.log")).unwrap_or_default()
    }

    /// URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// What a Java program of the same jars prints, for as long as it takes.
    ///
    /// # Panics
    /// It fails.
    pub fn tool(&self, main: &str, args: &[&str]) -> String {
        let classes = jars("kafka")[0].parent().expect("a jar lies in a folder").join("*");
        let output = Command::new("java").arg("-cp").arg(&classes).arg(main).args(args).output().expect("java runs");
        assert!(output.status.success(), "{main}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for JavaServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
