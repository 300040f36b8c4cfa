//! Runs programs over a capture file and tells what they cost.

use std::path::Path;
use std::process::{Command, Stdio};

/// What a run cost.
pub struct Cost {
    /// Seconds on the clock.
    pub wall: f64,
    /// Seconds on processors, user and system.
    pub cpu: f64,
    /// Largest resident memory, MiB.
    pub memory: f64,
    /// What the program printed.
    pub output: String,
}

/// Runs a command under time(1).
pub fn run(program: &str, arguments: &[String]) -> Result<Cost, String> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let mut command = Command::new("/usr/bin/time");
    command.args(["-f", "@%e %U %S %M", program]).args(arguments).env("PATH", path).stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("/usr/bin/time: {error}"))?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = errors.lines().rev().find_map(|line| line.strip_prefix('@')).ok_or_else(|| errors.clone())?;
    let numbers: Vec<f64> = line.split(' ').filter_map(|number| number.parse().ok()).collect();
    let [wall, user, system, kilobytes] = numbers[..] else { return Err(errors.clone()) };
    if !output.status.success() {
        return Err(errors);
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(Cost { wall, cpu: user + system, memory: kilobytes / 1024.0, output: text })
}

/// The others, with the arguments that make them read a file and give the room that the sessions need.
pub fn others(file: &Path, folder: &Path, open: u32, sink: u16) -> Vec<(&'static str, Vec<String>)> {
    let file = file.display().to_string();
    let text = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
    let room = (open * 4).max(1_000_000).to_string();
    let to = format!("127.0.0.1:{sink}");
    let pid = folder.join("softflowd.pid").display().to_string();
    let flows = folder.join("flows").display().to_string();
    vec![
        ("softflowd", text(&["-d", "-r", &file, "-m", &room, "-v", "9", "-n", &to, "-c", "none", "-p", &pid])),
        ("argus", text(&["-X", "-r", &file, "-w", "/dev/null"])),
        ("nfpcapd", text(&["-r", &file, "-w", &flows, "-B", &room])),
        ("tshark", text(&["-n", "-q", "-r", &file, "-z", "conv,tcp"])),
    ]
}
