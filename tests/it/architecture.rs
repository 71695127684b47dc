//! Who may know whom. `domain` <- `commands` <- `write-api`; `domain` <- `projections` <- `read-api` <- `write-api`.
//! Adapters (`infra`) implement ports of `commands` and `projections`; nobody depends on an adapter but the program and
//! the tests, and `web` knows `domain` at most. `commands` and `projections` never meet.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What stands at the top level, beside what begins with a point and what `.gitignore` names.
const TOP: [&str; 12] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "commands",
    "docker-compose.yml",
    "domain",
    "infra",
    "projections",
    "read-api",
    "tests",
    "write-api",
];

/// The layers, and which crates of ours each may use.
const LAYERS: [(&str, &[&str]); 6] = [
    ("domain", &[]),
    ("commands", &["domain"]),
    ("projections", &["domain"]),
    ("web", &["domain"]),
    ("read-api", &["domain", "projections", "web"]),
    ("write-api", &["domain", "commands", "projections", "read-api", "web"]),
];
/// What adapters may use: the ports they implement, and what those speak of.
const PORTS: [&str; 3] = ["domain", "commands", "projections"];
/// They put the parts together, so they know all of them.
const KNOW_ALL: [&str; 2] = ["annalock", "tests"];
/// Crates whose use `.deny.toml` confines.
const CONFINED: [&str; 4] = ["sqlx", "axum", "redis", "eventstore"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or nothing.
    kind: Option<String>,
    /// Where a crate of ours lies.
    path: Option<PathBuf>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the workspace")
}

fn workspace() -> Vec<Package> {
    let said = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice::<Metadata>(&said.stdout).unwrap().packages
}

fn is_adapter(package: &Package) -> bool {
    let layer = LAYERS.iter().any(|(name, _)| *name == package.name);
    package.manifest_path.starts_with(root().join("infra")) && !layer && package.name != "annalock"
}

/// Which crates of ours a crate may use when it is built for the program.
fn allowed(package: &Package, packages: &[Package]) -> BTreeSet<String> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    if KNOW_ALL.contains(&&*package.name) {
        let all = packages.iter().map(|p| p.name.clone());
        return all.filter(|name| !KNOW_ALL.contains(&&**name)).collect();
    }
    match LAYERS.iter().find(|(name, _)| *name == package.name) {
        Some((_, names)) => owned(names),
        None if is_adapter(package) => owned(&PORTS),
        None => panic!("{} is neither a layer nor an adapter", package.name),
    }
}

#[test]
fn dependencies_point_from_the_edge_to_the_facts() {
    let packages = workspace();
    for (layer, _) in LAYERS {
        assert!(packages.iter().any(|p| p.name == layer), "there is no crate {layer}");
    }
    let mut wrong = Vec::new();
    for package in &packages {
        let allowed = allowed(package, &packages);
        for used in &package.dependencies {
            let tests_only = used.kind.as_deref() == Some("dev");
            if used.path.is_some() && !tests_only && !allowed.contains(&used.name) {
                wrong.push(format!("{} -> {}", package.name, used.name));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn the_program_and_the_tests_are_used_by_nobody() {
    for package in workspace() {
        for used in package.dependencies {
            assert!(!KNOW_ALL.contains(&&*used.name), "{} -> {}", package.name, used.name);
        }
    }
}

#[test]
fn confined_crates_are_used_where_the_rules_say_and_nowhere_else() {
    let rules: toml::Table = fs::read_to_string(root().join(".deny.toml")).unwrap().parse().unwrap();
    let packages = workspace();
    let ours: BTreeSet<&str> = packages.iter().map(|p| &*p.name).collect();
    let may: BTreeMap<&str, BTreeSet<&str>> = rules["bans"]["deny"].as_array().unwrap().iter().map(rule).collect();
    for confined in CONFINED {
        let users = packages
            .iter()
            .filter(|p| p.dependencies.iter().any(|used| used.name == confined))
            .map(|p| &*p.name)
            .collect::<BTreeSet<_>>();
        let may: BTreeSet<_> = may[confined].intersection(&ours).copied().collect();
        assert_eq!(users, may, "who uses {confined}, and who may");
    }
}

/// A line of `bans.deny`: what is confined, and to whom.
fn rule(entry: &toml::Value) -> (&str, BTreeSet<&str>) {
    let wrappers = entry.get("wrappers").and_then(|w| w.as_array());
    let names = wrappers.into_iter().flatten().map(|name| name.as_str().unwrap());
    (entry["crate"].as_str().unwrap(), names.collect())
}

/// `read-api` holds the pool that it hands to the questions of `projections`, and no statement.
#[test]
fn the_apis_and_the_decisions_hold_no_sql() {
    let mut files = Vec::new();
    for layer in ["domain", "commands", "infra/web", "read-api", "write-api"] {
        sources(&root().join(layer).join("src"), &mut files);
    }
    assert!(files.len() > 100, "only {} source files were found", files.len());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        // a pool to hand over and an error to tell of; whatever runs a statement is none of them
        let named = text.replace("sqlx::PgPool", "").replace("sqlx::Error", "");
        assert!(!named.contains("sqlx"), "{} has to do with SQL", file.display());
    }
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn the_top_level_holds_what_the_map_shows() {
    let ignored = fs::read_to_string(root().join(".gitignore")).unwrap();
    let ignored: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('/')).collect();
    let mut strangers: Vec<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && !ignored.contains(&&**name))
        .filter(|name| !TOP.contains(&&**name))
        .collect();
    strangers.sort();
    assert_eq!(strangers, [""; 0]);
}
