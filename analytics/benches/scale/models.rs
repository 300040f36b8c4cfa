//! What scoring costs: time per bucket, evenness of the daily fits, memory.

use analytics::population::Population;

use crate::process::{cpu, resident};

/// Scores so many buckets of so many series.
pub fn run(series: u32, buckets: u32) {
    let mut population = Population::new(series);
    let before = resident();
    let mut times = Vec::new();
    for bucket in 0..buckets {
        let counts = population.counts();
        let start = cpu();
        let scored = population.score(&counts);
        times.push(cpu() - start);
        if bucket % 48 == 47 {
            let (held, bytes) = population.held();
            let last = &times[times.len().saturating_sub(48)..];
            let most = last.iter().copied().fold(0.0, f64::max);
            let mean = last.iter().sum::<f64>() / last.len() as f64;
            println!(
                "bucket {:4}: {scored} scored, {held} held, {mean:.2} s mean, {most:.2} s most, models {:.0} MB",
                bucket + 1,
                bytes as f64 / 1e6
            );
        }
    }
    // The first day has no profiles yet; they are fitted from the second day on.
    let mut steady = times.split_off(times.len().min(200));
    steady.sort_by(f64::total_cmp);
    let (held, bytes) = population.held();
    println!("series {held}");
    if let (Some(median), Some(most)) = (steady.get(steady.len() / 2), steady.last()) {
        println!("processor seconds per bucket: median {median:.2}, most {most:.2}, ratio {:.2}", most / median);
    }
    println!(
        "models {:.0} MB accounted, {:.0} MB resident; the largest series {:.1} kB",
        bytes as f64 / 1e6,
        resident() - before,
        population.largest() as f64 / 1e3
    );
}
