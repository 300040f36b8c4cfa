//! The rules of the house: layering, tidiness, nothing of others in the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};
use tests::corpus::root;

/// Crates in their one order: each may use only those before it.
const ORDER: [&str; 6] = ["tracker", "jobs", "analytics", "dashboards", "collector", "tests"];

/// What a crate must not know.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("tracker", &["tokio", "datafusion", "axum", "toml", "netflow_parser", "linfa"]),
    ("jobs", &["tokio", "datafusion", "axum", "arrow", "toml", "netflow_parser", "linfa"]),
    ("analytics", &["axum", "socket2", "netflow_parser"]),
    ("dashboards", &["linfa", "socket2", "netflow_parser"]),
];

fn metadata() -> cargo_metadata::Metadata {
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap()
}

#[test]
fn crates_depend_only_downwards() {
    let metadata = metadata();
    let names: BTreeSet<_> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    assert_eq!(names, ORDER.map(String::from).into());
    let rank: BTreeMap<_, _> = ORDER.iter().enumerate().map(|(rank, name)| ((*name).to_owned(), rank)).collect();
    for package in &metadata.packages {
        let folder = package.manifest_path.parent().and_then(|folder| folder.file_name());
        assert_eq!(folder, Some(package.name.as_str()), "a crate is named for its folder");
        for dependency in
            package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development)
        {
            if let Some(below) = rank.get(&dependency.name) {
                assert!(below < &rank[package.name.as_str()], "{} uses {}", package.name, dependency.name);
            }
            let forbidden = FORBIDDEN.iter().find(|(name, _)| *name == package.name.as_str()).map_or(&[][..], |f| f.1);
            assert!(
                !forbidden.contains(&dependency.name.as_str()),
                "{} must not know {}",
                package.name,
                dependency.name
            );
        }
    }
}

#[test]
fn there_is_one_binary() {
    let binaries: Vec<_> = metadata()
        .packages
        .iter()
        .flat_map(|package| package.targets.clone())
        .filter(cargo_metadata::Target::is_bin)
        .map(|target| target.name)
        .collect();
    assert_eq!(binaries, ["halfopen"]);
}

/// Files that git tracks (or would), relative to the root; every file of the tree where there is no git.
fn files() -> Vec<PathBuf> {
    let listed = std::process::Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    match listed {
        Ok(output) if output.status.success() && !output.stdout.is_empty() => output
            .stdout
            .split(|byte| *byte == 0)
            .filter(|path| !path.is_empty())
            .map(|path| PathBuf::from(String::from_utf8_lossy(path).into_owned()))
            .filter(|path| root().join(path).is_file())
            .collect(),
        _ => panic!("the rules are checked on what git tracks: {listed:?}"),
    }
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|found| extensions.iter().any(|extension| found == *extension))
}

/// Made by a program, and checked against it by a test.
fn is_generated(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with("schema.d.ts") || name.ends_with("package-lock.json") || name.ends_with("openapi.json")
}

#[test]
fn sources_are_short_and_say_what_they_are() {
    let sources = files().into_iter().filter(|path| has_extension(path, &["rs", "ts", "svelte", "css", "js", "sql"]));
    let mut checked = 0;
    for path in sources.filter(|path| !is_generated(path)) {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        let lines = text.lines().count();
        assert!(lines <= 400, "{} has {lines} lines: move its second idea out", path.display());
        let head = text.trim_start();
        let expected: &[&str] = match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => &["//! "],
            Some("svelte") => &["<!-- "],
            Some("sql") => &["-- "],
            _ => &["// ", "/* ", "/** "],
        };
        assert!(expected.iter().any(|start| head.starts_with(start)), "{} does not say what it is", path.display());
        checked += 1;
    }
    assert!(checked > 20, "only {checked} sources were found");
}

#[test]
fn nothing_of_others_lies_in_the_tree() {
    for path in files() {
        let name = path.to_string_lossy().into_owned();
        let foreign = [
            "node_modules/",
            "vendor/",
            "third_party/",
            ".min.js",
            ".pcap",
            ".pcapng",
            ".dat",
            ".jar",
            ".so",
            ".woff2",
        ];
        assert!(!foreign.iter().any(|part| name.contains(part)), "{name} is not ours");
        if has_extension(&path, &["rs", "ts", "svelte", "css", "sql", "py", "sh", "md", "toml"]) {
            let text = std::fs::read_to_string(root().join(&path)).unwrap().to_lowercase();
            let notice =
                ["copyright (c)", "copyright 19", "copyright 20", "spdx-license-identifier", "all rights reserved"];
            // This list itself is the one place where the words stand.
            assert!(
                name == "tests/it/house.rs" || !notice.iter().any(|words| text.contains(words)),
                "{name} carries somebody's notice"
            );
        }
    }
}

#[test]
fn the_clock_is_read_in_one_file() {
    let readers: Vec<_> = files()
        .into_iter()
        .filter(|path| has_extension(path, &["rs"]) && !path.starts_with("tests"))
        .filter(|path| {
            let text = std::fs::read_to_string(root().join(path)).unwrap();
            ["SystemTime::now", "Utc::now", "Local::now"].iter().any(|call| text.contains(call))
        })
        .collect();
    assert_eq!(readers, [PathBuf::from("collector/src/clock.rs")]);
}

#[test]
fn unsafe_code_is_in_the_capture_alone() {
    for path in files().into_iter().filter(|path| has_extension(path, &["rs"]) && !path.starts_with("tests")) {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        let allowed = path.starts_with("tracker/src/capture") || path == Path::new("tracker/src/capture.rs");
        let uses =
            ["unsafe {", "unsafe fn", "unsafe impl", "allow(unsafe_code)"].iter().any(|word| text.contains(word));
        assert!(allowed || !uses, "{} holds unsafe code", path.display());
    }
}
