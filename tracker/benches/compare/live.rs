//! A veth pair between two namespaces: frames as fast as they can be sent, and what the capture makes of them.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tracker::capture::{Capture, CaptureSettings};
use tracker::live::Live;
use tracker::parse::{ParseSettings, Parser};
use tracker::table::Each;
use tracker::{SessionTable, TableSettings};

fn ip(arguments: &str) -> bool {
    Command::new("ip").args(arguments.split(' ')).output().is_ok_and(|output| output.status.success())
}

fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

/// In the second namespace: follows packets until nothing has come for a second.
pub fn follow(interface: &str) -> io::Result<()> {
    let capture = Capture::open(&CaptureSettings::new(interface)).map_err(io::Error::other)?;
    let mut live =
        Live::new(capture, Parser::new(ParseSettings::default()), SessionTable::new(TableSettings::default()));
    let mut records = 0u64;
    let mut sink = Each(|_| records += 1);
    let (mut first, mut last) = (None, Instant::now());
    println!("ready");
    let before = processor_seconds();
    while first.is_none() || last.elapsed() < Duration::from_secs(1) {
        if live.turn(Duration::from_millis(20), || 0, &mut sink)? {
            last = Instant::now();
            first.get_or_insert(last);
        }
        if first.is_none() && last.elapsed() > Duration::from_mins(1) {
            return Err(io::Error::other("no packet came"));
        }
    }
    let seconds = first.map_or(0.0, |first| (last - first).as_secs_f64());
    let stats = live.stats()?;
    let (seen, drops) = (stats.capture.packets, stats.capture.drops);
    println!(
        "{seen} frames in {seconds:.2} s: {:.0} a second, {drops} dropped, {} times the ring was full; \
         {:.2} s on the processor for {} packets, {} sessions",
        seen as f64 / seconds,
        stats.capture.freezes,
        processor_seconds() - before,
        stats.table.packets,
        stats.table.created
    );
    Ok(())
}

/// Sends the file from one namespace to the other with tcpreplay, at each of these rates (0: as fast as it can).
pub fn bench(file: &Path, rates: &[u32]) -> Result<(), String> {
    let name = format!("hob{}", std::process::id());
    let steps = [
        format!("netns add {name}"),
        format!("netns add {name}b"),
        format!("-n {name} link add v0 type veth peer name v1 netns {name}b"),
        // What the kernel sends of its own accord is IPv6.
        format!("netns exec {name} sysctl -q -w net.ipv6.conf.all.disable_ipv6=1"),
        format!("netns exec {name}b sysctl -q -w net.ipv6.conf.all.disable_ipv6=1"),
        format!("-n {name} link set v0 up"),
        format!("-n {name}b link set v1 up"),
    ];
    let done = steps.iter().all(|step| ip(step));
    let result = if done { send(&name, file, rates) } else { Err("needs root and iproute2".to_owned()) };
    ip(&format!("netns del {name}"));
    ip(&format!("netns del {name}b"));
    result
}

fn send(name: &str, file: &Path, rates: &[u32]) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    for &rate in rates {
        let mut follower = Command::new("ip")
            .args(["netns", "exec", &format!("{name}b")])
            .arg(&own)
            .args(["--live", "v1"])
            .spawn()
            .map_err(|error| error.to_string())?;
        std::thread::sleep(Duration::from_millis(500));
        let speed = if rate == 0 { "--topspeed".to_owned() } else { format!("--pps={rate}") };
        let output = Command::new("ip")
            .args(["netns", "exec", name, "tcpreplay", "-q", "-K", &speed, "-i", "v0"])
            .arg(file)
            .output()
            .map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let rated = said.lines().find(|line| line.contains("Rated")).unwrap_or(&said).trim();
        println!("tcpreplay {speed}: {rated}");
        follower.wait().map_err(|error| error.to_string())?;
    }
    Ok(())
}
