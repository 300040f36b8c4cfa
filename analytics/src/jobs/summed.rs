//! Documents that a datafeed's aggregations make: sessions summed up per histogram bucket and terms.

use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::error::Result;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions_aggregate::expr_fn::{avg, count, grouping, max, min, sum};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_window::expr_fn::dense_rank;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr, ExprFunctionExt, Operator, cast, grouping_set, ident, lit, when};
use jobs::aggregation::{Aggregations, Computed, Kind as Measured, Metric, Terms};
use jobs::json::{Node, ReadError};
use serde_json::Value;

use super::columns::{Column, Kind, column};
use super::count::micros;
use super::filter::{Compiler, balanced};
use super::scripts::{truth, value};

/// Aggregations over columns.
#[derive(Debug, Clone)]
pub(crate) struct Summed {
    /// Length of a histogram bucket, µs.
    interval: i64,
    terms: Vec<(Terms, Column)>,
    measures: Vec<(Option<String>, What)>,
    selectors: Vec<Computed>,
    /// Place of the measure that tells how many documents one stands for.
    weight: usize,
}

#[derive(Debug, Clone)]
enum What {
    Aggregate(Expr),
    /// How many distinct values there are.
    Distinct(Expr),
    Script(Computed),
}

/// Plans aggregations; `weight` names how many documents one stands for.
pub(crate) fn summed(
    aggregations: &Aggregations,
    weight: Option<&str>,
    compiler: &mut Compiler,
    path: &str,
) -> std::result::Result<Summed, ReadError> {
    let known = |field: &str| column(field).ok();
    let refused = |error: DataFusionError| Node::at(&Value::Null, path).refuse(error.message().to_string());
    let mut terms = Vec::new();
    for level in &aggregations.terms {
        if let Some(column) = known(&level.field) {
            terms.push((level.clone(), column));
        }
    }
    let mut measures = Vec::new();
    for measure in &aggregations.measures {
        let filters = measure.filters.iter().map(|query| compiler.query(query, path)).collect::<Result<Vec<_>, _>>()?;
        let filter = balanced(filters, Operator::And);
        let expr = match &measure.kind {
            Measured::Script(computed) => {
                measures.push((measure.name.clone(), What::Script(computed.clone())));
                continue;
            }
            Measured::Count => count(lit(1_i64)),
            Measured::Metric(metric, field) => {
                let value = known(field).map_or_else(|| lit(ScalarValue::Null), |column| column.expr);
                let number = cast(value.clone(), DataType::Float64);
                match metric {
                    Metric::Avg => avg(number),
                    Metric::Sum => sum(number),
                    Metric::Min => min(number),
                    Metric::Max => max(number),
                    Metric::Cardinality => {
                        let value = filter.map_or(Ok(value.clone()), |filter| when(filter, value).end());
                        measures.push((measure.name.clone(), What::Distinct(value.map_err(refused)?)));
                        continue;
                    }
                    Metric::ValueCount => count(value),
                }
            }
        };
        let expr = match filter {
            None => expr,
            Some(filter) => expr.filter(filter).build().map_err(refused)?,
        };
        measures.push((measure.name.clone(), What::Aggregate(cast(expr, DataType::Float64))));
    }
    let place = |name: &str| aggregations.measures.iter().position(|measure| measure.name.as_deref() == Some(name));
    let all = aggregations.measures.iter().position(|measure| measure.path == "_count").unwrap_or(0);
    let weight = weight.and_then(place).unwrap_or(all);
    let interval = i64::try_from(aggregations.interval.as_nanos() / 1_000).unwrap_or(i64::MAX);
    Ok(Summed { interval, terms, measures, selectors: aggregations.selectors.clone(), weight })
}

impl Summed {
    /// What a document carries under this name.
    pub fn kind(&self, name: &str) -> Option<Kind> {
        let term = self.terms.iter().find(|(level, _)| level.name == name).map(|(_, column)| column.kind);
        term.or_else(|| self.measures.iter().any(|(known, _)| known.as_deref() == Some(name)).then_some(Kind::Number))
    }

    /// Everything that is computed of stored columns.
    pub fn exprs(&self) -> Vec<Expr> {
        let terms = self.terms.iter().map(|(_, column)| column.expr.clone());
        let measures = self.measures.iter().filter_map(|(_, what)| match what {
            What::Aggregate(expr) | What::Distinct(expr) => Some(expr.clone()),
            What::Script(_) => None,
        });
        terms.chain(measures).collect()
    }

    /// The column that carries a name.
    pub fn column(&self, name: &str) -> Option<Expr> {
        let term = self.terms.iter().position(|(level, _)| level.name == name).map(|place| ident(term(place)));
        let measured = || self.measures.iter().position(|(known, _)| known.as_deref() == Some(name));
        term.or_else(|| measured().map(|place| ident(measure(place))))
    }

    /// How many sessions a document stands for.
    pub fn weight(&self) -> Expr {
        coalesce(vec![ident(measure(self.weight)), lit(0.0)])
    }

    /// Start of a document's histogram bucket, µs.
    pub fn time(&self) -> Expr {
        ident("slot") * lit(self.interval)
    }

    /// The documents of these sessions.
    pub fn documents(&self, sessions: DataFrame) -> Result<DataFrame> {
        let mut groups = vec![("slot".to_owned(), micros("end") / lit(self.interval))];
        for (place, (level, column)) in self.terms.iter().enumerate() {
            let value = match (&level.missing, column.kind) {
                (Some(text), Kind::Text) => coalesce(vec![column.expr.clone(), lit(text.clone())]),
                _ => column.expr.clone(),
            };
            groups.push((term(place), value));
        }
        let mut frame = self.measured(sessions, groups)?;
        frame = self.kept(frame)?;
        for (place, (_, what)) in self.measures.iter().enumerate() {
            if let What::Script(computed) = what {
                let script = value(&computed.script, &|name| parameter(computed, name));
                frame = frame.with_column(&measure(place), script)?;
            }
        }
        for selector in &self.selectors {
            let chosen = truth(&selector.script, &|name| parameter(selector, name)).is_true();
            frame = frame.filter(chosen)?;
        }
        Ok(frame)
    }

    /// One row per group with what is measured of it.
    ///
    /// Each distinct value is a row first: `count(DISTINCT)` sets kilobytes aside for every group.
    fn measured(&self, sessions: DataFrame, groups: Vec<(String, Expr)>) -> Result<DataFrame> {
        let (mut sums, mut values) = (Vec::new(), Vec::new());
        for (place, (_, what)) in self.measures.iter().enumerate() {
            match what {
                What::Aggregate(expr) => sums.push((measure(place), expr.clone())),
                What::Distinct(expr) => values.push((measure(place), expr.clone())),
                What::Script(_) => {}
            }
        }
        let named = sums.iter().map(|(name, expr)| expr.clone().alias(name));
        if values.is_empty() {
            let groups = groups.into_iter().map(|(name, expr)| expr.alias(name));
            return sessions.aggregate(groups.collect(), named.collect());
        }
        let mut frame = sessions;
        for (name, expr) in groups.iter().chain(&values) {
            frame = frame.with_column(name, expr.clone())?;
        }
        let keys: Vec<Expr> = groups.iter().map(|(name, _)| ident(name)).collect();
        let with = |value: &str| keys.iter().cloned().chain([ident(value)]).collect();
        let sets = std::iter::once(keys.clone()).chain(values.iter().map(|(name, _)| with(name)));
        // 1 in rows of whole groups, 0 in those of one value.
        let mark = |name: &str| format!("{name}_whole");
        let marks = values.iter().map(|(name, _)| grouping(ident(name)).alias(mark(name)));
        frame = frame.aggregate(vec![grouping_set(sets.collect())], named.chain(marks).collect())?;
        let whole = values.iter().map(|(name, _)| ident(mark(name)).eq(lit(1))).collect();
        let whole = balanced(whole, Operator::And).unwrap_or_else(|| lit(true));
        let mut measures = Vec::new();
        for (name, _) in &sums {
            measures.push(max(ident(name)).filter(whole.clone()).build()?.alias(name));
        }
        for (name, _) in &values {
            let each = count(ident(name)).filter(ident(mark(name)).eq(lit(0))).build()?;
            measures.push(cast(each, DataType::Float64).alias(name));
        }
        frame.aggregate(keys, measures)
    }

    /// Leaves out documents without a value, and of each level all but the values with the most sessions.
    fn kept(&self, mut frame: DataFrame) -> Result<DataFrame> {
        let all = self.measures.iter().position(|(name, what)| name.is_none() && matches!(what, What::Aggregate(_)));
        let documents = ident(measure(all.unwrap_or(0)));
        let mut parents = vec![ident("slot")];
        for (place, (level, column)) in self.terms.iter().enumerate() {
            let name = term(place);
            if column.nullable && !level.missing_bucket {
                frame = frame.filter(ident(&name).is_not_null())?;
            }
            let mut own = parents.clone();
            own.push(ident(&name));
            if level.size.is_some() || level.min_count > 1 {
                let total = Expr::from(WindowFunction::new(sum_udaf(), vec![documents.clone()]));
                let total = total.partition_by(own.clone()).build()?;
                frame = frame.window(vec![total.alias("total")])?;
                if level.min_count > 1 {
                    frame = frame.filter(ident("total").gt_eq(lit(level.min_count as f64)))?;
                }
                if let Some(size) = level.size {
                    let order = vec![ident("total").sort(false, false), ident(&name).sort(true, false)];
                    let rank = dense_rank().partition_by(parents.clone()).order_by(order).build()?;
                    frame = frame.window(vec![rank.alias("rank")])?.filter(ident("rank").lt_eq(lit(size)))?;
                    frame = frame.drop_columns(&["rank"])?;
                }
                frame = frame.drop_columns(&["total"])?;
            }
            parents = own;
        }
        Ok(frame)
    }
}

fn term(place: usize) -> String {
    format!("t{place}")
}

fn measure(place: usize) -> String {
    format!("m{place}")
}

/// The measure that a parameter stands for.
fn parameter(of: &Computed, name: &str) -> Expr {
    let place = of.params.iter().find(|(known, _)| known == name).map_or(0, |(_, place)| *place);
    let column = ident(measure(place));
    if of.zeros { coalesce(vec![column, lit(0.0)]) } else { column }
}
