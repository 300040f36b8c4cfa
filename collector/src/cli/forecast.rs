//! `halfopen forecast`: what a series is expected to have in the buckets to come.

use std::sync::Arc;
use std::time::Duration;

use ::jobs::{Level, SeriesKey};
use analytics::{ForecastPoint, Forecaster, SessionStore, series_label};
use arrow::array::{ArrayRef, Float64Array, RecordBatch, TimestampMillisecondArray};

use super::args::{Forecast, TableFormat};
use super::exit::{Exit, Failed, OrExit};
use super::query::{Printer, table};
use super::{config, output};
use crate::service::settings;

/// Nobody plans further ahead by quarter hours.
const FURTHEST: Duration = Duration::from_hours(1344);

/// Prints the forecast.
pub fn run(args: &Forecast) -> Result<Exit, Failed> {
    let (config, dir) = config::of_place(&args.place)?;
    let store = SessionStore::open_existing(&dir).or_exit(Exit::NoInput)?;
    let horizon = args.horizon.0;
    if horizon > FURTHEST {
        return Err(anyhow::anyhow!("--horizon {}: the furthest is 56d", args.horizon)).or_exit(Exit::Usage);
    }
    let key = key(args);
    let buckets = horizon.as_secs().div_ceil(config.detection.bucket_span.0.as_secs().max(1));
    let forecaster = Forecaster::new(&store, &settings::detection(&config)).or_exit(Exit::Config)?;
    let points = forecaster.series(&key, buckets as usize).ok_or_else(|| {
        let (label, perspective) = (series_label(&key), key.perspective);
        anyhow::anyhow!(
            "there is no model of {label} ({perspective}): it has not failed lately, or detection has not run"
        )
    })?;
    let batch = rows(&points)?;
    if args.format == TableFormat::Table {
        return output::print(&table(&batch.schema(), &[batch])?);
    }
    let mut printer = Printer::new(args.format, batch.schema());
    let written = printer.write(&batch).and_then(|()| printer.finish());
    output::finish(written, Exit::Ok)
}

fn key(args: &Forecast) -> SeriesKey {
    let level = match (args.server, args.port, args.client) {
        (Some(_), Some(_), _) => Level::ServerPort,
        (Some(_), None, _) => Level::Server,
        (None, Some(_), _) => Level::Port,
        (None, None, Some(_)) => Level::Client,
        (None, None, None) => Level::Perspective,
    };
    SeriesKey { perspective: args.perspective.into(), level, server: args.server, port: args.port, client: args.client }
}

fn rows(points: &[ForecastPoint]) -> anyhow::Result<RecordBatch> {
    let number = |value: fn(&ForecastPoint) -> f64| -> ArrayRef {
        let rounded = |point: &ForecastPoint| (value(point) * 100.0).round() / 100.0;
        Arc::new(points.iter().map(|point| Some(rounded(point))).collect::<Float64Array>())
    };
    let time = points.iter().map(|point| Some(point.timestamp)).collect::<TimestampMillisecondArray>();
    Ok(RecordBatch::try_from_iter([
        ("time", Arc::new(time.with_timezone("UTC")) as ArrayRef),
        ("typical", number(|point| point.expected.typical)),
        ("lower", number(|point| point.expected.lower)),
        ("upper", number(|point| point.expected.upper)),
    ])?)
}
