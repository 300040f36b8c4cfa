//! What this process has used.

use std::fs;

/// Processor time of all threads, seconds: what else runs on the machine does not count.
pub fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |field: usize| fields[field].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

/// Memory, MB.
pub fn resident() -> f64 {
    of_status("VmRSS:")
}

/// The most memory that was resident at once, MB.
pub fn peak() -> f64 {
    of_status("VmHWM:")
}

fn of_status(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1e3
}
