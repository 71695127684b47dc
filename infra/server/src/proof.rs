//! The tree over the history of this installation: the work that adds to it, and the files outsiders get.
//!
//! In `checkpoints/` of the data folder: `key` (the public key), `latest` (the newest signed checkpoint) and `history` (all of
//! them, a JSON object per line). They are worth something where somebody else has kept copies of them.

use crate::{compose::Shell, keys::Keys, readiness::Readiness, stores::Stores};
use anyhow::{Context as _, Result};
use async_trait::async_trait;
use commands::ports::{DirectoryError, SignedLog, SignedLogs};
use domain::{
    event::{Position, StreamName},
    id::OrganizationId,
    proof::LogId,
};
use eventstore_kurrentdb::is_bookkeeping;
use ops::log_tree::{Follower, LogKey, LogTree, Step};
use std::{
    fmt::Display,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// How often a tree that has grown is signed.
const SIGN: Duration = Duration::from_secs(60);
/// How long events gather: a tile is written anew each time, and nobody waits for it.
const GATHER: Duration = Duration::from_secs(1);
/// How long it sleeps when nobody wakes it.
const IDLE: Duration = Duration::from_secs(5);
/// How long it leaves the work to another process that does it, and how long after a failure it tries again.
const LATER: Duration = Duration::from_secs(10);
/// How often in a row something fails before an operator is to look: half a minute for the tree, three minutes for signatures.
const REPEATED: u32 = 3;

/// What a store without groups keeps for itself is no history.
fn counts(stream: &StreamName) -> bool {
    !is_bookkeeping(stream)
}

/// The tree of `log` over everything in the store.
pub fn tree(log: &LogId, stores: &Stores) -> LogTree {
    LogTree::new(log.clone(), stores.pool.clone(), stores.store(), counts)
}

/// Starts to add to the tree and to sign it.
///
/// # Errors
/// What the file system says.
pub fn start(shell: &Shell, keys: &Keys, stores: &Stores) -> Result<()> {
    let log = keys.log()?;
    let work = Work {
        follower: Follower::new(tree(&log, stores)),
        key: keys.checkpoints(&log)?,
        folder: Folder(shell.data.checkpoints()),
        tree: Health::of("log_tree", &shell.readiness),
        signatures: Health::of("log_signatures", &shell.readiness),
    };
    work.folder.replace("key", &format!("{}\n", work.key.public()))?;
    let (stop, wake) = (shell.shutdown.background.clone(), stores.store().wake());
    shell.shutdown.tasks.spawn(async move {
        work.run(wake, stop).await;
    });
    Ok(())
}

/// [`SignedLogs`] from the tables of the trees.
pub struct Signed {
    tree: LogTree,
    public_key: String,
}

impl Signed {
    /// Of this installation.
    ///
    /// # Errors
    /// If a key cannot be read.
    pub fn new(keys: &Keys, stores: &Stores) -> Result<Self> {
        let log = keys.log()?;
        Ok(Self {
            public_key: keys.checkpoints(&log)?.public().to_string(),
            tree: tree(&log, stores),
        })
    }
}

#[async_trait]
impl SignedLogs for Signed {
    async fn latest(&self, organization: OrganizationId) -> Result<Option<SignedLog>, DirectoryError> {
        let latest = self.tree.of(organization).latest().await;
        let latest = latest.map_err(|e| DirectoryError(e.to_string()))?;
        Ok(latest.map(|(size, note)| SignedLog { size, note }))
    }

    fn public_key(&self) -> String {
        self.public_key.clone()
    }
}

/// What is at work in the background.
struct Work {
    follower: Follower,
    key: LogKey,
    folder: Folder,
    tree: Health,
    signatures: Health,
}

impl Work {
    /// Runs until it is to stop, and then ends what it is at: a transaction dropped while it begins would leave its connection
    /// in the middle of one.
    async fn run(mut self, mut wake: watch::Receiver<Position>, stop: CancellationToken) {
        let (mut signed, mut next) = (None, Instant::now());
        while !stop.is_cancelled() {
            let step = self.follower.step().await;
            if step.is_err() && stop.is_cancelled() {
                break; // the stores are closed
            }
            self.tree.tell(step.as_ref().err());
            let pause = match step {
                Ok(Step::More) => continue,
                Ok(Step::Head) => GATHER,
                Ok(Step::Overtaken) => LATER,
                Err(error) => {
                    tracing::warn!(%error, "the tree of the log does not move on; tried again soon");
                    LATER
                }
            };
            let size = self.follower.size().filter(|size| *size > 0);
            if size.is_some() && size != signed && Instant::now() >= next {
                next = Instant::now() + SIGN;
                let published = self.publish().await.map_err(|error| format!("{error:#}"));
                self.signatures.tell(published.as_ref().err());
                match published {
                    Ok(()) => signed = size,
                    Err(error) => tracing::error!(error, "the log is not signed"),
                }
            }
            let rest = async {
                tokio::time::sleep(pause).await;
                let _ = tokio::time::timeout(IDLE, wake.changed()).await;
            };
            stop.run_until_cancelled(rest).await;
        }
    }

    /// Signs the trees that have grown, and writes the files.
    async fn publish(&self) -> Result<()> {
        if let Some((size, note)) = self.follower.tree().sign(&self.key).await? {
            metrics::gauge!("annalock_log_signed_events").set(size as f64);
            self.folder.publish(size, &note)?;
        }
        self.follower.tree().sign_parts(&self.key).await?;
        Ok(())
    }
}

/// How a part of the work goes: shown by `/readyz`, and a metric. People are served all the same: what is not in the tree yet is
/// stored, and a vault that whoever can write one row of the database can close would be worse than a log that is late.
struct Health {
    name: &'static str,
    readiness: Readiness,
    /// How often in a row it has failed.
    failed: u32,
}

impl Health {
    fn of(name: &'static str, readiness: &Readiness) -> Self {
        let mut health = Self {
            name,
            readiness: readiness.clone(),
            failed: 0,
        };
        health.tell(None::<&String>);
        health
    }

    /// Tells of a try.
    fn tell(&mut self, error: Option<&impl Display>) {
        self.failed = if error.is_some() {
            self.failed.saturating_add(1)
        } else {
            0
        };
        let well = self.failed < REPEATED;
        let detail = match error {
            None => "it goes on".to_owned(),
            Some(error) => format!("failed {} times: {error}", self.failed),
        };
        metrics::gauge!("annalock_log_stuck", "part" => self.name).set(if well { 0.0 } else { 1.0 });
        self.readiness.show(self.name, well, detail);
    }
}

/// The folder `checkpoints`.
struct Folder(PathBuf);

impl Folder {
    /// Writes a note down, unless it is the last one.
    fn publish(&self, size: u64, note: &str) -> Result<()> {
        if fs::read_to_string(self.0.join("latest")).is_ok_and(|latest| latest == note) {
            return Ok(());
        }
        let line = serde_json::json!({ "size": size, "checkpoint": note });
        let path = self.0.join(HISTORY);
        let history = fs::OpenOptions::new().create(true).append(true).open(&path);
        let written = history.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        written.with_context(|| path.display().to_string())?;
        self.replace("latest", note)
    }

    /// Makes `text` the content of a file, wholly or not at all.
    fn replace(&self, name: &str, text: &str) -> Result<()> {
        let (path, fresh) = (self.0.join(name), self.0.join(format!(".{name}.new")));
        let written = fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, &path));
        written.with_context(|| path.display().to_string())
    }
}

/// The file of all checkpoints.
const HISTORY: &str = "history";

/// The notes of `checkpoints/history` in a data folder; none if there is no such file.
///
/// # Errors
/// If the file cannot be read, or a line of it is not one that was written there.
pub fn history(data: &Path) -> Result<Vec<String>> {
    #[derive(serde::Deserialize)]
    struct Line {
        checkpoint: String,
    }
    let path = data.join("checkpoints").join(HISTORY);
    let text = match fs::read_to_string(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.with_context(|| path.display().to_string())?,
    };
    let lines = text.lines().map(serde_json::from_str::<Line>);
    lines
        .map(|line| Ok(line.with_context(|| path.display().to_string())?.checkpoint))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_again_and_again_shows_until_it_goes_on() {
        let readiness = Readiness::default();
        let mut health = Health::of("log_tree", &readiness);
        let shown = || readiness.checks().remove(0);
        assert!(shown().ready);
        for ready in [true, true, false, false] {
            health.tell(Some(&"a tile was changed"));
            assert_eq!(shown().ready, ready);
        }
        assert!(shown().detail.contains("failed 4 times: a tile was changed"));
        health.tell(None::<&String>);
        assert!(shown().ready);
    }

    #[test]
    fn every_checkpoint_is_written_down_once_and_the_newest_is_the_latest() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folder(temp.path().join("checkpoints"));
        fs::create_dir(&folder.0).unwrap();
        assert!(history(temp.path()).unwrap().is_empty());
        folder.publish(1, "one\n").unwrap();
        folder.publish(1, "one\n").unwrap();
        folder.publish(2, "two\n").unwrap();
        assert_eq!(history(temp.path()).unwrap(), ["one\n", "two\n"]);
        assert_eq!(fs::read_to_string(folder.0.join("latest")).unwrap(), "two\n");
    }
}
