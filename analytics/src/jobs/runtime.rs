//! Runtime fields: numbers that a datafeed's scripts compute of a document.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Operator, cast, lit, when};
use jobs::aggregation::script::{DOC, Script};
use serde_json::Value;

use super::columns::{Column, Kind, column};
use super::filter::balanced;
use super::scripts::value;

/// The column of a runtime field: a number that a script computes of fields.
pub(crate) fn runtime_column(mapping: &Value) -> Result<Column, String> {
    let kind = mapping.get("type").and_then(Value::as_str).unwrap_or_default();
    if !matches!(kind, "long" | "double") {
        return Err(format!("runtime fields of type {kind:?} are not run, \"long\" and \"double\" are"));
    }
    let script = mapping.get("script").ok_or("it has no script")?;
    let text = script.as_str().or_else(|| script.get("source")?.as_str()).ok_or("its script has no source")?;
    let script = Script::parse_emit(text)?;
    let mut fields = BTreeMap::new();
    for name in script.params() {
        let field = name.strip_prefix(DOC).unwrap_or(name);
        let Column { expr, kind, nullable } = column(field).map_err(|missing| missing.refusal(field))?;
        let number = match kind {
            Kind::Number => cast(expr.clone(), DataType::Float64),
            Kind::Flag => cast(cast(expr.clone(), DataType::Int64), DataType::Float64),
            other => return Err(format!("field {field:?} is {}, not a number", other.name())),
        };
        fields.insert(name.to_owned(), (number, expr, nullable));
    }
    let value =
        value(&script, &|name| fields.get(name).map_or_else(|| lit(ScalarValue::Null), |field| field.0.clone()));
    // As in Elasticsearch, a document without one of the fields has no value.
    let known = fields.values().filter(|field| field.2).map(|field| field.1.clone().is_not_null()).collect();
    let expr = match balanced(known, Operator::And) {
        Some(known) => when(known, value).end().map_err(|error| error.message().to_string())?,
        None => value,
    };
    Ok(Column { expr, kind: Kind::Number, nullable: true })
}
