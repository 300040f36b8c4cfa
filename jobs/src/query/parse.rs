//! Reads a query from Elasticsearch's JSON, in the long form or the short one.

use crate::json::{Node, Object, ReadError};

use super::{
    Bool, Match, MultiMatch, Operator, Pattern, PatternKind, Query, QueryString, Range, Relation, Scalar, Term,
};

const OPERATORS: [(&str, Operator); 2] = [("and", Operator::And), ("or", Operator::Or)];
const RELATIONS: [(&str, Relation); 3] =
    [("intersects", Relation::Intersects), ("contains", Relation::Contains), ("within", Relation::Within)];

impl Query {
    /// Reads a query; kinds of query and keys that are not known are refused by their JSON path.
    pub fn from_json(node: &Node<'_>) -> Result<Self, ReadError> {
        let (name, body) = node.single()?;
        match name {
            "match_all" => bare(&body, Self::MatchAll),
            "match_none" => bare(&body, Self::MatchNone),
            "bool" => Ok(Self::Bool(read_bool(&body)?)),
            "term" => Ok(Self::Term(read_term(&body)?)),
            "terms" => read_terms(&body),
            "exists" => {
                let mut object = body.object()?;
                let field = object.require("field")?.text()?.to_owned();
                ignored(object)?;
                Ok(Self::Exists { field })
            }
            "range" => Ok(Self::Range(read_range(&body)?)),
            "match" => Ok(Self::Match(read_match(&body)?)),
            "match_phrase" => read_phrase(&body),
            "multi_match" => Ok(Self::MultiMatch(read_multi_match(&body)?)),
            "prefix" => Ok(Self::Pattern(read_pattern(&body, PatternKind::Prefix)?)),
            "wildcard" => Ok(Self::Pattern(read_pattern(&body, PatternKind::Wildcard)?)),
            "regexp" => Ok(Self::Pattern(read_pattern(&body, PatternKind::Regexp)?)),
            "query_string" => Ok(Self::QueryString(read_query_string(&body)?)),
            "ids" => {
                let mut object = body.object()?;
                let values = object.require("values")?.one_or_many()?;
                let values = values.iter().map(|value| Ok(value.text()?.to_owned())).collect::<Result<_, _>>()?;
                ignored(object)?;
                Ok(Self::Ids { values })
            }
            "nested" => {
                let mut object = body.object()?;
                let path = object.require("path")?.text()?.to_owned();
                let query = Box::new(Self::from_json(&object.require("query")?)?);
                let ignore_unmapped = object.read("ignore_unmapped", Node::flag)?;
                object.get("score_mode");
                ignored(object)?;
                Ok(Self::Nested { path, query, ignore_unmapped })
            }
            "constant_score" => {
                let mut object = body.object()?;
                let query = Box::new(Self::from_json(&object.require("filter")?)?);
                ignored(object)?;
                Ok(Self::ConstantScore(query))
            }
            _ => Err(body.refuse(format!("unknown kind of query {name:?}"))),
        }
    }
}

impl Scalar {
    pub(crate) fn from_json(node: &Node<'_>) -> Result<Self, ReadError> {
        match node.value() {
            serde_json::Value::Bool(flag) => Ok(Self::Bool(*flag)),
            serde_json::Value::Number(number) => Ok(Self::Number(number.clone())),
            serde_json::Value::String(text) => Ok(Self::Text(text.clone())),
            _ => Err(node.refuse("expected a string, a number, true or false")),
        }
    }
}

/// Reads and drops what only concerns relevance, then refuses what is left.
fn ignored(mut object: Object<'_>) -> Result<(), ReadError> {
    object.read("boost", Node::number)?;
    object.read("_name", |node| node.text().map(drop))?;
    object.finish()
}

fn bare(body: &Node<'_>, query: Query) -> Result<Query, ReadError> {
    ignored(body.object()?)?;
    Ok(query)
}

fn read_bool(body: &Node<'_>) -> Result<Bool, ReadError> {
    let mut object = body.object()?;
    let mut clause = |key: &'static str| -> Result<Vec<Query>, ReadError> {
        match object.get(key) {
            Some(node) => node.one_or_many()?.iter().map(Query::from_json).collect(),
            None => Ok(Vec::new()),
        }
    };
    let (must, filter) = (clause("must")?, clause("filter")?);
    let (should, must_not) = (clause("should")?, clause("must_not")?);
    let minimum_should_match = object.read("minimum_should_match", minimum)?;
    object.read("adjust_pure_negative", Node::flag)?;
    ignored(object)?;
    Ok(Bool { must, filter, should, must_not, minimum_should_match })
}

fn minimum(node: &Node<'_>) -> Result<Scalar, ReadError> {
    match Scalar::from_json(node)? {
        Scalar::Bool(_) => Err(node.refuse("expected a count or a percentage")),
        scalar => Ok(scalar),
    }
}

/// The one field of the query, and its body or short-form value.
fn field_body<'a>(body: &Node<'a>) -> Result<(String, Node<'a>, bool), ReadError> {
    let (field, inner) = body.single()?;
    let long = inner.value().is_object();
    Ok((field.to_owned(), inner, long))
}

fn read_term(body: &Node<'_>) -> Result<Term, ReadError> {
    let (field, inner, long) = field_body(body)?;
    if !long {
        return Ok(Term { field, value: Scalar::from_json(&inner)?, case_insensitive: None });
    }
    let mut object = inner.object()?;
    let value = Scalar::from_json(&object.require("value")?)?;
    let case_insensitive = object.read("case_insensitive", Node::flag)?;
    ignored(object)?;
    Ok(Term { field, value, case_insensitive })
}

fn read_terms(body: &Node<'_>) -> Result<Query, ReadError> {
    let mut found = None;
    for (key, node) in body.object()?.entries() {
        match key {
            "boost" => drop(node.number()?),
            "_name" => drop(node.text()?),
            _ if found.is_some() => return Err(node.refuse("a terms query has one field")),
            field => {
                let values = node.array()?.iter().map(Scalar::from_json).collect::<Result<Vec<_>, _>>()?;
                found = Some(Query::Terms { field: field.to_owned(), values });
            }
        }
    }
    found.ok_or_else(|| body.refuse("a terms query needs a field"))
}

fn read_range(body: &Node<'_>) -> Result<Range, ReadError> {
    let (field, inner) = body.single()?;
    let mut object = inner.object()?;
    let range = Range {
        field: field.to_owned(),
        gt: object.read("gt", Scalar::from_json)?,
        gte: object.read("gte", Scalar::from_json)?,
        lt: object.read("lt", Scalar::from_json)?,
        lte: object.read("lte", Scalar::from_json)?,
        format: object.text("format")?,
        time_zone: object.text("time_zone")?,
        relation: object.read("relation", |node| node.one_of(&RELATIONS))?,
    };
    ignored(object)?;
    Ok(range)
}

fn read_match(body: &Node<'_>) -> Result<Match, ReadError> {
    let (field, inner, long) = field_body(body)?;
    if !long {
        let query = Scalar::from_json(&inner)?;
        return Ok(Match { field, query, operator: None, minimum_should_match: None, lenient: None });
    }
    let mut object = inner.object()?;
    let query = Match {
        field,
        query: Scalar::from_json(&object.require("query")?)?,
        operator: object.read("operator", |node| node.one_of(&OPERATORS))?,
        minimum_should_match: object.read("minimum_should_match", minimum)?,
        lenient: object.read("lenient", Node::flag)?,
    };
    ignored(object)?;
    Ok(query)
}

fn read_phrase(body: &Node<'_>) -> Result<Query, ReadError> {
    let (field, inner, long) = field_body(body)?;
    if !long {
        return Ok(Query::MatchPhrase { field, query: Scalar::from_json(&inner)?, slop: None });
    }
    let mut object = inner.object()?;
    let query = Scalar::from_json(&object.require("query")?)?;
    let slop = object.read("slop", Node::count)?;
    ignored(object)?;
    Ok(Query::MatchPhrase { field, query, slop })
}

fn read_multi_match(body: &Node<'_>) -> Result<MultiMatch, ReadError> {
    let mut object = body.object()?;
    let query = MultiMatch {
        query: Scalar::from_json(&object.require("query")?)?,
        fields: object.read("fields", Node::texts)?.unwrap_or_default(),
        kind: object.text("type")?,
        operator: object.read("operator", |node| node.one_of(&OPERATORS))?,
        lenient: object.read("lenient", Node::flag)?,
    };
    ignored(object)?;
    Ok(query)
}

fn read_pattern(body: &Node<'_>, kind: PatternKind) -> Result<Pattern, ReadError> {
    let (field, inner, long) = field_body(body)?;
    if !long {
        let value = inner.text()?.to_owned();
        return Ok(Pattern { kind, field, value, case_insensitive: None, flags: None });
    }
    let mut object = inner.object()?;
    let value = match (object.get("value"), kind) {
        (None, PatternKind::Wildcard) => object.require("wildcard")?,
        (None, _) => object.require("value")?,
        (Some(value), _) => value,
    };
    let value = value.text()?.to_owned();
    let case_insensitive = object.read("case_insensitive", Node::flag)?;
    let flags = if kind == PatternKind::Regexp { object.text("flags")? } else { None };
    ignored(object)?;
    Ok(Pattern { kind, field, value, case_insensitive, flags })
}

fn read_query_string(body: &Node<'_>) -> Result<QueryString, ReadError> {
    let mut object = body.object()?;
    let query = QueryString {
        query: object.require("query")?.text()?.to_owned(),
        default_field: object.text("default_field")?,
        fields: object.read("fields", Node::texts)?.unwrap_or_default(),
        default_operator: object.read("default_operator", |node| node.one_of(&OPERATORS))?,
        analyze_wildcard: object.read("analyze_wildcard", Node::flag)?,
        lenient: object.read("lenient", Node::flag)?,
        time_zone: object.text("time_zone")?,
    };
    ignored(object)?;
    Ok(query)
}
