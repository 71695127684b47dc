//! The account that runs the server: ourselves, or an unprivileged one when we are root, for PostgreSQL refuses root.

use crate::StartError;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// A user of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Name, or the number where it has none.
    pub name: String,
    /// User number.
    pub uid: u32,
    /// Number of its first group.
    pub gid: u32,
    /// Whether we must change to it.
    pub other: bool,
}

impl Account {
    /// Who runs the server of `cluster`: we ourselves; as root the owner of the cluster if it has one, else the first
    /// of `names` that exists, else the first of `names`, which is created.
    ///
    /// # Errors
    /// [`StartError::Account`] when it cannot be created, [`StartError::NotOwner`] when the cluster is not ours.
    pub(crate) fn choose(cluster: &Path, names: &[String]) -> Result<Self, StartError> {
        let us = rustix::process::geteuid().as_raw();
        let owner = std::fs::metadata(cluster).ok().map(|m| (m.uid(), m.gid()));
        if us != 0 {
            return match owner {
                Some((owner, _)) if owner != us => Err(StartError::NotOwner {
                    path: cluster.to_owned(),
                    owner,
                    us,
                }),
                _ => Ok(Self {
                    name: us.to_string(),
                    uid: us,
                    gid: rustix::process::getegid().as_raw(),
                    other: false,
                }),
            };
        }
        if let Some((uid, gid)) = owner
            && uid != 0
        {
            return Ok(Self {
                name: name_of(uid).unwrap_or_else(|| uid.to_string()),
                uid,
                gid,
                other: true,
            });
        }
        if let Some(found) = names.iter().find_map(|n| lookup(n)) {
            return Ok(found);
        }
        create(names.first().map_or("annalock", String::as_str))
    }

    /// Lets `command` run as this account, without the groups of root.
    pub(crate) fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        if self.other {
            command.uid(self.uid).gid(self.gid); // std drops supplementary groups with the user
        }
        command
    }

    /// Makes `path` belong to it.
    pub(crate) fn own(&self, path: &Path) -> Result<(), StartError> {
        if !self.other {
            return Ok(());
        }
        std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid))
            .map_err(StartError::io("change the owner of", path))
    }

    /// The same for everything below `path`, for a cluster that was restored by root.
    pub(crate) fn own_all(&self, path: &Path) -> Result<(), StartError> {
        self.own(path)?;
        if !path
            .symlink_metadata()
            .map_err(StartError::io("look at", path))?
            .is_dir()
        {
            return Ok(());
        }
        for entry in std::fs::read_dir(path).map_err(StartError::io("list", path))? {
            self.own_all(&entry.map_err(StartError::io("list", path))?.path())?;
        }
        Ok(())
    }
}

/// Asks the system (files first, then `id`, which also knows directories such as LDAP).
fn lookup(name: &str) -> Option<Account> {
    let from_file = std::fs::read_to_string("/etc/passwd").ok().and_then(|text| {
        let fields: Vec<String> = text
            .lines()
            .map(|l| l.split(':').map(str::to_owned).collect::<Vec<_>>())
            .find(|f| f[0] == name)?;
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    });
    let (uid, gid) = from_file.or_else(|| Some((id("-u", name)?, id("-g", name)?)))?;
    (uid != 0).then(|| Account {
        name: name.to_owned(),
        uid,
        gid,
        other: true,
    })
}

fn id(which: &str, name: &str) -> Option<u32> {
    let out = Command::new("id")
        .args([which, name])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    out.status
        .success()
        .then(|| String::from_utf8_lossy(&out.stdout).trim().parse().ok())?
}

fn name_of(uid: u32) -> Option<String> {
    let text = std::fs::read_to_string("/etc/passwd").ok()?;
    text.lines()
        .find(|l| l.split(':').nth(2) == Some(&uid.to_string()))
        .and_then(|l| l.split(':').next())
        .map(Into::into)
}

fn create(name: &str) -> Result<Account, StartError> {
    let failed = |reason: String| StartError::Account {
        name: name.to_owned(),
        reason,
    };
    let out = Command::new("useradd")
        .args([
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
        ])
        .args(["--shell", "/usr/sbin/nologin", name])
        .stdin(Stdio::null())
        .output()
        .map_err(|e| failed(format!("useradd: {e}")))?;
    if !out.status.success() {
        return Err(failed(String::from_utf8_lossy(&out.stderr).trim().to_owned()));
    }
    tracing::info!(user = name, "created a system user to run PostgreSQL");
    lookup(name).ok_or_else(|| failed("it is not there after useradd".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_never_counts_as_an_account_for_the_server() {
        assert_eq!(lookup("root"), None);
        assert_eq!(lookup("no-such-user-here"), None);
    }

    #[test]
    fn a_cluster_of_someone_else_is_refused_when_we_cannot_change_users() {
        let us = rustix::process::geteuid().as_raw();
        let chosen = Account::choose(
            Path::new("/proc/1/root-does-not-exist"),
            &["no-such-user-here".into(), "daemon".into()],
        );
        match us {
            0 => assert_eq!(chosen.unwrap().name, "daemon", "the first name that exists"),
            _ => {
                assert!(!chosen.unwrap().other);
                assert!(matches!(
                    Account::choose(Path::new("/etc"), &[]),
                    Err(StartError::NotOwner { owner: 0, .. })
                ));
            }
        }
    }
}
