//! The tracker beside softflowd, argus, nfpcapd and tshark on one capture, and on a live interface: `make bench-tracker`.
//!
//! Every program reads the same made-up file in the same run; tshark, which keeps every conversation, reads its first
//! fifth. Numbers of packets a second are by time on processors, so that other work on the machine does not count.
#![allow(clippy::print_stdout, missing_docs)]

mod live;
mod programs;
mod traffic;

use std::fs::File;
use std::net::UdpSocket;
use std::path::Path;

use tracker::parse::{ParseSettings, Parser};
use tracker::pcap::PcapReader;
use tracker::replay::replay;
use tracker::table::Each;
use tracker::{SessionTable, TableSettings};

const PACKETS: u64 = 5_000_000;
const SEED: u64 = 7;

type Failure = Box<dyn std::error::Error>;

/// What the others are measured against: the whole way from the file to session records.
fn follow(path: &str) -> Result<(), Failure> {
    let settings = TableSettings { max_sessions: 20_000_000, max_tombstones: 4_000_000, ..TableSettings::default() };
    let (mut parser, mut table) = (Parser::new(ParseSettings::default()), SessionTable::new(settings));
    let mut records = 0u64;
    let mut sink = Each(|_| records += 1);
    replay(&mut PcapReader::new(File::open(path)?)?, &mut parser, &mut table, &mut sink)?;
    let (open, bytes) = (table.len(), table.bytes());
    table.finish(&mut sink);
    println!("{open} sessions open at the end, {} bytes each; {records} records", bytes / open.max(1));
    Ok(())
}

fn compare(folder: &Path, open: u32) -> Result<(), Failure> {
    let (file, short) = (folder.join("traffic.pcap"), folder.join("short.pcap"));
    let begun = traffic::write(&file, PACKETS, open, SEED)?;
    traffic::write(&short, PACKETS / 5, open, SEED)?;
    let sink = UdpSocket::bind("127.0.0.1:0")?;
    std::fs::create_dir_all(folder.join("flows"))?;
    println!("\n{PACKETS} packets of {begun} sessions, {open} at a time");
    println!("{:<12}{:>10}{:>9}{:>9}{:>12}{:>10}{:>8}", "", "packets", "wall s", "CPU s", "packets/s", "MiB", "ratio");
    let own = std::env::current_exe()?.display().to_string();
    let mut all = vec![("halfopen", own, vec!["--follow".to_owned(), file.display().to_string()], PACKETS)];
    for (name, arguments) in programs::others(&file, folder, open, sink.local_addr()?.port()) {
        all.push((name, name.to_owned(), arguments, PACKETS));
    }
    if let Some(tshark) = all.iter_mut().find(|one| one.0 == "tshark") {
        tshark.3 = PACKETS / 5;
        tshark.2 = tshark.2.iter().map(|word| word.replace("traffic.pcap", "short.pcap")).collect();
    }
    let mut ours = 0.0;
    for (name, program, arguments, packets) in all {
        match programs::run(&program, &arguments) {
            Ok(cost) => {
                let speed = packets as f64 / cost.cpu;
                ours = if name == "halfopen" { speed } else { ours };
                let ratio = ours / speed;
                println!(
                    "{name:<12}{packets:>10}{:>9.2}{:>9.2}{speed:>12.0}{:>10.0}{ratio:>8.1}",
                    cost.wall, cost.cpu, cost.memory
                );
                if name == "halfopen" {
                    print!("            {}", cost.output);
                }
            }
            Err(error) => println!("{name:<12}failed: {}", error.lines().last().unwrap_or_default()),
        }
    }
    Ok(())
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("--follow") => return follow(arguments.get(2).map_or("", String::as_str)),
        Some("--live") => return Ok(live::follow(arguments.get(2).map_or("", String::as_str))?),
        // `cargo test` runs benches too, to see that they start.
        Some("--bench") => {}
        _ => return Ok(()),
    }
    let folder = std::env::temp_dir().join(format!("halfopen-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    // `cargo bench --bench compare -- live` measures one part only.
    let wanted = |part: &str| arguments.len() == 2 || arguments.iter().any(|argument| argument == part);
    let sizes: &[u32] = if wanted("files") { &[50_000, 500_000, 2_000_000] } else { &[] };
    let mut result = sizes.iter().try_for_each(|&open| compare(&folder, open));
    if result.is_ok() && wanted("live") {
        let file = folder.join("live.pcap");
        traffic::write(&file, PACKETS / 2, 50_000, SEED)?;
        println!("\nover a veth pair, one thread");
        result = live::bench(&file, &[400_000, 0]).map_err(Failure::from);
    }
    std::fs::remove_dir_all(&folder)?;
    result
}
