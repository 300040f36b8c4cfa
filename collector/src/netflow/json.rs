//! One decoded record as a JSON object, every field under its registered name.
//!
//! Owns the shape of `decode` output; must not know ingest.

use serde_json::{Map, Value};

use super::elements::{Kind, describe, v9_scope_name};
use super::normalise::MessageContext;
use super::template::Template;
use super::time::{from_uptime, readable};
use super::value::{fields_of, value};
use super::wire::unsigned;

const FLOW_END_SYS_UP_TIME: u16 = 21;
const FLOW_START_SYS_UP_TIME: u16 = 22;
const PADDING_OCTETS: u16 = 210;

/// A decoded record: `exporter`, `domain`, `version`, `template_id`, `export_time`, `sequence`, then the fields by name
/// (v5: those of the header first).
/// A name that occurs twice holds an array.
pub(crate) fn object(context: &MessageContext, template: &Template, record: &[u8]) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("exporter".into(), context.exporter.to_string().into());
    object.insert("domain".into(), context.domain.into());
    object.insert("version".into(), context.version.into());
    object.insert("template_id".into(), template.id.into());
    object.insert("export_time".into(), readable(context.exported).into());
    object.insert("sequence".into(), context.sequence.into());
    if let Some(sampling) = context.v5_sampling {
        object.insert("engineType".into(), (context.domain >> 8).into());
        object.insert("engineId".into(), (context.domain & 0xff).into());
        object.insert("samplingAlgorithm".into(), (sampling >> 14).into());
        object.insert("samplingInterval".into(), (sampling & 0x3fff).into());
    }
    for (index, field, bytes) in fields_of(template, record) {
        if field.enterprise == 0 && field.id == PADDING_OCTETS {
            continue;
        }
        if template.v9_scopes && index < template.scopes {
            let name = v9_scope_name(field.id).map_or_else(|| format!("scope{}", field.id), str::to_owned);
            add(&mut object, name, value(Kind::Unsigned, bytes, context.exported));
            continue;
        }
        let (name, kind) = describe(field.enterprise, field.id);
        let shown = match (field.enterprise, field.id, context.uptime) {
            (0, FLOW_END_SYS_UP_TIME | FLOW_START_SYS_UP_TIME, Some(uptime)) if bytes.len() == 4 => {
                Value::String(readable(from_uptime(unsigned(bytes) as u32, uptime, context.exported)))
            }
            _ => value(kind, bytes, context.exported),
        };
        add(&mut object, name.into_owned(), shown);
    }
    object
}

fn add(object: &mut Map<String, Value>, name: String, value: Value) {
    match object.get_mut(&name) {
        None => {
            object.insert(name, value);
        }
        Some(Value::Array(values)) => values.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}
