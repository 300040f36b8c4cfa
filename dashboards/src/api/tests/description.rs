//! The committed description of the API is what the code says.

use std::path::Path;

use serde_json::Value;

#[test]
fn the_committed_description_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, crate::openapi()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == crate::openapi(),
        "dashboards/openapi.json differs from the code; run the test with UPDATE_OPENAPI=1 and commit the result"
    );
}

#[test]
fn every_path_and_reference_is_described() {
    let description: Value = serde_json::from_str(&crate::openapi()).unwrap();
    let paths: Vec<&str> = description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    for route in include_str!("../../api.rs").split(".route(\"").skip(1) {
        let route = route.split('"').next().unwrap();
        let described = [route.to_owned(), format!("/api/v1{route}")].iter().any(|path| paths.contains(&path.as_str()));
        assert!(described || route.starts_with("/api"), "{route} is not described");
    }
    let schemas = description["components"]["schemas"].as_object().unwrap();
    let text = description.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is not described");
    }
}
