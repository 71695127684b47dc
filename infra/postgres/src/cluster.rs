//! Makes the cluster, and everything else that must be right before the server starts.

use crate::supervisor::Launch;
use crate::{Account, Binaries, Layout, Options, StartError, binaries, folder, old_server, settings};
use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A cluster ready to be served.
pub(crate) struct Prepared {
    pub(crate) layout: Layout,
    pub(crate) major: u32,
    pub(crate) launch: Launch,
    pub(crate) lock: folder::Lock,
}

/// Major version that wrote the cluster, `None` when there is no cluster.
pub fn cluster_major(cluster: &Path) -> Option<u32> {
    fs::read_to_string(cluster.join("PG_VERSION"))
        .ok()
        .as_deref()
        .map(str::trim)
        .and_then(binaries::major_of)
}

/// Blocks: takes the lock, stops an old server, runs `initdb` where needed.
pub(crate) fn prepare(options: &Options) -> Result<Prepared, StartError> {
    let lock = folder::lock(&options.folder)?;
    let folder = options
        .folder
        .canonicalize()
        .map_err(StartError::io("find", &options.folder))?;
    let layout = Layout::of(&folder);
    let written_by = cluster_major(&layout.cluster);
    let found = Binaries::choose(options.bin.as_deref(), &layout.cluster, written_by)?;
    let account = Account::choose(&layout.cluster, &options.accounts)?;
    folder::open_to(&account, &layout, &found.program("postgres"))?;
    folder::socket_folder(&account, &layout)?;
    if written_by.is_some() {
        claim(&account, &layout.cluster)?;
        old_server::stop(&layout.cluster)?;
    } else {
        create(&account, &layout, &found)?;
    }
    write_tuning(&account, &layout.cluster)?;
    let launch = Launch::new(&found.program("postgres"), &layout, account);
    Ok(Prepared {
        layout,
        major: found.major,
        launch,
        lock,
    })
}

/// A cluster that root restored from a backup becomes the account's; its mode must be 0700 or the server refuses.
fn claim(account: &Account, cluster: &Path) -> Result<(), StartError> {
    let found = fs::metadata(cluster).map_err(StartError::io("look at", cluster))?;
    if found.uid() != account.uid {
        account.own_all(cluster)?;
    }
    if found.mode() & 0o077 != 0 {
        fs::set_permissions(cluster, Permissions::from_mode(0o700))
            .map_err(StartError::io("set the rights of", cluster))?;
    }
    Ok(())
}

/// Runs `initdb` beside the place and renames the result into it, so that a cluster is whole or not there.
fn create(account: &Account, layout: &Layout, binaries: &Binaries) -> Result<(), StartError> {
    let fresh = layout.folder.join("cluster.new");
    match fs::remove_dir_all(&fresh) {
        Ok(()) => tracing::info!("removed a half-made database cluster"),
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(StartError::io("remove", &fresh)(e)),
    }
    tracing::info!(
        version = binaries.version,
        user = account.name,
        "making a private PostgreSQL cluster"
    );
    let mut command = Command::new(binaries.program("initdb"));
    command
        .arg("-D")
        .arg(&fresh)
        .args([
            "-U",
            "annalock",
            "-k",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-instructions",
        ])
        .current_dir(&layout.folder)
        .stdin(Stdio::null());
    plain_environment(&mut command);
    let out = account
        .apply(&mut command)
        .output()
        .map_err(StartError::io("run", binaries.program("initdb")))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        return Err(StartError::Initdb(said.trim().replace('\n', "; ")));
    }
    let conf = fresh.join("postgresql.conf");
    let mut text = fs::read_to_string(&conf).map_err(StartError::io("read", &conf))?;
    text.push_str("\ninclude_if_exists = 'annalock.conf'\n");
    fs::write(&conf, text).map_err(StartError::io("write", &conf))?;
    fs::rename(&fresh, &layout.cluster).map_err(StartError::io("move into place", &fresh))?;
    File::open(&layout.folder)
        .and_then(|f| f.sync_all())
        .map_err(StartError::io("sync", &layout.folder))
}

fn write_tuning(account: &Account, cluster: &Path) -> Result<(), StartError> {
    let path = cluster.join("annalock.conf");
    let text = settings::tuning(settings::memory());
    if fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(&path, text).map_err(StartError::io("write", &path))?;
    account.own(&path)
}

/// Nothing of our environment (`PGDATA`, `PGOPTIONS`, secrets) reaches the server.
pub(crate) fn plain_environment(command: &mut Command) {
    let path = std::env::var_os("PATH").unwrap_or_else(|| PathBuf::from("/usr/bin:/bin").into_os_string());
    command
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C")
        .env("TZ", "UTC");
}
