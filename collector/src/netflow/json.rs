//! One decoded record as a JSON object, every field under its registered name.
//!
//! Owns the shape of `decode` output; must not know ingest.

use std::sync::Arc;

use serde_json::{Map, Value};
use tracker::Micros;

use super::elements::{Kind, describe, v9_scope_name};
use super::lists::list;
use super::normalise::MessageContext;
use super::template::Template;
use super::time::{from_uptime, readable};
use super::value::{fields_of, value};
use super::wire::unsigned;

const FLOW_END_SYS_UP_TIME: u16 = 21;
const FLOW_START_SYS_UP_TIME: u16 = 22;
const PADDING_OCTETS: u16 = 210;

/// What is needed to show the fields of a record.
pub(crate) struct Shown<'a> {
    pub(crate) exported: Micros,
    /// `sysUpTime` at export, v5 to v9.
    pub(crate) uptime: Option<u32>,
    /// Templates of the same exporter, for lists of records.
    pub(crate) templates: &'a dyn Fn(u16) -> Option<Arc<Template>>,
    /// Lists that the record lies in.
    pub(crate) depth: usize,
}

impl Shown<'_> {
    /// The same within one more list.
    pub(crate) fn deeper(&self) -> Self {
        Self { depth: self.depth + 1, ..*self }
    }
}

/// A decoded record: `exporter`, `domain`, `version`, `template_id`, `export_time`, `sequence`, then the fields by name
/// (v5: those of the header first).
/// A name that occurs twice holds an array.
pub(crate) fn object(
    context: &MessageContext,
    template: &Template,
    record: &[u8],
    templates: &dyn Fn(u16) -> Option<Arc<Template>>,
) -> Map<String, Value> {
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
    let shown = Shown { exported: context.exported, uptime: context.uptime, templates, depth: 0 };
    fields(&mut object, template, record, &shown);
    object
}

/// Adds the fields of a record.
pub(crate) fn fields(object: &mut Map<String, Value>, template: &Template, record: &[u8], shown: &Shown<'_>) {
    for (index, field, bytes) in fields_of(template, record) {
        if field.enterprise == 0 && field.id == PADDING_OCTETS {
            continue;
        }
        if template.v9_scopes && index < template.scopes {
            let name = v9_scope_name(field.id).map_or_else(|| format!("scope{}", field.id), str::to_owned);
            add(object, name, value(Kind::Unsigned, bytes, shown.exported));
            continue;
        }
        let (name, kind) = describe(field.enterprise, field.id);
        let uptime = matches!((field.enterprise, field.id), (0, FLOW_END_SYS_UP_TIME | FLOW_START_SYS_UP_TIME));
        let readable = match shown.uptime {
            Some(at_export) if uptime && bytes.len() == 4 => {
                Value::String(readable(from_uptime(unsigned(bytes) as u32, at_export, shown.exported)))
            }
            _ if kind == Kind::List && field.enterprise == 0 => {
                list(field.id, bytes, shown).unwrap_or_else(|| value(kind, bytes, shown.exported))
            }
            _ => value(kind, bytes, shown.exported),
        };
        add(object, name.into_owned(), readable);
    }
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
