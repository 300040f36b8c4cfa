//! Queries read back as written; short forms and strictness.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::json::Node;

fn read(json: &Value) -> Result<Query, crate::json::ReadError> {
    Query::from_json(&Node::root(json))
}

fn field() -> impl Strategy<Value = String> {
    "[a-z@][a-z0-9._]{0,12}".prop_filter("reserved", |name| name != "boost" && name != "_name")
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        any::<bool>().prop_map(Scalar::Bool),
        any::<i64>().prop_map(Scalar::from),
        "\\PC{0,12}".prop_map(Scalar::Text),
    ]
}

fn minimum() -> impl Strategy<Value = Scalar> {
    prop_oneof![any::<i64>().prop_map(Scalar::from), "[1-9][0-9]?%".prop_map(Scalar::Text)]
}

fn operator() -> impl Strategy<Value = Operator> {
    prop_oneof![Just(Operator::And), Just(Operator::Or)]
}

fn range() -> impl Strategy<Value = Query> {
    let bound = || proptest::option::of(scalar());
    let relation = prop_oneof![Just(Relation::Intersects), Just(Relation::Contains), Just(Relation::Within)];
    let text = || proptest::option::of("\\PC{0,8}");
    (field(), bound(), bound(), bound(), bound(), text(), text(), proptest::option::of(relation)).prop_map(
        |(field, gt, gte, lt, lte, format, time_zone, relation)| {
            Query::Range(Range { field, gt, gte, lt, lte, format, time_zone, relation })
        },
    )
}

fn full_text() -> impl Strategy<Value = Query> {
    let flag = || proptest::option::of(any::<bool>());
    let op = || proptest::option::of(operator());
    let fields = || proptest::collection::vec(field(), 0..3);
    prop_oneof![
        (field(), scalar(), op(), proptest::option::of(minimum()), flag()).prop_map(
            |(field, query, operator, minimum_should_match, lenient)| {
                Query::Match(Match { field, query, operator, minimum_should_match, lenient })
            }
        ),
        (field(), scalar(), proptest::option::of(any::<u64>())).prop_map(|(field, query, slop)| Query::MatchPhrase {
            field,
            query,
            slop
        }),
        (fields(), scalar(), proptest::option::of("[a-z_]{1,8}"), op(), flag()).prop_map(
            |(fields, query, kind, operator, lenient)| {
                Query::MultiMatch(MultiMatch { fields, query, kind, operator, lenient })
            }
        ),
        ("\\PC{0,12}", proptest::option::of(field()), fields(), op(), flag(), flag()).prop_map(
            |(query, default_field, fields, default_operator, analyze_wildcard, lenient)| {
                Query::QueryString(QueryString {
                    query,
                    default_field,
                    fields,
                    default_operator,
                    analyze_wildcard,
                    lenient,
                    time_zone: None,
                })
            }
        ),
    ]
}

fn pattern() -> impl Strategy<Value = Query> {
    let kind = prop_oneof![Just(PatternKind::Prefix), Just(PatternKind::Wildcard), Just(PatternKind::Regexp)];
    (kind, field(), "\\PC{0,8}", proptest::option::of(any::<bool>()), proptest::option::of("[A-Z]{1,4}")).prop_map(
        |(kind, field, value, case_insensitive, flags)| {
            let flags = flags.filter(|_| kind == PatternKind::Regexp);
            Query::Pattern(Pattern { kind, field, value, case_insensitive, flags })
        },
    )
}

/// Any query that can be written.
pub(crate) fn query() -> impl Strategy<Value = Query> {
    let leaf = prop_oneof![
        Just(Query::MatchAll),
        Just(Query::MatchNone),
        (field(), scalar(), proptest::option::of(any::<bool>()))
            .prop_map(|(field, value, case_insensitive)| Query::Term(Term { field, value, case_insensitive })),
        (field(), proptest::collection::vec(scalar(), 0..4)).prop_map(|(field, values)| Query::Terms { field, values }),
        field().prop_map(|field| Query::Exists { field }),
        proptest::collection::vec("[a-z]{1,4}", 0..3).prop_map(|values| Query::Ids { values }),
        range(),
        full_text(),
        pattern(),
    ];
    leaf.prop_recursive(3, 24, 3, |inner| {
        let list = || proptest::collection::vec(inner.clone(), 0..3);
        prop_oneof![
            (list(), list(), list(), list(), proptest::option::of(minimum())).prop_map(
                |(must, filter, should, must_not, minimum_should_match)| {
                    Query::Bool(Bool { must, filter, should, must_not, minimum_should_match })
                }
            ),
            (field(), inner.clone(), proptest::option::of(any::<bool>())).prop_map(|(path, query, ignore_unmapped)| {
                Query::Nested { path, query: Box::new(query), ignore_unmapped }
            }),
            inner.clone().prop_map(|query| Query::ConstantScore(Box::new(query))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn reads_back_as_written(query in query()) {
        prop_assert_eq!(read(&query.to_json()), Ok(query));
    }
}

#[test]
fn terms_are_written_in_the_long_form() {
    assert_eq!(Query::term("a.b", true).to_json(), json!({"term": {"a.b": {"value": true}}}));
}

#[test]
fn short_forms_are_read() {
    assert_eq!(read(&json!({"term": {"a": "x"}})), Ok(Query::term("a", "x")));
    assert_eq!(read(&json!({"term": {"a": {"value": "x", "boost": 1.0}}})), Ok(Query::term("a", "x")));
    assert_eq!(read(&json!({"match_all": {"boost": 1}})), Ok(Query::MatchAll));
    let one = read(&json!({"bool": {"filter": {"exists": {"field": "a"}}}})).unwrap();
    assert_eq!(one, Query::Bool(Bool { filter: vec![Query::exists("a")], ..Bool::default() }));
    let short = read(&json!({"wildcard": {"a": "x*"}})).unwrap();
    assert_eq!(short, read(&json!({"wildcard": {"a": {"wildcard": "x*"}}})).unwrap());
}

#[test]
fn refusals_name_the_path() {
    let cases = [
        (json!({"bool": {"filter": [{"term": {"a": {"value": 1, "boots": 2}}}]}}), "$.bool.filter[0].term.a.boots"),
        (json!({"bool": {"filter": [{"geo_shape": {}}]}}), "$.bool.filter[0].geo_shape"),
        (json!({"bool": {"nust": []}}), "$.bool.nust"),
        (json!({"term": {"a.b": {"value": [1]}}}), "$.term[\"a.b\"].value"),
        (json!({"terms": {"a": [1], "b": [2]}}), "$.terms.b"),
        (json!({"terms": {"boost": 1}}), "$.terms"),
        (json!({"term": {}, "exists": {}}), "$"),
        (json!([]), "$"),
        (json!({"range": {"t": {"gte": 1, "relation": "near"}}}), "$.range.t.relation"),
    ];
    for (json, path) in cases {
        assert_eq!(read(&json).unwrap_err().path, path, "{json}");
    }
}

#[test]
fn fields_are_found_at_every_depth() {
    let query = json!({"bool": {"must_not": [{"nested": {"path": "p", "query": {"term": {"p.a": 1}}}}],
        "filter": [{"constant_score": {"filter": {"exists": {"field": "b"}}}}]}});
    assert_eq!(read(&query).unwrap().fields(), ["b", "p.a"]);
}

fn lucene(text: &str) -> Result<Query, String> {
    let json = json!({"query_string": {"query": text}});
    match read(&json).unwrap() {
        Query::QueryString(query) => super::lucene::parse(&query),
        other => panic!("{other:?}"),
    }
}

#[test]
fn query_strings_are_understood() {
    let word = |field: &str, value: &str| read(&json!({"match": {field: {"query": value}}})).unwrap();
    assert_eq!(lucene("a.b:x"), Ok(word("a.b", "x")));
    assert_eq!(lucene("*"), Ok(Query::MatchAll));
    assert_eq!(lucene("*:*"), Ok(Query::MatchAll));
    assert_eq!(lucene("_exists_:a"), Ok(Query::exists("a")));
    let both = Bool { must: vec![word("a", "x"), word("b", "y")], ..Bool::default() };
    assert_eq!(lucene("a:x AND b:y"), Ok(Query::Bool(both.clone())));
    assert_eq!(lucene("a:x && (b:y)"), Ok(Query::Bool(both.clone())));
    let not = Bool { must: vec![word("a", "x")], must_not: vec![word("b", "y")], ..Bool::default() };
    assert_eq!(lucene("a:x AND NOT b:y"), Ok(Query::Bool(not.clone())));
    assert_eq!(lucene("+a:x -b:y"), Ok(Query::Bool(not)));
    let any = Bool { should: vec![word("a", "x"), word("a", "y")], ..Bool::default() };
    assert_eq!(lucene("a:(x OR y)"), Ok(Query::Bool(any.clone())));
    assert_eq!(lucene("a:x a:y"), Ok(Query::Bool(any)));
    let range = |json| read(&json!({"range": {"p": json}})).unwrap();
    assert_eq!(lucene("p:[1 TO 5}"), Ok(range(json!({"gte": "1", "lt": "5"}))));
    assert_eq!(lucene("p:>=10"), Ok(range(json!({"gte": "10"}))));
    assert_eq!(lucene("p:[* TO 5]"), Ok(range(json!({"lte": "5"}))));
    assert_eq!(lucene("a:x*"), read(&json!({"wildcard": {"a": "x*"}})).map_err(|e| e.to_string()));
    assert_eq!(lucene("a:/x.+/"), read(&json!({"regexp": {"a": "x.+"}})).map_err(|e| e.to_string()));
    assert_eq!(lucene("a:\"x y\""), read(&json!({"match_phrase": {"a": "x y"}})).map_err(|e| e.to_string()));
    assert_eq!(lucene(r"a:10\:2"), Ok(word("a", "10:2")));
    assert_eq!(lucene("n:-5"), Ok(word("n", "-5")));
    for bad in ["x", "a:", "(a:x", "a:x)", "a:[1 TO", "a:\"x", "a:x~2", "a:(", "AND", "f*:x", &"(".repeat(99_999)] {
        assert!(lucene(bad).is_err(), "{bad:.20}");
    }
}

proptest! {
    #[test]
    fn no_query_string_breaks_the_reader(text in "\\PC{0,40}", marks in "[a-b:()\\[\\]{}\"+*/?<>=!&| ANDORTO~^-]{0,40}") {
        let _ = lucene(&text);
        let _ = lucene(&marks);
    }
}
