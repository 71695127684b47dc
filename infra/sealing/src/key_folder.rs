//! The folder of keys: files that only their owner may read, made at the first start and never overwritten.

use aws_lc_rs::rand;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// `keys` in the data folder. All calls block on the disk; they are for the start and for administration.
#[derive(Debug, Clone)]
pub struct KeyFolder(PathBuf);

impl KeyFolder {
    /// Opens the folder, making it (mode 0700) if need be.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// The 32 random bytes in the file `name`, made now if there is no such file. Processes that ask at once get the
    /// same ones.
    ///
    /// # Errors
    /// What the file system says, and `InvalidData` if the file has not exactly 32 bytes.
    pub fn secret(&self, name: &str) -> Result<Zeroizing<[u8; 32]>> {
        let _held = self.lock()?;
        if let Some(bytes) = self.read(name)? {
            let bytes: [u8; 32] = bytes
                .as_slice()
                .try_into()
                .map_err(|_| self.invalid(name, "has not 32 bytes"))?;
            return Ok(Zeroizing::new(bytes));
        }
        let made = random()?;
        self.write(name, &made[..])?;
        Ok(made)
    }

    /// Holds the folder against other processes until dropped.
    pub(crate) fn lock(&self) -> Result<File> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(self.0.join(".lock"))?;
        file.lock()?;
        Ok(file)
    }

    /// What the file `name` holds; `None` if there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let path = self.0.join(name);
        let mut file = match File::open(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        warn_if_shared(&path, &file.metadata()?.permissions());
        let mut bytes = Zeroizing::new(Vec::new());
        file.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Makes `bytes` the content of the file `name`, wholly or not at all, and durable before it returns. The caller
    /// holds [`KeyFolder::lock`].
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let fresh = self.0.join(format!(".{name}.new"));
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&fresh, self.0.join(name))?;
        File::open(&self.0)?.sync_all()
    }

    /// An error about the file `name`.
    pub(crate) fn invalid(&self, name: &str, what: &str) -> Error {
        Error::new(
            ErrorKind::InvalidData,
            format!("{} {what}", self.0.join(name).display()),
        )
    }
}

/// 32 random bytes.
pub(crate) fn random() -> Result<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    rand::fill(&mut bytes[..]).map_err(|_| Error::other("no random bytes"))?;
    Ok(bytes)
}

fn warn_if_shared(path: &Path, permissions: &Permissions) {
    if permissions.mode() & 0o077 != 0 {
        tracing::warn!(file = %path.display(), "a key file can be read by others than its owner");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_can_read_it() {
        let temp = tempfile::tempdir().unwrap();
        let folder = KeyFolder::open(temp.path().join("data/keys")).unwrap();
        let made: Vec<_> = std::thread::scope(|s| {
            let threads: Vec<_> = (0..8).map(|_| s.spawn(|| folder.secret("pepper").unwrap())).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(made.iter().all(|secret| secret == &made[0]));
        assert_ne!(*made[0], [0; 32]);
        assert_ne!(folder.secret("refresh").unwrap(), made[0]);
        let file = std::fs::metadata(temp.path().join("data/keys/pepper")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
        let keys = std::fs::metadata(temp.path().join("data/keys")).unwrap();
        assert_eq!(keys.permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_secret_cut_short_is_an_error_and_not_made_anew() {
        let temp = tempfile::tempdir().unwrap();
        let folder = KeyFolder::open(temp.path()).unwrap();
        std::fs::write(temp.path().join("pepper"), b"short").unwrap();
        assert_eq!(folder.secret("pepper").unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(std::fs::read(temp.path().join("pepper")).unwrap(), b"short");
    }
}
