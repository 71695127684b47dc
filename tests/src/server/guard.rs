//! Nothing is left behind: a small shell waits at a pipe whose other end the test process holds.
//!
//! When the test process ends in whatever way, the pipe closes; the shell then stops the server and removes its folder. The
//! shared server lives in a static, which is never dropped, so this is also its ordinary end.

use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// `$0`: process to stop, `$1`: folder to remove. A line on the pipe means that all is well: end without doing anything.
const WATCH: &str = r#"
read -r _ && exit 0
kill -TERM "$0" 2>/dev/null
tries=0
while kill -0 "$0" 2>/dev/null && [ "$tries" -lt 300 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -KILL "$0" 2>/dev/null
for file in "$1"/data/postmaster.pid "$1"/data/*/postmaster.pid "$1"/data/*/*/postmaster.pid; do
  [ -f "$file" ] && kill -QUIT "$(head -n 1 "$file")" 2>/dev/null
done
rm -rf "$1"
"#;

/// Stops the process it guards when the test process goes away. Dropping it calls that off.
#[derive(Debug)]
pub(super) struct Guard {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Guard {
    pub(super) fn over(pid: u32, folder: &Path) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", WATCH, &pid.to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell can be started");
        let pipe = shell.stdin.take();
        Self { shell, pipe }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        use std::io::Write as _;
        if let Some(mut pipe) = self.pipe.take() {
            let _ = pipe.write_all(b"\n");
        }
        let _ = self.shell.wait();
    }
}
