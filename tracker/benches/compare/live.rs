//! A veth pair between two namespaces: frames as fast as they can be sent, and what the capture makes of them.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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

/// Shares the packets of a capture of [`super::traffic`] out among two, whole sessions each, with payload (of zeros) where
/// the capture was cut. One sender alone is slower than what is measured.
fn halves(file: &Path) -> io::Result<[PathBuf; 2]> {
    let paths = [file.with_extension("0.pcap"), file.with_extension("1.pcap")];
    let mut from = BufReader::with_capacity(1 << 20, File::open(file)?);
    let mut to = [BufWriter::new(File::create(&paths[0])?), BufWriter::new(File::create(&paths[1])?)];
    let mut header = [0; 24];
    from.read_exact(&mut header)?;
    to.iter_mut().try_for_each(|out| out.write_all(&header))?;
    let (mut head, mut frame) = ([0; 16], [0; 2048]);
    while from.read_exact(&mut head).is_ok() {
        let [_, _, kept, whole] =
            std::array::from_fn(|at| u32::from_le_bytes([0, 1, 2, 3].map(|byte| head[at * 4 + byte])));
        frame.fill(0);
        from.read_exact(&mut frame[..kept as usize])?;
        // The checksum was made without payload: of zeros it has their number, in the pseudo header.
        let sum = u32::from(!u16::from_be_bytes([frame[50], frame[51]])) + (whole - kept);
        frame[50..52].copy_from_slice(&(!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes());
        head[8..12].copy_from_slice(&whole.to_le_bytes());
        // Either side's port is in both directions of a session.
        let out = &mut to[usize::from((frame[35] ^ frame[37]) & 1)];
        out.write_all(&head)?;
        out.write_all(&frame[..whole as usize])?;
    }
    to.iter_mut().try_for_each(Write::flush)?;
    Ok(paths)
}

/// Sends the file from one namespace to the other with two tcpreplays, at each of these rates (0: as fast as they can).
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
    let files = halves(file).map_err(|error| error.to_string())?;
    let done = steps.iter().all(|step| ip(step));
    let result = if done { send(&name, &files, rates) } else { Err("needs root and iproute2".to_owned()) };
    ip(&format!("netns del {name}"));
    ip(&format!("netns del {name}b"));
    result
}

fn send(name: &str, files: &[PathBuf], rates: &[u32]) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    for &rate in rates {
        let mut follower = Command::new("ip")
            .args(["netns", "exec", &format!("{name}b")])
            .arg(&own)
            .args(["--live", "v1"])
            .spawn()
            .map_err(|error| error.to_string())?;
        std::thread::sleep(Duration::from_millis(500));
        let speed = if rate == 0 { "--topspeed".to_owned() } else { format!("--pps={}", rate / 2) };
        let start = |file| {
            let tcpreplay = ["netns", "exec", name, "tcpreplay", "-q", "-K", speed.as_str(), "-i", "v0"];
            Command::new("ip").args(tcpreplay).arg(file).stdout(Stdio::piped()).spawn()
        };
        let senders: io::Result<Vec<_>> = files.iter().map(start).collect();
        for sender in senders.map_err(|error| error.to_string())? {
            let output = sender.wait_with_output().map_err(|error| error.to_string())?;
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            println!("tcpreplay {speed}: {}", said.lines().find(|line| line.contains("Rated")).unwrap_or(&said).trim());
        }
        follower.wait().map_err(|error| error.to_string())?;
    }
    Ok(())
}
