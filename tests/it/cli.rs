//! The command line: jobs, configuration, descriptions, and clear words for bad input.

use std::net::{TcpListener, UdpSocket};

use serde_json::Value;
use tests::corpus::corpus;
use tests::program::{halfopen, run, stdout};
use tests::server::Server;

const IDS: [&str; 8] = [
    "elastiflow_codex_avail_tcp_sess_fails_edge",
    "elastiflow_codex_avail_tcp_sess_fails_in",
    "elastiflow_codex_avail_tcp_sess_fails_out",
    "elastiflow_codex_avail_tcp_sess_fails_priv",
    "elastiflow_ecs_avail_tcp_sess_fails_edge",
    "elastiflow_ecs_avail_tcp_sess_fails_in",
    "elastiflow_ecs_avail_tcp_sess_fails_out",
    "elastiflow_ecs_avail_tcp_sess_fails_priv",
];

fn validator(name: &str) -> Option<jsonschema::Validator> {
    let schema: Value = serde_json::from_slice(&std::fs::read(corpus(&format!("elastic/{name}"))?).unwrap()).unwrap();
    Some(jsonschema::validator_for(&schema).unwrap())
}

#[test]
fn eight_jobs_are_listed_shown_and_exported() {
    let list = stdout(["jobs", "list"]);
    for id in IDS {
        assert!(list.contains(id), "{list}");
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    stdout(["jobs", "export", "--out", out]);
    let mut names: Vec<_> =
        std::fs::read_dir(out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, IDS.map(|id| format!("{id}.json")));
    let schemas = validator("put_job.schema.json").zip(validator("put_datafeed.schema.json"));
    for id in IDS {
        let text = std::fs::read_to_string(folder.path().join(format!("{id}.json"))).unwrap();
        assert_eq!(text.trim(), stdout(["jobs", "show", id]).trim());
        let file: Value = serde_json::from_str(&text).unwrap();
        let (job, datafeed) = (&file[0]["job"], &file[0]["datafeed"]);
        assert_eq!(job["job_id"], *id);
        assert_eq!(datafeed["datafeed_id"], format!("datafeed-{id}"));
        if let Some((job_schema, datafeed_schema)) = &schemas {
            let problems: Vec<_> = job_schema.iter_errors(job).chain(datafeed_schema.iter_errors(datafeed)).collect();
            assert!(problems.is_empty(), "{id}: {problems:?}");
        }
    }
}

#[test]
fn export_can_be_narrowed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    stdout(["jobs", "export", "--schema", "ecs", "--perspective", "inbound", "--out", out]);
    let names: Vec<_> = std::fs::read_dir(out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["elastiflow_ecs_avail_tcp_sess_fails_in.json"]);
}

#[test]
fn an_unknown_job_is_named() {
    let output = run(["jobs", "show", "no_such_job"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no_such_job"));
}

#[test]
fn configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("halfopen.toml");
    std::fs::write(&file, "[http]\nlisen = \"127.0.0.1:1\"\n").unwrap();
    let wrong = run(["config".as_ref(), "check".as_ref(), file.as_os_str()]);
    let message = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert_eq!(wrong.status.code(), Some(78));
    assert!(message.contains("http.lisen") && message.contains("http.listen"), "{message}");

    std::fs::write(&file, stdout(["config", "example"])).unwrap();
    stdout(["config".as_ref(), "check".as_ref(), file.as_os_str()]);
    std::fs::write(&file, "[detection]\nbucket_span = \"5m\"\n").unwrap();
    let print = halfopen(["config".as_ref(), "print".as_ref(), file.as_os_str()])
        .env("HALFOPEN_HTTP_LISTEN", "127.0.0.1:9")
        .output()
        .unwrap();
    let print = String::from_utf8(print.stdout).unwrap();
    assert!(print.contains("bucket_span = \"5m\"") && print.contains("127.0.0.1:9"), "{print}");
}

#[test]
fn it_describes_itself() {
    let openapi: Value = serde_json::from_str(&stdout(["openapi"])).unwrap();
    assert!(openapi["paths"].as_object().unwrap().len() > 8);
    assert!(stdout(["completions", "bash"]).contains("halfopen"));
    let man = stdout(["man"]);
    assert!(man.contains(".TH") && man.contains("EXIT STATUS"));
    assert!(stdout(["--version"]).starts_with("halfopen "));
}

#[test]
fn ports_in_use_and_unwritable_stores_are_said() {
    let store = tempfile::tempdir().unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap().to_string();
    let dir = store.path().to_str().unwrap();
    let output = run(["serve", "--store", dir, "--http", &address, "--netflow", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(69), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&address));

    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = udp.local_addr().unwrap().to_string();
    let output = run(["serve", "--store", dir, "--http", "127.0.0.1:0", "--netflow", &address]);
    assert_eq!(output.status.code(), Some(69), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&address));

    let output = run(["serve", "--store", "/proc/no/store", "--http", "127.0.0.1:0", "--netflow", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(73), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/proc/no/store"));

    let output = run(["query", "SELECT 1", "--store", "/nonexistent/store"]);
    assert_eq!(output.status.code(), Some(66), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_store_has_one_server() {
    let store = tempfile::tempdir().unwrap();
    let _first = Server::start(store.path(), &[], &[]);
    let dir = store.path().to_str().unwrap();
    let second = run(["serve", "--store", dir, "--http", "127.0.0.1:0", "--netflow", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(73));
    assert!(String::from_utf8_lossy(&second.stderr).contains(dir));
}

#[test]
fn random_datagrams_are_counted_and_not_logged_one_by_one() {
    let store = tempfile::tempdir().unwrap();
    let mut server = Server::start(store.path(), &[], &[]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut state = 0x1234_5678_9abc_def0_u64;
    for size in (0..500).map(|step| 20 + step * 2) {
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(size)
        .collect();
        socket.send_to(&bytes, server.netflow).unwrap();
    }
    let end = std::time::Instant::now() + tests::server::PATIENCE;
    loop {
        let metrics = ureq::get(server.url("/metrics")).call().unwrap().body_mut().read_to_string().unwrap();
        let dropped: f64 = metrics
            .lines()
            .filter(|line| line.starts_with("halfopen_") && line.contains("dropped_total{") && line.contains("reason="))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum();
        if dropped >= 500.0 {
            break;
        }
        assert!(std::time::Instant::now() < end, "{dropped} drops in\n{metrics}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(server.log().lines().count() < 50, "{}", server.log());
    assert!(server.stop().success());
}
