//! Writes a query as Elasticsearch's JSON, always in the long form.

use serde_json::{Map, Value, json};

use super::{Bool, Match, MultiMatch, Operator, Pattern, PatternKind, Query, QueryString, Range, Relation, Scalar};

impl Query {
    /// The query as JSON.
    pub fn to_json(&self) -> Value {
        match self {
            Self::MatchAll => json!({"match_all": {}}),
            Self::MatchNone => json!({"match_none": {}}),
            Self::Bool(parts) => json!({"bool": bool_body(parts)}),
            Self::Term(term) => {
                let mut body = Body::new("value", term.value.to_json());
                body.flag("case_insensitive", term.case_insensitive);
                under("term", &term.field, body)
            }
            Self::Terms { field, values } => {
                let values: Vec<Value> = values.iter().map(Scalar::to_json).collect();
                nest("terms", field, Value::Array(values))
            }
            Self::Exists { field } => json!({"exists": {"field": field}}),
            Self::Range(range) => range_json(range),
            Self::Match(query) => match_json(query),
            Self::MatchPhrase { field, query, slop } => {
                let mut body = Body::new("query", query.to_json());
                body.put("slop", slop.map(Value::from));
                under("match_phrase", field, body)
            }
            Self::MultiMatch(query) => multi_match_json(query),
            Self::Pattern(pattern) => pattern_json(pattern),
            Self::QueryString(query) => query_string_json(query),
            Self::Ids { values } => json!({"ids": {"values": values}}),
            Self::Nested { path, query, ignore_unmapped } => {
                let mut body = Body::new("path", Value::from(path.as_str()));
                body.put("query", Some(query.to_json()));
                body.flag("ignore_unmapped", *ignore_unmapped);
                json!({"nested": body.0})
            }
            Self::ConstantScore(query) => json!({"constant_score": {"filter": query.to_json()}}),
        }
    }
}

impl Scalar {
    /// The value as JSON.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::String(text.clone()),
        }
    }
}

impl Operator {
    const fn as_str(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Or => "or",
        }
    }
}

impl Relation {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Intersects => "intersects",
            Self::Contains => "contains",
            Self::Within => "within",
        }
    }
}

/// An object under construction, into which absent values are not written.
struct Body(Map<String, Value>);

impl Body {
    fn empty() -> Self {
        Self(Map::new())
    }

    fn new(key: &str, value: Value) -> Self {
        let mut body = Self::empty();
        body.put(key, Some(value));
        body
    }

    fn put(&mut self, key: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.0.insert(key.to_owned(), value);
        }
    }

    fn flag(&mut self, key: &str, flag: Option<bool>) {
        self.put(key, flag.map(Value::Bool));
    }

    fn text(&mut self, key: &str, text: Option<&str>) {
        self.put(key, text.map(Value::from));
    }

    fn scalar(&mut self, key: &str, value: Option<&Scalar>) {
        self.put(key, value.map(Scalar::to_json));
    }
}

fn nest(name: &str, field: &str, value: Value) -> Value {
    let mut inner = Map::new();
    inner.insert(field.to_owned(), value);
    json!({name: inner})
}

fn under(name: &str, field: &str, body: Body) -> Value {
    nest(name, field, Value::Object(body.0))
}

fn bool_body(parts: &Bool) -> Map<String, Value> {
    let mut body = Body::empty();
    let clauses =
        [("must", &parts.must), ("filter", &parts.filter), ("should", &parts.should), ("must_not", &parts.must_not)];
    for (key, queries) in clauses {
        if !queries.is_empty() {
            body.put(key, Some(queries.iter().map(Query::to_json).collect()));
        }
    }
    body.scalar("minimum_should_match", parts.minimum_should_match.as_ref());
    body.0
}

fn range_json(range: &Range) -> Value {
    let mut body = Body::empty();
    for (key, bound) in [("gt", &range.gt), ("gte", &range.gte), ("lt", &range.lt), ("lte", &range.lte)] {
        body.scalar(key, bound.as_ref());
    }
    body.text("format", range.format.as_deref());
    body.text("time_zone", range.time_zone.as_deref());
    body.text("relation", range.relation.map(Relation::as_str));
    under("range", &range.field, body)
}

fn match_json(query: &Match) -> Value {
    let mut body = Body::new("query", query.query.to_json());
    body.text("operator", query.operator.map(Operator::as_str));
    body.scalar("minimum_should_match", query.minimum_should_match.as_ref());
    body.flag("lenient", query.lenient);
    under("match", &query.field, body)
}

fn multi_match_json(query: &MultiMatch) -> Value {
    let mut body = Body::new("query", query.query.to_json());
    if !query.fields.is_empty() {
        body.put("fields", Some(query.fields.clone().into()));
    }
    body.text("type", query.kind.as_deref());
    body.text("operator", query.operator.map(Operator::as_str));
    body.flag("lenient", query.lenient);
    json!({"multi_match": body.0})
}

fn pattern_json(pattern: &Pattern) -> Value {
    let name = match pattern.kind {
        PatternKind::Prefix => "prefix",
        PatternKind::Wildcard => "wildcard",
        PatternKind::Regexp => "regexp",
    };
    let mut body = Body::new("value", Value::from(pattern.value.as_str()));
    body.flag("case_insensitive", pattern.case_insensitive);
    body.text("flags", pattern.flags.as_deref());
    under(name, &pattern.field, body)
}

fn query_string_json(query: &QueryString) -> Value {
    let mut body = Body::new("query", Value::from(query.query.as_str()));
    body.text("default_field", query.default_field.as_deref());
    if !query.fields.is_empty() {
        body.put("fields", Some(query.fields.clone().into()));
    }
    body.text("default_operator", query.default_operator.map(Operator::as_str));
    body.flag("analyze_wildcard", query.analyze_wildcard);
    body.flag("lenient", query.lenient);
    body.text("time_zone", query.time_zone.as_deref());
    json!({"query_string": body.0})
}
