//! The folder of a private server: what lies where, who may enter, who holds it.

use crate::{Account, StartError};
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Room for a socket's path in `sockaddr_un`, without the closing zero byte.
const SOCKET_PATH_LIMIT: usize = 107;
/// What PostgreSQL appends to the folder, with its lock beside it.
const SOCKET_NAME: &str = "/.s.PGSQL.5432.lock";

/// Paths of a private server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// All of it.
    pub folder: PathBuf,
    /// PostgreSQL's data directory.
    pub cluster: PathBuf,
    /// Holds the socket; mode 0700.
    pub socket: PathBuf,
    /// The server's log, at most 10 MiB, with two older ones beside it.
    pub log: PathBuf,
}

impl Layout {
    /// The layout for `folder`. The socket lies in it, or, where that path would be longer than the 107 bytes an address
    /// can hold, in a short folder named after a hash of it. A folder that exists is named by its real path, so that
    /// every way to it gives the same layout.
    pub fn of(folder: &Path) -> Self {
        let folder = &folder
            .canonicalize()
            .or_else(|_| std::path::absolute(folder))
            .unwrap_or_else(|_| folder.to_owned());
        let inside = folder.join("run");
        let socket = if inside.as_os_str().len() + SOCKET_NAME.len() <= SOCKET_PATH_LIMIT {
            inside
        } else {
            let hash = Sha256::digest(folder.as_os_str().as_bytes());
            let name: String = hash.iter().take(8).map(|b| format!("{b:02x}")).collect();
            short_root().join(format!("annalock-{name}"))
        };
        Self {
            cluster: folder.join("cluster"),
            socket,
            log: folder.join("postgres.log"),
            folder: folder.to_owned(),
        }
    }

    /// The address of database `annalock`, for sqlx.
    pub fn url(&self) -> String {
        let host: String = self.socket.as_os_str().as_bytes().iter().map(|&b| percent(b)).collect();
        format!("postgres://annalock@localhost:5432/annalock?host={host}&sslmode=disable")
    }

    /// Whether a server may be listening: its socket exists.
    pub fn has_socket(&self) -> bool {
        self.socket.join(".s.PGSQL.5432").exists()
    }
}

fn percent(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    }
}

/// A short folder we may write in: `/run` as root, else `/tmp`.
fn short_root() -> PathBuf {
    let root = rustix::process::geteuid().is_root() && Path::new("/run").is_dir();
    PathBuf::from(if root { "/run" } else { "/tmp" })
}

/// The lock of a folder; let go when it is dropped, whoever else has the file open: a process that is just being started has a copy
/// of everything that is open here.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.unlock(); // closed with the file in any case
    }
}

/// Makes the folder and takes its lock.
///
/// # Errors
/// [`StartError::InUse`] when another process holds it.
pub(crate) fn lock(folder: &Path) -> Result<Lock, StartError> {
    fs::create_dir_all(folder).map_err(StartError::io("make the folder", folder))?;
    let path = folder.join("lock");
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(StartError::io("open", &path))?;
    if let Err(refused) = file.try_lock() {
        if let fs::TryLockError::Error(e) = refused {
            return Err(StartError::io("lock", &path)(e));
        }
        let mut pid = String::new();
        let known = file.read_to_string(&mut pid).is_ok() && !pid.trim().is_empty();
        let holder = if known {
            format!(" (process {})", pid.trim())
        } else {
            String::new()
        };
        return Err(StartError::InUse {
            folder: folder.to_owned(),
            holder,
        });
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(StartError::io("write", &path))?;
    Ok(Lock(file))
}

/// Gives `folder` to the account and makes sure that it can get there.
pub(crate) fn open_to(account: &Account, layout: &Layout, program: &Path) -> Result<(), StartError> {
    let folder = &layout.folder;
    account.own(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(StartError::io("set the rights of", folder))?;
    let mut way: Vec<&Path> = folder.ancestors().collect();
    way.reverse();
    for step in way {
        if !can_enter(account, step, program) {
            return Err(StartError::NotReachable {
                user: account.name.clone(),
                blocked: step.to_owned(),
                folder: folder.clone(),
            });
        }
    }
    Ok(())
}

/// Tries it, as the account: this also obeys access lists, which mode bits do not show.
fn can_enter(account: &Account, folder: &Path, program: &Path) -> bool {
    let mut probe = Command::new(program);
    probe
        .arg("--version")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    account.apply(&mut probe).status().is_ok_and(|s| s.success())
}

/// Makes the folder of the socket, or takes the one that is there if it is the account's and nobody else's.
pub(crate) fn socket_folder(account: &Account, layout: &Layout) -> Result<(), StartError> {
    let path = &layout.socket;
    let refuse = |reason: &str| StartError::SocketFolder {
        path: path.clone(),
        reason: reason.to_owned(),
    };
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return account.own(path),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
        Err(e) => return Err(StartError::io("make the folder", path)(e)),
    }
    let found = path.symlink_metadata().map_err(StartError::io("look at", path))?;
    if !found.is_dir() {
        return Err(refuse("it is not a folder"));
    }
    if found.uid() == 0 && account.other {
        account.own(path)?; // ours from before the account was chosen
    } else if found.uid() != account.uid {
        return Err(refuse("it belongs to another user"));
    }
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(StartError::io("set the rights of", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deep_folder_gets_a_short_socket_path_of_its_own() {
        let deep = PathBuf::from(format!("/srv/{}", "x".repeat(120)));
        let (one, other) = (Layout::of(&deep), Layout::of(&deep.join("y")));
        assert!(one.socket.as_os_str().len() + SOCKET_NAME.len() <= SOCKET_PATH_LIMIT);
        assert_ne!(one.socket, other.socket);
        assert_eq!(Layout::of(Path::new("/srv/a")).socket, Path::new("/srv/a/run"));
    }

    #[test]
    fn a_path_with_spaces_survives_in_the_address() {
        let url = Layout::of(Path::new("/srv/my data&x")).url();
        assert_eq!(
            url,
            "postgres://annalock@localhost:5432/annalock?host=/srv/my%20data%26x/run&sslmode=disable"
        );
    }

    #[test]
    fn a_folder_is_held_by_one_process_only() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).unwrap();
        let refused = lock(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("in use by another annalock") && refused.contains(&std::process::id().to_string()));
        drop(held);
        lock(folder.path()).unwrap();
    }
}
