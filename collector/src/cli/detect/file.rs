//! `halfopen detect --input`: scores the series of a file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use analytics::{Renormaliser, ScoredBucket, ScorerSettings, TableRow, counts, infer_span, score_table};
use anyhow::{Context as _, anyhow};
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use jobs::detector::Function;

use super::table::{Columns, Table, read};
use crate::cli::args::{DetectFile, TableFormat};
use crate::cli::exit::{Exit, Failed, OrExit};
use crate::cli::output;
use crate::cli::query::{Printer, table};

/// Rows of one batch of output.
const BATCH: usize = 65_536;
/// Longest bucket, seconds.
const LONGEST: u32 = 86_400 * 7;

/// Scores the file and writes a row for every bucket of every series.
pub fn run(input: &Path, args: &DetectFile, format: TableFormat) -> Result<Exit, Failed> {
    let function = function(args).or_exit(Exit::Usage)?;
    let counts = counts(function).or_exit(Exit::Usage)?;
    if args.value.is_none() && !function.description().ends_with("count") {
        return Err(anyhow!("{} needs --value, the column of values", function.as_str())).or_exit(Exit::Usage);
    }
    let columns = Columns {
        time: args.time.clone().unwrap_or_default(),
        value: args.value.clone(),
        by: args.by.clone(),
        distinct: function.description() == "distinct_count",
        counts,
    };
    if input.as_os_str() != "-" && !input.is_file() {
        return Err(anyhow!("{} is not a file", input.display())).or_exit(Exit::NoInput);
    }
    let mut read = read(input, &columns).or_exit(Exit::Data)?;
    let exit = report(&read);
    if read.rows.is_empty() {
        return Err(anyhow!("{} has no row with a time and a value", input.display())).or_exit(Exit::Data);
    }
    let rows = std::mem::take(&mut read.rows);
    let (span, offset) = span(args, &rows).or_exit(Exit::Usage)?;
    let settings = ScorerSettings {
        function,
        span,
        offset,
        time_zone: args.timezone,
        events: args.value.is_none(),
        groups: groups(&read.series),
    };
    let scored = score_table(rows, &settings)?;
    let renormaliser =
        args.renormalize.then(|| Renormaliser::new(scored.iter().map(|bucket| bucket.surprise).collect()));
    let written = write(&scored, &read, args, renormaliser.as_ref(), format)?;
    output::finish(written, exit)
}

fn function(args: &DetectFile) -> anyhow::Result<Function> {
    let name = args.function.as_deref().unwrap_or(if args.value.is_some() { "mean" } else { "count" });
    Function::named(name).ok_or_else(|| {
        let known: Vec<&str> = Function::ALL.iter().filter(|f| counts(**f).is_ok()).map(|f| f.as_str()).collect();
        anyhow!("there is no function {name:?}; those for files are {}", known.join(", "))
    })
}

/// Length of a bucket (s) and where buckets begin (ms): at multiples of the span, or, where the span is that of the rows,
/// at their times.
fn span(args: &DetectFile, rows: &[TableRow]) -> anyhow::Result<(u32, i64)> {
    if let Some(span) = args.bucket_span {
        let seconds =
            u32::try_from(span.as_secs()).ok().filter(|s| (1..=LONGEST).contains(s) && span.subsec_nanos() == 0);
        return seconds
            .map(|seconds| (seconds, 0))
            .ok_or_else(|| anyhow!("--bucket-span {span:?} is not a whole number of seconds from 1s to 7d"));
    }
    let span = infer_span(rows).context("the rows do not say how long a bucket is; say --bucket-span")?;
    let first = rows.iter().map(|row| row.time).min().unwrap_or(0);
    Ok((span, first.rem_euclid(i64::from(span) * 1000)))
}

/// Series that share the first by-column belong together.
fn groups(series: &[Vec<String>]) -> Vec<u32> {
    let mut known: HashMap<&str, u32> = HashMap::new();
    series
        .iter()
        .enumerate()
        .map(|(at, by)| match by.as_slice() {
            [first, _, ..] => {
                let next = known.len() as u32;
                *known.entry(first.as_str()).or_insert(next)
            }
            _ => at as u32,
        })
        .collect()
}

/// Says what was left out; the exit code that this asks for.
fn report(read: &Table) -> Exit {
    if read.empty > 0 {
        tracing::warn!("{} rows without a value were left out", read.empty);
    }
    match &read.first_odd {
        Some(first) => {
            tracing::error!("{} rows were not understood and left out, the first being {first}", read.odd);
            Exit::Data
        }
        None => Exit::Ok,
    }
}

fn write(
    scored: &[ScoredBucket],
    read: &Table,
    args: &DetectFile,
    renormaliser: Option<&Renormaliser>,
    format: TableFormat,
) -> Result<std::io::Result<()>, Failed> {
    let mut out: Box<dyn Write> = match &args.output {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("failed to create {}", path.display()));
            Box::new(BufWriter::new(file.or_exit(Exit::CannotCreate)?))
        }
        None => Box::new(output::stdout()),
    };
    if format == TableFormat::Table {
        let batch = batch(scored, read, args, renormaliser)?;
        let text = table(&batch.schema(), &[batch])?;
        return Ok(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }
    let mut printer = Printer::to(out, format, batch(&[], read, args, None)?.schema());
    for part in scored.chunks(BATCH) {
        let written = printer.write(&batch(part, read, args, renormaliser)?);
        if written.is_err() {
            return Ok(written);
        }
    }
    Ok(printer.finish())
}

fn batch(
    scored: &[ScoredBucket],
    read: &Table,
    args: &DetectFile,
    renormaliser: Option<&Renormaliser>,
) -> anyhow::Result<RecordBatch> {
    let number = |value: &dyn Fn(&ScoredBucket) -> f64| -> ArrayRef {
        Arc::new(scored.iter().map(|bucket| Some(value(bucket))).collect::<Float64Array>())
    };
    let time = scored.iter().map(|bucket| Some(bucket.time)).collect::<TimestampMillisecondArray>();
    let mut columns: Vec<(&str, ArrayRef)> = vec![("time", Arc::new(time.with_timezone("UTC")))];
    for (place, name) in args.by.iter().enumerate() {
        let of = |bucket: &ScoredBucket| Some(read.series[bucket.series as usize][place].as_str());
        columns.push((name, Arc::new(scored.iter().map(of).collect::<StringArray>())));
    }
    let score = |bucket: &ScoredBucket| {
        renormaliser.map_or(bucket.score, |renormaliser| renormaliser.score(bucket.surprise, bucket.score))
    };
    columns.extend([
        ("score", number(&|bucket| rounded(score(bucket)))),
        ("initial_score", number(&|bucket| rounded(bucket.score))),
        ("probability", number(&|bucket| bucket.probability)),
        ("actual", number(&|bucket| bucket.actual)),
        ("typical", number(&|bucket| bucket.typical)),
        ("lower", number(&|bucket| bucket.lower)),
        ("upper", number(&|bucket| bucket.upper)),
    ]);
    Ok(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, values)| (name, values, true)))?)
}

fn rounded(score: f64) -> f64 {
    (score * 10_000.0).round() / 10_000.0
}
