//! The tree over the history of this installation: the work that adds to it, and the files outsiders get.
//!
//! In `checkpoints/` of the data folder: `key` (the public key), `latest` (the newest signed checkpoint) and `history` (all of
//! them, a JSON object per line). They are worth something where somebody else has kept copies of them.

use crate::{compose::Shell, keys::Keys, stores::Stores};
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
}

impl Work {
    /// Runs until it is to stop, and then ends what it is at: a transaction dropped while it begins would leave its connection
    /// in the middle of one.
    async fn run(mut self, mut wake: watch::Receiver<Position>, stop: CancellationToken) {
        let (mut signed, mut next) = (None, Instant::now());
        while !stop.is_cancelled() {
            let pause = match self.follower.step().await {
                Ok(Step::More) => continue,
                Ok(Step::Head) => GATHER,
                Ok(Step::Overtaken) => LATER,
                Err(_) if stop.is_cancelled() => break, // the stores are closed
                Err(error) => {
                    tracing::warn!(%error, "the tree of the log does not move on; tried again soon");
                    LATER
                }
            };
            let size = self.follower.size().filter(|size| *size > 0);
            if size.is_some() && size != signed && Instant::now() >= next {
                next = Instant::now() + SIGN;
                match self.publish().await {
                    Ok(()) => signed = size,
                    Err(error) => tracing::error!(error = format!("{error:#}"), "the log is not signed"),
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
