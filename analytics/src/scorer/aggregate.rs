//! What a function makes of the values of a bucket.

use std::collections::BTreeMap;

use jobs::detector::Function;

use super::{TableRow, Unsupported};

/// How values become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Sum,
    Distinct,
    Mean,
    Median,
    Min,
    Max,
    Variance,
}

/// A function of the values of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aggregate {
    how: How,
    /// A bucket in which nothing is counted is unknown.
    non_zero: bool,
}

impl Aggregate {
    /// The aggregate of a function of Elastic's anomaly detection.
    pub fn new(function: Function) -> Result<Self, Unsupported> {
        let how = match function.description() {
            "count" | "non_zero_count" | "sum" | "non_null_sum" => How::Sum,
            "distinct_count" => How::Distinct,
            "mean" | "metric" => How::Mean,
            "median" => How::Median,
            "min" => How::Min,
            "max" => How::Max,
            "varp" => How::Variance,
            _ => return Err(Unsupported(function)),
        };
        Ok(Self { how, non_zero: function.description() == "non_zero_count" })
    }

    /// One value per series with any. Values that are none count as 1 where values are summed.
    pub fn apply(self, rows: &[TableRow]) -> BTreeMap<u32, f64> {
        let mut values: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for row in rows {
            values.entry(row.series).or_default().push(if row.value.is_nan() { 1.0 } else { row.value });
        }
        values
            .into_iter()
            .map(|(series, values)| (series, self.one(values)))
            .filter(|(_, value)| value.is_finite() && !(self.non_zero && *value == 0.0))
            .collect()
    }

    fn one(self, mut values: Vec<f64>) -> f64 {
        let n = values.len() as f64;
        match self.how {
            How::Sum => values.iter().sum(),
            How::Mean => mean(&values),
            How::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            How::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            How::Variance => {
                let mean = mean(&values);
                values.iter().map(|value| (value - mean).powi(2) / n).sum()
            }
            How::Median => {
                values.sort_by(f64::total_cmp);
                let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
                low / 2.0 + high / 2.0
            }
            How::Distinct => {
                values.sort_by(f64::total_cmp);
                values.dedup();
                values.len() as f64
            }
        }
    }
}

/// The mean, without the sum that may overflow.
fn mean(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if values.len() == 1 { values[0] } else { values.iter().map(|value| value / n).sum() }
}
