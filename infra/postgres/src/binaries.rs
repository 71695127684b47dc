//! Where the system keeps PostgreSQL's programs.

use crate::StartError;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Least major version our statements need.
pub const MIN_MAJOR: u32 = 14;

/// Folders below which distributions keep one folder per version, and what follows the version.
const VERSIONED: [(&str, &str, &str); 3] = [
    ("/usr/lib/postgresql", "", "bin"), // Debian, Ubuntu
    ("/usr", "pgsql-", "bin"),          // packages of postgresql.org for Red Hat
    ("/usr/libexec", "postgresql", ""), // Alpine
];

/// An installation of PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// Holds `initdb` and `postgres`.
    pub folder: PathBuf,
    /// As `15.18`.
    pub version: String,
    /// As 15.
    pub major: u32,
}

impl Binaries {
    /// Full path of one program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Asks the `postgres` in `folder` for its version; `None` when there is no working installation.
    pub fn in_folder(folder: &Path) -> Option<Self> {
        if !folder.join("initdb").is_file() {
            return None;
        }
        let out = Command::new(folder.join("postgres"))
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&out.stdout);
        let version = version_of(&text)?;
        Some(Self {
            folder: folder.to_owned(),
            major: major_of(&version)?,
            version,
        })
    }

    /// Chooses for a cluster written by major version `wanted`, or for a new one (`None`: the newest).
    ///
    /// # Errors
    /// [`StartError::BinariesMissing`], [`StartError::TooOld`], [`StartError::OtherMajor`].
    pub(crate) fn choose(setting: Option<&Path>, cluster: &Path, wanted: Option<u32>) -> Result<Self, StartError> {
        let found = candidates(setting);
        let Some(newest) = found.first().cloned() else {
            let searched = match setting {
                Some(folder) => format!("in {}", folder.display()),
                None => "in /usr/lib/postgresql/*/bin or on PATH".into(),
            };
            return Err(StartError::BinariesMissing { searched });
        };
        if newest.major < MIN_MAJOR {
            return Err(StartError::TooOld {
                found: newest.version,
                folder: newest.folder,
                min: MIN_MAJOR,
            });
        }
        let Some(wanted) = wanted else { return Ok(newest) };
        let versions: Vec<String> = found.iter().map(|b| b.version.clone()).collect();
        found
            .into_iter()
            .find(|b| b.major == wanted)
            .ok_or_else(|| StartError::OtherMajor {
                cluster: cluster.to_owned(),
                wanted,
                found: versions.join(", "),
            })
    }
}

/// Every installation there is, newest first; with a setting, that folder alone.
pub fn candidates(setting: Option<&Path>) -> Vec<Binaries> {
    let mut folders: Vec<PathBuf> = Vec::new();
    if let Some(folder) = setting {
        folders.push(folder.to_owned());
    } else {
        for (root, prefix, tail) in VERSIONED {
            folders.extend(versioned(Path::new(root), prefix, tail));
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        folders.extend(std::env::split_paths(&path).filter(|p| p.is_absolute()));
        folders.push("/usr/local/pgsql/bin".into());
    }
    let mut found: Vec<Binaries> = folders.iter().filter_map(|f| Binaries::in_folder(f)).collect();
    found.sort_by_key(|b| std::cmp::Reverse(parts(&b.version)));
    found
}

fn versioned(root: &Path, prefix: &str, tail: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|e| {
            e.file_name()
                .to_str()
                .and_then(|n| n.strip_prefix(prefix))
                .is_some_and(|n| major_of(n).is_some())
        })
        .map(|e| if tail.is_empty() { e.path() } else { e.path().join(tail) })
        .collect()
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` → `15.18`.
fn version_of(text: &str) -> Option<String> {
    let rest = text.split_once("(PostgreSQL)")?.1;
    rest.split_whitespace().next().map(str::to_owned)
}

/// `15.18`, `17beta1`, `18` → 15, 17, 18.
pub(crate) fn major_of(version: &str) -> Option<u32> {
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn parts(version: &str) -> Vec<u32> {
    version.split('.').map(|p| major_of(p).unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_distributions_write_them() {
        let debian = version_of("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").unwrap();
        assert_eq!((debian.as_str(), major_of(&debian)), ("15.18", Some(15)));
        assert_eq!(
            version_of("postgres (PostgreSQL) 18beta2")
                .as_deref()
                .and_then(major_of),
            Some(18)
        );
        assert_eq!(version_of("something else"), None);
        assert!(parts("15.18") > parts("15.9"), "compared as numbers, not as text");
    }

    #[test]
    fn a_folder_without_programs_is_refused_with_the_package_to_install() {
        let empty = tempfile::tempdir().unwrap();
        let error = Binaries::choose(Some(empty.path()), Path::new("c"), None).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("apt-get install postgresql") && text.contains(&empty.path().display().to_string()),
            "{text}"
        );
    }
}
