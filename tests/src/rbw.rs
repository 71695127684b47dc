//! `rbw`, a client by other people: its own models (strict about absent and null), its own cryptography, its own agent.
//!
//! It comes from crates.io once per target folder (two minutes). The password is given by a script that speaks as much of
//! the pinentry protocol as `rbw` asks for.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::client::Account;
use crate::place::{installed_once, must_run};
use crate::server::Server;

const VERSION: &str = "1.15.0";
const COMMAND_ENDS_WITHIN: Duration = Duration::from_secs(180);

/// Answers every question for a secret with what is in the file `$PIN`.
const PINENTRY: &str = r#"#!/bin/sh
echo "OK at your service"
while read -r command rest; do
  case "$command" in
    GETPIN) printf 'D %s\nOK\n' "$(cat "$PIN")" ;;
    BYE) echo "OK"; exit 0 ;;
    *) echo "OK" ;;
  esac
done
"#;

/// One user of `rbw` with configuration, cache and agent of its own. The agent is stopped on drop.
#[derive(Debug)]
pub struct Rbw {
    programs: PathBuf,
    ca: PathBuf,
    folder: tempfile::TempDir,
}

impl Rbw {
    /// A user who has configured address and server, and whose pinentry knows the password.
    pub async fn new(server: &Server, account: &Account) -> Self {
        let install = || installed_once(&format!("rbw-{VERSION}"), install);
        let programs = tokio::task::spawn_blocking(install)
            .await
            .unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()));
        let rbw = Self {
            programs: programs.join("bin"),
            ca: server.ca_path.clone(),
            folder: crate::place::folder("rbw"),
        };
        rbw.configure(server, account);
        rbw
    }

    fn configure(&self, server: &Server, account: &Account) {
        let pinentry = self.path("pinentry");
        fs::write(&pinentry, PINENTRY).unwrap();
        fs::set_permissions(&pinentry, Permissions::from_mode(0o755)).unwrap();
        fs::write(self.path("pin"), account.password.replace('%', "%25")).unwrap();
        for name in ["config/rbw", "cache", "data", "run"] {
            fs::create_dir_all(self.path(name)).unwrap();
        }
        fs::set_permissions(self.path("run"), Permissions::from_mode(0o700)).unwrap();
        let config = json!({
            "email": account.email,
            "base_url": server.https_url,
            "lock_timeout": 3600,
            "sync_interval": 0,
            "pinentry": pinentry,
        });
        fs::write(self.path("config/rbw/config.json"), config.to_string()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command that must succeed; gives what it wrote.
    pub async fn ok(&self, arguments: &[&str]) -> String {
        self.ok_with(arguments, "").await
    }

    /// Runs a command that must succeed with this text on standard input (`add` and `edit`: first line the password).
    pub async fn ok_with(&self, arguments: &[&str], input: &str) -> String {
        let (success, said) = self.run(arguments, input).await;
        assert!(success, "rbw {arguments:?} failed: {said}");
        said
    }

    /// Runs a command that must fail; gives what it said.
    pub async fn refused(&self, arguments: &[&str]) -> String {
        let (success, said) = self.run(arguments, "").await;
        assert!(!success, "rbw {arguments:?} must fail, it said {said}");
        said
    }

    async fn run(&self, arguments: &[&str], input: &str) -> (bool, String) {
        // Files, not pipes: the agent inherits them, and a pipe would stay open as long as it lives.
        let file = |name: &str| fs::File::create(self.path(name)).expect("the folder of a test is writable");
        let mut command = tokio::process::Command::from(self.command(arguments));
        command
            .stdin(Stdio::piped())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|e| panic!("rbw cannot be started: {e}"));
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let status = tokio::time::timeout(COMMAND_ENDS_WITHIN, child.wait())
            .await
            .unwrap_or_else(|_| {
                panic!(
                    "rbw {arguments:?} did not end within {COMMAND_ENDS_WITHIN:?}: {}",
                    self.said()
                )
            })
            .expect("a child can be waited for");
        (status.success(), self.said())
    }

    fn said(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.path(name)).unwrap_or_default();
        format!("{}{}", read("stdout"), read("stderr"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join("rbw"));
        let search = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(self.programs.clone()).chain(std::env::split_paths(&search));
        command
            .args(arguments)
            .env(
                "PATH",
                std::env::join_paths(paths).expect("no colon in the target folder"),
            )
            .env("HOME", self.folder.path())
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("XDG_DATA_HOME", self.path("data"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("SSL_CERT_FILE", &self.ca)
            .env("PIN", self.path("pin"))
            .env_remove("RBW_PROFILE");
        command
    }
}

impl Drop for Rbw {
    fn drop(&mut self) {
        let _ = self
            .command(&["stop-agent"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

fn install(folder: &Path) {
    let build = folder.join("build");
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["install", "rbw", "--version", VERSION, "--locked", "--debug", "--root"])
        .arg(folder)
        .arg("--target-dir")
        .arg(&build);
    must_run(&mut command, "rbw is built from crates.io (needs access to it)");
    let _ = fs::remove_dir_all(build);
}
