//! Why a private server does not start, each as one sentence for whoever operates it.

use std::io;
use std::path::PathBuf;

/// See the text of each variant: it is what the operator reads.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No usable installation was found.
    #[error(
        "PostgreSQL is not installed: found no `initdb` and `postgres` {searched}; on Debian or Ubuntu `apt-get install \
         postgresql` brings them, else set ANNALOCK_POSTGRES_BIN to their folder or ANNALOCK_DATABASE_URL to a server"
    )]
    BinariesMissing {
        /// Where we looked, as a phrase: "in /x" or "in /usr/lib/postgresql/*/bin nor on PATH".
        searched: String,
    },
    /// What was found is too old.
    #[error("PostgreSQL {found} in {folder} is too old: Annalock needs {min} or newer")]
    TooOld {
        /// Version found.
        found: String,
        /// Where.
        folder: PathBuf,
        /// Least major version.
        min: u32,
    },
    /// The cluster is of a major version that is not installed.
    #[error(
        "the data in {cluster} was written by PostgreSQL {wanted}, but installed is {found}; install postgresql-{wanted}, \
         or move the data with pg_upgrade or pg_dump"
    )]
    OtherMajor {
        /// The cluster.
        cluster: PathBuf,
        /// Major version that wrote it.
        wanted: u32,
        /// Major versions installed, as text.
        found: String,
    },
    /// Another Annalock holds the folder.
    #[error("the data folder {folder} is in use by another annalock{holder}; stop it or set ANNALOCK_DATA_DIR")]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// " (process 123)" where known.
        holder: String,
    },
    /// The account that runs the server cannot get to its folder.
    #[error(
        "user {user} runs PostgreSQL and cannot enter {blocked}, so it cannot reach {folder}; allow it (chmod o+x \
         {blocked}) or set ANNALOCK_DATA_DIR to a folder it can reach"
    )]
    NotReachable {
        /// Account name or number.
        user: String,
        /// First folder on the way that refuses.
        blocked: PathBuf,
        /// Where it should get to.
        folder: PathBuf,
    },
    /// The cluster belongs to someone else and we are not root.
    #[error(
        "{path} belongs to user number {owner}, not to the user that runs annalock ({us}); run as that user or chown it"
    )]
    NotOwner {
        /// What was found.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Our user number.
        us: u32,
    },
    /// No account to run the server with, and none could be made.
    #[error(
        "PostgreSQL refuses to run as root and user {name} could not be created ({reason}); create it: useradd --system {name}"
    )]
    Account {
        /// The account.
        name: String,
        /// What useradd said.
        reason: String,
    },
    /// A folder for the socket exists and is not ours.
    #[error("{path} cannot hold the PostgreSQL socket: {reason}")]
    SocketFolder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The server of a killed predecessor does not end.
    #[error("an earlier PostgreSQL (process {pid}) still runs on {cluster} and does not stop; stop it and start again")]
    OldServer {
        /// Its process id.
        pid: i32,
        /// The cluster.
        cluster: PathBuf,
    },
    /// `initdb` failed.
    #[error("initdb could not make the database cluster: {0}")]
    Initdb(String),
    /// The server ends again and again.
    #[error("PostgreSQL does not start ({tries} tries): {log}")]
    Exits {
        /// How often it was tried.
        tries: u32,
        /// Last lines of its log.
        log: String,
    },
    /// The server runs, but the database could not be made.
    #[error("the private PostgreSQL runs, but database annalock could not be made in it")]
    Database(#[source] sqlx::Error),
    /// Something of the operating system failed.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What we wanted, as a verb.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The program is ending.
    #[error("the start was interrupted: {0}")]
    Interrupted(String),
}

impl StartError {
    /// For `map_err`: names the file and what was to be done with it.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
