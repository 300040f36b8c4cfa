//! Reads aggregations from Elasticsearch's JSON; what is not understood is refused by its path.

use super::script::Script;
use super::{Aggregations, Computed, Kind, Measure, Metric, Terms};
use crate::json::{Node, Object, ReadError};
use crate::query::Query;
use crate::span::Span;

const METRICS: [(&str, Metric); 6] = [
    ("avg", Metric::Avg),
    ("sum", Metric::Sum),
    ("min", Metric::Min),
    ("max", Metric::Max),
    ("cardinality", Metric::Cardinality),
    ("value_count", Metric::ValueCount),
];
/// Calendar units that are as long every time in UTC.
const CALENDAR: [(&str, Span); 8] = [
    ("second", Span::seconds(1)),
    ("1s", Span::seconds(1)),
    ("minute", Span::minutes(1)),
    ("1m", Span::minutes(1)),
    ("hour", Span::hours(1)),
    ("1h", Span::hours(1)),
    ("day", Span::days(1)),
    ("1d", Span::days(1)),
];
/// Most aggregations that are read.
const MOST: usize = 200;

/// An aggregation: its name, what kind it is, its body, and those within.
struct Named<'a> {
    name: &'a str,
    node: Node<'a>,
    kind: &'a str,
    body: Node<'a>,
    inner: Vec<Named<'a>>,
}

impl Aggregations {
    /// Reads the `aggregations` of a datafeed.
    ///
    /// # Errors
    /// A form that is not understood, by its path.
    pub fn from_json(node: &Node<'_>) -> Result<Self, ReadError> {
        let mut left = MOST;
        let named = named(node, &mut left)?;
        let [top] = named.as_slice() else {
            return Err(node.refuse(format!("expected one date_histogram or composite, found {}", named.len())));
        };
        let mut out = match top.kind {
            "date_histogram" => histogram(&top.body)?,
            "composite" => composite(top)?,
            other => return Err(top.body.refuse(format!("expected date_histogram or composite, found {other:?}"))),
        };
        out.measures.push(Measure { path: "_count".to_owned(), name: None, filters: Vec::new(), kind: Kind::Count });
        out.level(&top.inner)?;
        Ok(out)
    }

    /// Reads what stands within a bucket: either one more bucket, or what the innermost computes.
    fn level(&mut self, inner: &[Named<'_>]) -> Result<(), ReadError> {
        let (buckets, rest): (Vec<_>, Vec<_>) = inner.iter().partition(|part| part.kind == "terms");
        if let Some(second) = buckets.get(1) {
            return Err(second.node.refuse("terms beside other terms: a document has one place"));
        }
        let Some(bucket) = buckets.first() else { return self.measures(&rest) };
        for part in rest {
            if !self.is_time(part)? {
                return Err(part.node.refuse("only the innermost bucket may compute something"));
            }
        }
        let terms = terms(bucket.name, &bucket.body)?;
        self.terms.push(terms);
        self.level(&bucket.inner)
    }

    /// The `max` of the time field that every datafeed carries: the document's time.
    fn is_time(&self, part: &Named<'_>) -> Result<bool, ReadError> {
        if part.kind != "max" {
            return Ok(false);
        }
        let mut body = part.body.object()?;
        Ok(body.require("field")?.text()? == self.time_field)
    }

    fn measures(&mut self, parts: &[&Named<'_>]) -> Result<(), ReadError> {
        let is_script = |part: &&&Named<'_>| matches!(part.kind, "bucket_script" | "bucket_selector");
        for part in parts.iter().filter(|part| !is_script(part)) {
            if !self.is_time(part)? {
                self.measure(part, "", &[])?;
            }
        }
        let mut scripts: Vec<&Named<'_>> = parts.iter().filter(is_script).copied().collect();
        // Scripts may use one another: each is taken once what it uses is there.
        while !scripts.is_empty() {
            let before = scripts.len();
            let mut waiting = Vec::new();
            for part in scripts {
                if !self.script(part)? {
                    waiting.push(part);
                }
            }
            if let Some(first) = waiting.first().filter(|_| waiting.len() == before) {
                return Err(self.unresolved(first, &waiting)?);
            }
            scripts = waiting;
        }
        Ok(())
    }

    fn measure(&mut self, part: &Named<'_>, prefix: &str, filters: &[Query]) -> Result<(), ReadError> {
        let path = |name: &str| format!("{prefix}{name}");
        if let Some((_, metric)) = METRICS.iter().find(|(known, _)| *known == part.kind) {
            let mut body = part.body.object()?;
            let field = body.require("field")?.text()?.to_owned();
            body.get("precision_threshold");
            body.finish()?;
            let name = Some(part.name.to_owned());
            let kind = Kind::Metric(*metric, field);
            self.measures.push(Measure { path: path(part.name), name, filters: filters.to_vec(), kind });
            return Ok(());
        }
        let groups: Vec<(String, Query)> = match part.kind {
            "filter" => vec![(format!("{}>", path(part.name)), Query::from_json(&part.body)?)],
            "filters" => {
                let mut body = part.body.object()?;
                let entries = body.require("filters")?.object()?.entries();
                body.finish()?;
                let read = |(key, node): &(&str, Node<'_>)| {
                    Ok((format!("{}['{key}']>", path(part.name)), Query::from_json(node)?))
                };
                entries.iter().map(read).collect::<Result<_, ReadError>>()?
            }
            other => return Err(part.body.refuse(format!("aggregation {other:?} cannot be run"))),
        };
        for (prefix, query) in groups {
            let filters: Vec<Query> = filters.iter().cloned().chain([query]).collect();
            let count = format!("{prefix}_count");
            self.measures.push(Measure { path: count, name: None, filters: filters.clone(), kind: Kind::Count });
            for inner in &part.inner {
                self.measure(inner, &prefix, &filters)?;
            }
        }
        Ok(())
    }

    /// Takes a script in, once everything that it uses is there.
    fn script(&mut self, part: &Named<'_>) -> Result<bool, ReadError> {
        let mut body = part.body.object()?;
        let text = body.require("script")?;
        let text = if text.value().is_object() {
            let mut object = text.object()?;
            let source = object.get("source").map_or_else(|| object.require("inline"), Ok)?;
            object.get("lang");
            object.finish()?;
            source
        } else {
            text
        };
        let script = Script::parse(text.text()?).map_err(|problem| text.refuse(problem))?;
        let paths = body.require("buckets_path")?;
        let zeros = body.text("gap_policy")?.as_deref() == Some("insert_zeros");
        body.get("format");
        body.finish()?;
        let mut params = Vec::new();
        for (name, node) in paths.object()?.entries() {
            let Some(place) = self.place(node.text()?) else { return Ok(false) };
            params.push((name.to_owned(), place));
        }
        if let Some(unknown) = script.params().into_iter().find(|name| !params.iter().any(|(known, _)| known == name)) {
            return Err(text.refuse(format!("script parameter {unknown:?} is not in buckets_path")));
        }
        let computed = Computed { script, params, zeros };
        if part.kind == "bucket_selector" {
            self.selectors.push(computed);
        } else {
            let path = part.name.to_owned();
            let (name, kind) = (Some(path.clone()), Kind::Script(computed));
            self.measures.push(Measure { path, name, filters: Vec::new(), kind });
        }
        Ok(true)
    }

    fn place(&self, path: &str) -> Option<usize> {
        let path: String = path.split('>').map(str::trim).collect::<Vec<_>>().join(">");
        let path = path.strip_suffix(".value").unwrap_or(&path).replace('"', "'");
        let dotted = path.strip_suffix("._count").map(|start| format!("{start}>_count"));
        self.measures.iter().position(|measure| measure.path == path || Some(&measure.path) == dotted.as_ref())
    }

    /// Why the scripts cannot be put in order: one uses something unknown, or they use each other in a circle.
    fn unresolved(&self, first: &Named<'_>, waiting: &[&Named<'_>]) -> Result<ReadError, ReadError> {
        for part in waiting {
            for (_, node) in part.body.object()?.require("buckets_path")?.object()?.entries() {
                let path = node.text()?;
                if self.place(path).is_none() && !waiting.iter().any(|other| other.name == path) {
                    return Ok(node.refuse(format!("buckets_path {path:?} leads nowhere")));
                }
            }
        }
        Ok(first.node.refuse(format!("script {:?} uses itself by way of others", first.name)))
    }
}

/// The aggregations of an object, each with those within.
fn named<'a>(node: &Node<'a>, left: &mut usize) -> Result<Vec<Named<'a>>, ReadError> {
    let mut found = Vec::new();
    for (name, node) in node.object()?.entries() {
        *left = left.checked_sub(1).ok_or_else(|| node.refuse(format!("more than {MOST} aggregations")))?;
        let mut inner = Vec::new();
        let mut what = None;
        for (key, body) in node.object()?.entries() {
            match key {
                "aggs" | "aggregations" => inner = named(&body, left)?,
                "meta" => {}
                _ if what.is_some() => return Err(body.refuse("an aggregation has one kind")),
                kind => what = Some((kind, body)),
            }
        }
        let (kind, body) = what.ok_or_else(|| node.refuse("an aggregation needs a kind"))?;
        found.push(Named { name, node, kind, body, inner });
    }
    Ok(found)
}

fn histogram(body: &Node<'_>) -> Result<Aggregations, ReadError> {
    let mut object = body.object()?;
    let time_field = object.require("field")?.text()?.to_owned();
    let interval = interval(&mut object, body)?;
    if let Some(zone) = object.get("time_zone")
        && !["UTC", "Z", "+00:00", "Etc/UTC", "GMT"].contains(&zone.text()?)
    {
        return Err(zone.refuse("only UTC buckets can be run"));
    }
    for key in ["min_doc_count", "order", "keyed", "format"] {
        object.get(key);
    }
    object.finish()?;
    Ok(Aggregations { time_field, interval, terms: Vec::new(), measures: Vec::new(), selectors: Vec::new() })
}

fn interval(object: &mut Object<'_>, body: &Node<'_>) -> Result<Span, ReadError> {
    let fixed = object.get("fixed_interval");
    let calendar = object.get("calendar_interval");
    let either = object.get("interval");
    let known = |node: &Node<'_>| -> Result<Option<Span>, ReadError> {
        let text = node.text()?;
        Ok(CALENDAR.iter().find(|(name, _)| *name == text).map(|(_, span)| *span))
    };
    let span = match (fixed, calendar, either) {
        (Some(node), None, None) => node.parsed()?,
        (None, Some(node), None) => {
            known(&node)?.ok_or_else(|| node.refuse("only second, minute, hour and day can be run"))?
        }
        (None, None, Some(node)) => match node.value().as_u64() {
            Some(millis) => Span::seconds(millis / 1000),
            None => known(&node)?.map_or_else(|| node.parsed(), Ok)?,
        },
        _ => return Err(body.refuse("expected one of fixed_interval, calendar_interval and interval")),
    };
    if span.as_seconds() == 0 { Err(body.refuse("an interval is at least a second")) } else { Ok(span) }
}

fn terms(name: &str, body: &Node<'_>) -> Result<Terms, ReadError> {
    const USUAL_SIZE: u64 = 10;
    let mut object = body.object()?;
    let field = object.require("field")?.text()?.to_owned();
    let size = object.read("size", Node::count)?.unwrap_or(USUAL_SIZE);
    if size == 0 {
        return Err(body.refuse("size is at least 1"));
    }
    let min_count = object.read("min_doc_count", Node::count)?.unwrap_or(1);
    let missing = object.read("missing", |node| match node.value() {
        serde_json::Value::String(text) => Ok(text.clone()),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        _ => Err(node.refuse("expected a string or a number")),
    })?;
    if let Some(order) = object.get("order")
        && *order.value() != serde_json::json!({"_count": "desc"})
    {
        return Err(order.refuse("only the order {\"_count\": \"desc\"} can be run"));
    }
    for key in ["shard_size", "shard_min_doc_count", "show_term_doc_count_error", "collect_mode", "execution_hint"] {
        object.get(key);
    }
    object.finish()?;
    Ok(Terms { name: name.to_owned(), field, size: Some(size), min_count, missing, missing_bucket: false })
}

fn composite(top: &Named<'_>) -> Result<Aggregations, ReadError> {
    let mut object = top.body.object()?;
    object.get("size");
    let sources = object.require("sources")?;
    object.finish()?;
    let (mut out, mut terms) = (None, Vec::new());
    for source in sources.array()? {
        let (name, what) = source.single()?;
        let (kind, body) = what.single()?;
        match kind {
            "date_histogram" if out.is_none() => out = Some(histogram(&body)?),
            "terms" => {
                let mut object = body.object()?;
                let field = object.require("field")?.text()?.to_owned();
                let missing_bucket = object.read("missing_bucket", Node::flag)?.unwrap_or(false);
                for key in ["order", "missing_order"] {
                    object.get(key);
                }
                object.finish()?;
                let name = name.to_owned();
                terms.push(Terms { name, field, size: None, min_count: 1, missing: None, missing_bucket });
            }
            other => return Err(body.refuse(format!("source {other:?} cannot be run"))),
        }
    }
    let mut out = out.ok_or_else(|| sources.refuse("a composite needs a date_histogram among its sources"))?;
    out.terms = terms;
    Ok(out)
}
