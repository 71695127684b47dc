//! The official command line client, as its users run it: a program of its own, over TLS, with its own data folder.
//!
//! It comes from the npm registry once per target folder. Every call starts node anew (some 1.5 s), so tests do in one call
//! what can be done in one.

mod install;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::client::Account;
use crate::server::Server;

/// Versions under test: what users have now, and two of those that still run in scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 2026.9.0
    Current,
    /// 2024.2.0
    Old,
    /// 2023.5.0
    Oldest,
}

impl Version {
    fn number(self) -> &'static str {
        match self {
            Self::Current => "2026.9.0",
            Self::Old => "2024.2.0",
            Self::Oldest => "2023.5.0",
        }
    }
}

/// Longer than any command takes, even with a compiler beside it.
const COMMAND_ENDS_WITHIN: Duration = Duration::from_secs(180);

/// Loaded into the client before anything else: moves its clock.
const CLOCK: &str = r"
const ahead = HOURS * 3600 * 1000;
const Real = Date;
globalThis.Date = class extends Real {
  constructor(...given) {
    if (given.length === 0) super(Real.now() + ahead);
    else super(...given);
  }
  static now() {
    return Real.now() + ahead;
  }
};
";

/// What a command said and how it ended.
#[derive(Debug, Clone)]
pub struct Said {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

/// One installation of the client with one data folder: at most one account logged in.
#[derive(Debug)]
pub struct Cli {
    node: PathBuf,
    script: PathBuf,
    ca: PathBuf,
    folder: tempfile::TempDir,
    session: Option<String>,
    clock: Option<PathBuf>,
}

impl Cli {
    /// A client with an empty data folder that knows the address of `server`.
    pub async fn new(version: Version, server: &Server) -> Self {
        let (node, script) = install::program(version.number()).await;
        let cli = Self {
            node,
            script,
            ca: server.ca_path.clone(),
            folder: crate::place::folder("bw"),
            session: None,
            clock: None,
        };
        cli.ok(&["config", "server", &server.https_url]).await;
        cli
    }

    /// A folder of this client's own, for imports and exports.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Logs in by password; the vault is unlocked after that.
    pub async fn login(&mut self, account: &Account) {
        let message = self.ok(&["login", &account.email, &account.password]).await;
        self.session = Some(session(&message));
    }

    /// Logs in by API key; the vault is locked after that.
    pub async fn login_api_key(&self, client_id: &str, secret: &str) -> Result<Value, String> {
        let said = self
            .run_with(
                &["login", "--apikey"],
                &[("BW_CLIENTID", client_id), ("BW_CLIENTSECRET", secret)],
            )
            .await;
        response(&said)
    }

    /// Unlocks the vault.
    ///
    /// # Errors
    /// What the client says, when the password is wrong for example.
    pub async fn unlock(&mut self, password: &str) -> Result<(), String> {
        let message = response(&self.run(&["unlock", password]).await)?;
        self.session = Some(session(&message));
        Ok(())
    }

    /// From now on the client believes it is this many hours later: its access token has run out, the server's clock has not.
    pub fn clock_ahead(&mut self, hours: u32) {
        let script = self.folder.path().join("clock.js");
        std::fs::write(&script, CLOCK.replace("HOURS", &hours.to_string())).expect("the folder of a test is writable");
        self.clock = Some(script);
    }

    /// Forgets the session key, as a new shell would.
    pub fn forget_session(&mut self) {
        self.session = None;
    }

    /// Runs a command that must succeed; gives the `data` of its response.
    pub async fn ok(&self, arguments: &[&str]) -> Value {
        let said = self.run(arguments).await;
        response(&said).unwrap_or_else(|message| {
            panic!(
                "bw {arguments:?} failed: {message}\nstdout: {}\nstderr: {}",
                said.stdout, said.stderr
            )
        })
    }

    /// Runs a command that must fail; gives its message.
    pub async fn refused(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments).await;
        match response(&said) {
            Err(message) => message,
            Ok(data) => panic!("bw {arguments:?} must fail, it answered {data}"),
        }
    }

    /// `bw list <what>`: the items themselves.
    pub async fn list(&self, what: &str, filter: &[&str]) -> Vec<Value> {
        let arguments: Vec<_> = ["list", what].iter().chain(filter).copied().collect();
        let data = self.ok(&arguments).await;
        data["data"]
            .as_array()
            .unwrap_or_else(|| panic!("bw {arguments:?} answered no list: {data}"))
            .clone()
    }

    /// `bw create <what>` with this object.
    pub async fn create(&self, what: &str, object: &Value) -> Value {
        self.ok(&["create", what, &encoded(object)]).await
    }

    /// `bw edit <what> <id>` with this object.
    pub async fn edit(&self, what: &str, id: &str, object: &Value) -> Value {
        self.ok(&["edit", what, id, &encoded(object)]).await
    }

    /// `bw export --format <format>` into a file; gives what is in it.
    pub async fn export(&self, format: &[&str]) -> Value {
        let file = self.folder.path().join(format!("{}.json", format.join("-")));
        let path = file.display().to_string();
        let arguments: Vec<_> = ["export", "--output", &path, "--format"]
            .iter()
            .chain(format)
            .copied()
            .collect();
        self.ok(&arguments).await;
        let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("bw {arguments:?} left no file: {e}"));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("bw {arguments:?} left no JSON ({e}): {text}"))
    }

    /// Runs a command.
    pub async fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, &[]).await
    }

    async fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
        let mut command = tokio::process::Command::new(&self.node);
        for (name, _) in
            std::env::vars().filter(|(name, _)| name.starts_with("BW_") || name.starts_with("BITWARDENCLI_"))
        {
            command.env_remove(name);
        }
        if let Some(clock) = &self.clock {
            command.arg("--require").arg(clock);
        }
        command
            .arg("--no-deprecation")
            .arg(&self.script)
            .args(["--response", "--nointeraction"])
            .args(arguments)
            .env("BITWARDENCLI_APPDATA_DIR", self.folder.path().join("data"))
            .env("NODE_EXTRA_CA_CERTS", &self.ca)
            .env("HOME", self.folder.path())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if let Some(session) = &self.session {
            command.env("BW_SESSION", session);
        }
        let output = tokio::time::timeout(COMMAND_ENDS_WITHIN, command.output())
            .await
            .unwrap_or_else(|_| panic!("bw {arguments:?} did not end within {COMMAND_ENDS_WITHIN:?}"))
            .unwrap_or_else(|e| panic!("{} cannot be started: {e}", self.node.display()));
        Said {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// `data` of a successful response, else its message.
///
/// The client prints notices before the response on its first start, so the last line that is an object counts.
fn response(said: &Said) -> Result<Value, String> {
    let answer = said
        .stdout
        .lines()
        .rev()
        .find_map(|line| serde_json::from_str::<Value>(line).ok().filter(Value::is_object));
    match answer {
        Some(answer) if answer["success"] == true => Ok(answer["data"].clone()),
        Some(answer) => Err(answer["message"]
            .as_str()
            .map_or_else(|| answer.to_string(), str::to_owned)),
        None => Err(format!(
            "no response on standard output: {:?}, standard error: {:?}",
            said.stdout, said.stderr
        )),
    }
}

fn session(message: &Value) -> String {
    message["raw"]
        .as_str()
        .unwrap_or_else(|| panic!("the client gave no session key: {message}"))
        .to_owned()
}

fn encoded(object: &Value) -> String {
    STANDARD.encode(object.to_string())
}
