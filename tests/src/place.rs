//! Where things lie: the target folder, the programs built beside the tests, fixtures, and folders for one test.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The folder cargo builds into (`target`), found from the running test program (`target/<profile>/deps/<name>`).
pub fn target() -> PathBuf {
    let profile = profile();
    profile
        .parent()
        .expect("a profile lies in the target folder")
        .to_owned()
}

/// The folder of the profile the tests were built with (`target/debug`).
pub fn profile() -> PathBuf {
    let program = std::env::current_exe().expect("the path of the running program is known");
    let folder = program.parent().expect("a program lies in a folder");
    if folder.ends_with("deps") {
        folder
            .parent()
            .expect("deps lies in the folder of a profile")
            .to_owned()
    } else {
        folder.to_owned()
    }
}

/// A file of `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// A new folder for one test, removed on drop. Others may enter it: when the tests run as root, Postgres does not.
pub fn folder(purpose: &str) -> tempfile::TempDir {
    let base = Path::new("/var/tmp");
    let base = if base.is_dir() {
        base.to_owned()
    } else {
        std::env::temp_dir()
    };
    let folder = tempfile::Builder::new()
        .prefix(&format!("annalock-{purpose}-"))
        .tempdir_in(base)
        .expect("a temporary folder can be made");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("the owner of a folder may open it");
    folder
}

/// Makes `target/clients/<name>` with `install` unless an earlier run finished it; other test processes wait meanwhile.
///
/// `install` gets an empty folder. What it leaves is used by all later runs; a failed one leaves nothing.
pub fn installed_once(name: &str, install: impl FnOnce(&Path)) -> PathBuf {
    let clients = target().join("clients");
    fs::create_dir_all(&clients).expect("the target folder is writable");
    let lock = File::create(clients.join(format!("{name}.lock"))).expect("the target folder is writable");
    lock.lock().expect("files can be locked");
    let folder = clients.join(name);
    let done = folder.join(".installed");
    if !done.exists() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("the target folder is writable");
        install(&folder);
        File::create(done).expect("the target folder is writable");
    }
    folder
}

/// Runs a program to its end and gives its standard output; panics with all it said if it cannot be started or fails.
pub fn must_run(command: &mut std::process::Command, why: &str) -> String {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{why}: {command:?} cannot be started: {e}"));
    assert!(
        output.status.success(),
        "{why}: {command:?} ended with {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
