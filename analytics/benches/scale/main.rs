//! What detection costs at scale.
//!
//! `models [SERIES [BUCKETS]]`: scoring and fitting made-up series. `fill DIR ROWS DAYS END`: a store of made-up sessions
//! that ends at END (seconds since the epoch). `counts DIR BUCKETS`: the bucket query over the newest buckets of a store.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, missing_docs)]

mod counts;
mod fill;
mod models;
mod process;

use std::path::Path;

fn main() {
    // `cargo bench` adds a flag of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let number = |place: usize| arguments.get(place).and_then(|text| text.parse::<u64>().ok());
    let folder = arguments.get(1).map(Path::new);
    match (arguments.first().map(String::as_str), folder, number(2), number(3), number(4)) {
        (Some("fill"), Some(folder), Some(rows), Some(days), Some(end)) => fill::run(folder, rows, days, end),
        (Some("counts"), Some(folder), Some(buckets), ..) => counts::run(folder, buckets),
        (Some("models") | None, ..) => {
            let (series, buckets) = (number(1).unwrap_or(100_000), number(2).unwrap_or(4 * 96));
            models::run(u32::try_from(series).unwrap(), u32::try_from(buckets).unwrap());
        }
        _ => eprintln!("models [SERIES [BUCKETS]] | fill DIR ROWS DAYS END | counts DIR BUCKETS"),
    }
}
