//! A running `halfopen serve` on ports of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{binary, halfopen, real};

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_mins(5);

/// Length of a bucket, as it is unless configured.
const BUCKET_MS: i64 = 900_000;

/// A server that a test started; it is ended when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    /// Address of the API and the UI.
    pub http: SocketAddr,
    /// Address of the first flow receiver.
    pub netflow: SocketAddr,
}

impl Server {
    /// Starts `halfopen serve` over this store, with more arguments and environment variables.
    ///
    /// # Panics
    /// It does not come up.
    pub fn start(store: &Path, args: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_by(&[], store, args, environment)
    }

    /// Like [`start`](Self::start), by a command that runs another one, such as `ip netns exec NAME`.
    ///
    /// # Panics
    /// It does not come up.
    pub fn start_by(launcher: &[&str], store: &Path, args: &[&str], environment: &[(&str, &str)]) -> Self {
        let arguments = ["serve", "--http", "127.0.0.1:0", "--netflow", "127.0.0.1:0"];
        let mut command = match launcher {
            [] => halfopen(arguments),
            [program, rest @ ..] => {
                let mut command = real(program);
                command.args(rest).arg(binary()).args(arguments);
                command
            }
        };
        command.arg("--store").arg(store).args(args).envs(environment.iter().copied());
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn().expect("halfopen starts");
        let (sender, lines) = mpsc::channel();
        let stderr = child.stderr.take().expect("standard error is piped");
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, lines, seen: Vec::new(), http: nowhere, netflow: nowhere };
        server.netflow = server.address("receiving flow records");
        server.http = server.address("serving http");
        server
    }

    /// Waits for a log line with this text and returns it.
    ///
    /// # Panics
    /// The line does not come.
    pub fn wait_line(&mut self, text: &str) -> String {
        if let Some(line) = self.seen.iter().find(|line| line.contains(text)) {
            return line.clone();
        }
        let end = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
        panic!("no {text:?} in:\n{}", self.seen.join("\n"));
    }

    /// Waits until the buckets before `end` (microseconds since the epoch) have been scored, by this run or an earlier one.
    ///
    /// # Panics
    /// They are not.
    pub fn wait_scored(&self, end: i64) {
        self.wait_json("/api/v1/jobs", |page| {
            let ends = |job: &Value| Some((job["last_bucket"].as_i64()? + BUCKET_MS) * 1_000);
            page["items"].as_array().is_some_and(|jobs| jobs.iter().any(|job| ends(job) >= Some(end)))
        });
    }

    /// The address in a log line with this text.
    ///
    /// # Panics
    /// The line does not come, or has no address.
    pub fn address(&mut self, text: &str) -> SocketAddr {
        let line = self.wait_line(text);
        let value = line.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no address in {line:?}"))
    }

    /// Log lines that came so far.
    pub fn log(&mut self) -> String {
        self.seen.extend(self.lines.try_iter());
        self.seen.join("\n")
    }

    /// URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    /// JSON that the API answers.
    ///
    /// # Panics
    /// It answers no JSON.
    pub fn json(&self, path: &str) -> Value {
        let mut response = ureq::get(self.url(path)).call().unwrap_or_else(|error| panic!("{path}: {error}"));
        response.body_mut().read_json().unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Every metric now, by name and labels as they are written.
    ///
    /// # Panics
    /// There are no metrics.
    pub fn metrics(&self) -> BTreeMap<String, u64> {
        let mut response = ureq::get(self.url("/metrics")).call().expect("there are metrics");
        let text = response.body_mut().read_to_string().expect("metrics are text");
        let value = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse::<f64>().ok()? as u64))
        };
        text.lines().filter(|line| !line.starts_with('#')).filter_map(value).collect()
    }

    /// One metric now; 0 where it is not there.
    ///
    /// # Panics
    /// There are no metrics.
    pub fn metric(&self, name: &str) -> u64 {
        self.metrics().get(name).copied().unwrap_or(0)
    }

    /// Waits until a metric has this value.
    ///
    /// # Panics
    /// It never has.
    pub fn wait_metric(&mut self, name: &str, value: u64) {
        let end = Instant::now() + PATIENCE;
        while self.metric(name) != value {
            assert!(Instant::now() < end, "{name} is {}, not {value}\n{}", self.metric(name), self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks until the answer satisfies the condition.
    ///
    /// # Panics
    /// It never does.
    pub fn wait_json(&self, path: &str, mut condition: impl FnMut(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let value = self.json(path);
            if condition(&value) {
                return value;
            }
            assert!(Instant::now() < end, "{path} stays {value:#}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Asks it to stop (SIGTERM) and waits for its end.
    ///
    /// # Panics
    /// It does not stop.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("-TERM");
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
                return status;
            }
            assert!(Instant::now() < end, "halfopen does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        std::process::Command::new("kill").args([signal, &pid]).status().expect("kill runs");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
