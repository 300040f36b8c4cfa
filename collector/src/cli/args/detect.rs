//! What can be said to `halfopen detect`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{Place, TableFormat};

/// `detect`
#[derive(Debug, Args)]
pub struct Detect {
    /// Store and configuration
    #[command(flatten)]
    pub place: Place,
    /// First moment, RFC 3339 or a date [default: the oldest session]
    #[arg(long, value_name = "TIME", conflicts_with = "input")]
    pub from: Option<String>,
    /// Moment at which detection stands [default: after the newest session]
    #[arg(long, value_name = "TIME", conflicts_with = "input")]
    pub to: Option<String>,
    /// Form of the output [default: table for a store, csv for a file]
    #[arg(long, value_enum)]
    pub format: Option<TableFormat>,
    /// How a file is scored
    #[command(flatten)]
    pub file: DetectFile,
}

/// `detect --input`
#[derive(Debug, Args)]
#[command(next_help_heading = "Score a file instead of a store")]
pub struct DetectFile {
    /// CSV file with a header, Parquet file (.parquet), or - for CSV on standard input
    ///
    /// Every bucket of every series becomes a row with the columns time (start of the bucket, UTC), the --by columns, score
    /// (0-100), `initial_score`, probability, actual, typical, lower and upper. A score knows only rows up to it.
    #[arg(long, value_name = "FILE", requires = "time")]
    pub input: Option<PathBuf>,
    /// Column of times: RFC 3339, 2026-11-20 14:00:00 (UTC where it has no offset), or seconds, milli-, micro- or
    /// nanoseconds since 1970
    #[arg(long, value_name = "COLUMN", requires = "input")]
    pub time: Option<String>,
    /// Column of values; a missing bucket is unknown [default: rows are events and counted; a missing bucket is zero]
    #[arg(long, value_name = "COLUMN", requires = "input")]
    pub value: Option<String>,
    /// Columns of which every combination of values is a series of its own
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', requires = "input")]
    pub by: Vec<String>,
    /// What is made of the values of a bucket: count, sum, mean, median, min, max, varp or `distinct_count`; with high_ or
    /// low_ before it only that side is unusual [default: mean of values, count of events]
    #[arg(long, value_name = "NAME", requires = "input")]
    pub function: Option<String>,
    /// Length of a bucket, such as 15m [default: the commonest distance between rows of a series]
    #[arg(long, value_name = "SPAN", requires = "input", value_parser = humantime::parse_duration)]
    pub bucket_span: Option<Duration>,
    /// Zone in which hours of the day and days of the week are meant
    #[arg(long, value_name = "ZONE", requires = "input", default_value = "UTC")]
    pub timezone: chrono_tz::Tz,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE", requires = "input")]
    pub output: Option<PathBuf>,
    /// Lower scores that the whole file shows to be common; `initial_score` stays
    #[arg(long, requires = "input")]
    pub renormalize: bool,
}
