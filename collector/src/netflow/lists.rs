//! Structured data (RFC 6313): lists of values and of records inside a field.
//!
//! Owns how they are read and shown; must not know messages. A list that is not whole is shown as octets.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::elements::describe;
use super::json::{Shown, fields};
use super::layout::{Anchor, Layout, ORIGIN};
use super::template::{FieldSpec, Template, VARIABLE};
use super::value::value;
use super::wire::{u16_at, u32_at};

const BASIC_LIST: u16 = 291;
const SUB_TEMPLATE_LIST: u16 = 292;
const SUB_TEMPLATE_MULTI_LIST: u16 = 293;
/// Lists within lists are followed so far.
const MAX_DEPTH: usize = 8;

/// What a list's members are to each other (RFC 6313 section 4.4).
fn semantic(code: u8) -> Value {
    match code {
        0 => "noneOf".into(),
        1 => "exactlyOneOf".into(),
        2 => "oneOrMoreOf".into(),
        3 => "allOf".into(),
        4 => "ordered".into(),
        255 => "undefined".into(),
        other => other.into(),
    }
}

/// The list in a field of this id, `None` when it is none or is damaged.
pub(crate) fn list(id: u16, bytes: &[u8], shown: &Shown<'_>) -> Option<Value> {
    if shown.depth >= MAX_DEPTH {
        return None;
    }
    let (&code, rest) = bytes.split_first()?;
    let mut object = Map::new();
    object.insert("semantic".into(), semantic(code));
    match id {
        BASIC_LIST => basic(rest, shown, &mut object)?,
        SUB_TEMPLATE_LIST => {
            let (template, records) = rest.split_first_chunk::<2>()?;
            sub_records(u16::from_be_bytes(*template), records, shown, &mut object)?;
        }
        SUB_TEMPLATE_MULTI_LIST => {
            object.insert("lists".into(), multi(rest, shown)?.into());
        }
        _ => return None,
    }
    Some(object.into())
}

/// Values of one element (RFC 6313 section 4.5.1).
fn basic(rest: &[u8], shown: &Shown<'_>, object: &mut Map<String, Value>) -> Option<()> {
    let raw = u16_at(rest, 0)?;
    let length = u16_at(rest, 2)?;
    let enterprise = if raw & 0x8000 == 0 { 0 } else { u32_at(rest, 4)? };
    let content = rest.get(if raw & 0x8000 == 0 { 4 } else { 8 }..)?;
    let field = FieldSpec { enterprise, id: raw & 0x7fff, length };
    let (name, kind) = describe(enterprise, field.id);
    let values = pieces(&[field], content, |record, first| {
        let octets = if length == VARIABLE { record.get(first.start..first.end)? } else { record };
        Some(list(field.id, octets, &shown.deeper()).unwrap_or_else(|| value(kind, octets, shown.exported)))
    })?;
    object.insert("element".into(), name.into());
    object.insert("values".into(), values.into());
    Some(())
}

/// Records of one template (RFC 6313 section 4.5.2).
fn sub_records(id: u16, content: &[u8], shown: &Shown<'_>, object: &mut Map<String, Value>) -> Option<()> {
    object.insert("template_id".into(), id.into());
    let Some(template) = (shown.templates)(id) else {
        // The template has not come (yet): nothing tells where one record ends.
        object.insert("octets".into(), super::value::hex(content).into());
        return Some(());
    };
    let records = pieces(&template.fields, content, |record, _| Some(inner(&template, record, shown)))?;
    object.insert("records".into(), records.into());
    Some(())
}

fn inner(template: &Arc<Template>, record: &[u8], shown: &Shown<'_>) -> Value {
    let mut object = Map::new();
    fields(&mut object, template, record, &shown.deeper());
    object.into()
}

/// Lists of records, each of its own template (RFC 6313 section 4.5.3).
fn multi(mut rest: &[u8], shown: &Shown<'_>) -> Option<Vec<Value>> {
    let mut lists = Vec::new();
    while !rest.is_empty() {
        let (id, length) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
        let mut object = Map::new();
        sub_records(id, rest.get(4..length)?, shown, &mut object)?;
        lists.push(object.into());
        rest = &rest[length..];
    }
    Some(lists)
}

/// Cuts octets into records of these fields. Besides the record, `each` is given where its first variable-length value
/// lies.
fn pieces(
    layout: &[FieldSpec],
    mut rest: &[u8],
    mut each: impl FnMut(&[u8], Anchor) -> Option<Value>,
) -> Option<Vec<Value>> {
    let layout = Layout::of(layout);
    let (mut anchors, mut found) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        let length = layout.measure(rest, &mut anchors).filter(|&length| length > 0)?;
        let (record, after) = rest.split_at(length);
        found.push(each(record, anchors.get(1).copied().unwrap_or(ORIGIN))?);
        rest = after;
    }
    Some(found)
}
