//! The data folder: what lies where, and who may read it.
//!
//! | path | what | mode |
//! |---|---|---|
//! | `lock` | held while a process runs here | 0600 |
//! | `tls/` | local certificate authority and certificate; only the keys are closed | 0755 |
//! | `keys/` | signing keys and those that protect the keys of personal data | 0700 |
//! | `postgres/` | the private cluster | 0700, of the account that runs it |
//! | `checkpoints/` | signed checkpoints of the log, for everyone | 0755 |
//! | `blobs/`, `outbox/` | files of users; mails while there is no SMTP | 0700 |
//!
//! The folder itself may be entered but not listed by others (0711), for a local client must read `tls/ca.pem` and
//! PostgreSQL must reach its own folder.

use anyhow::{Context, Result, bail};
use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Whether others may use the folder at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Something in it serves one process only: the private PostgreSQL, or the stand-in for Redis.
    Alone,
    /// Everything shared lies elsewhere; the folder holds keys and certificates.
    Together,
}

/// The opened folder; the lock lives as long as this.
#[derive(Debug)]
pub struct DataDir {
    root: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes what is missing and takes the lock.
    ///
    /// # Errors
    /// One sentence when another process holds it, or when it cannot be made.
    pub fn open(root: &Path, sharing: Sharing) -> Result<Self> {
        make(root, 0o711)?;
        let root = root
            .canonicalize()
            .with_context(|| format!("cannot find {}", root.display()))?;
        let lock = take_lock(&root, sharing)?;
        let dir = Self { root, _lock: lock };
        make(&dir.tls(), 0o755)?;
        make(&dir.keys(), 0o700)?;
        make(&dir.checkpoints(), 0o755)?;
        make(&dir.outbox(), 0o700)?;
        make(&dir.blobs(), 0o700)?;
        Ok(dir)
    }

    /// The folder, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Certificates.
    pub fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }

    /// Signing keys and those that protect the keys of personal data.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// Signed checkpoints of the log.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// The private PostgreSQL; made by its supervisor.
    pub fn postgres(&self) -> PathBuf {
        self.root.join("postgres")
    }

    /// Mails while there is no SMTP.
    pub fn outbox(&self) -> PathBuf {
        self.root.join("outbox")
    }

    /// Attachments and files of Sends.
    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }
}

/// Makes a folder with that mode; one that is there keeps the mode it has.
fn make(path: &Path, mode: u32) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode)))
        .with_context(|| format!("cannot make the folder {}", path.display()))
}

fn take_lock(root: &Path, sharing: Sharing) -> Result<File> {
    let path = root.join("lock");
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    let taken = match sharing {
        Sharing::Alone => file.try_lock(),
        Sharing::Together => file.try_lock_shared(),
    };
    match taken {
        Ok(()) => {}
        Err(TryLockError::Error(e)) => return Err(e).with_context(|| format!("cannot lock {}", path.display())),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder); // only to say more
            let holder = holder.trim();
            let who = if holder.is_empty() {
                String::new()
            } else {
                format!(" (process {holder})")
            };
            bail!(
                "the data folder {} is in use by another annalock{who}; stop it or set ANNALOCK_DATA_DIR",
                root.display()
            );
        }
    }
    if sharing == Sharing::Alone {
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(file)
}

/// Writes a file whole or not at all: beside its place, synced, then renamed.
///
/// # Errors
/// What the system says, with the path.
pub fn write_whole(path: &Path, text: &[u8], mode: u32) -> Result<()> {
    let beside = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let _ = fs::remove_file(&beside); // left by a crash; its mode could be wrong
        let mut file = File::options().write(true).create_new(true).mode(mode).open(&beside)?;
        file.set_permissions(Permissions::from_mode(mode))?; // whatever the umask says
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_folder_lets_others_pass_but_not_look() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::open(&parent.path().join("a/b"), Sharing::Alone).unwrap();
        assert_eq!(
            (mode(dir.root()), mode(&dir.keys()), mode(&dir.tls())),
            (0o711, 0o700, 0o755)
        );
    }

    #[test]
    fn one_process_alone_or_several_that_share() {
        let parent = tempfile::tempdir().unwrap();
        let alone = DataDir::open(parent.path(), Sharing::Alone).unwrap();
        for other in [Sharing::Alone, Sharing::Together] {
            let text = DataDir::open(parent.path(), other).unwrap_err().to_string();
            assert!(text.contains("in use by another annalock (process"), "{text}");
        }
        drop(alone);
        let _one = DataDir::open(parent.path(), Sharing::Together).unwrap();
        let _two = DataDir::open(parent.path(), Sharing::Together).unwrap();
        assert!(DataDir::open(parent.path(), Sharing::Alone).is_err());
    }

    #[test]
    fn a_key_is_never_readable_by_others_not_even_for_a_moment() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("k.pem");
        fs::write(path.with_extension("new"), "left by a crash").unwrap();
        write_whole(&path, b"secret", 0o600).unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"secret".to_vec(), 0o600));
    }
}
