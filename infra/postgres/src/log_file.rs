//! The server's log: its standard error, written to a file of bounded size; the last lines stay at hand for messages.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Size at which a log is set aside.
const ROTATE_AT: u64 = 10 << 20;
/// How many set-aside logs are kept.
const KEEP: u32 = 2;
/// Lines remembered, and bytes of each.
const REMEMBER: usize = 12;
const LINE: usize = 400;

/// Where the log goes. Failures to write are not failures of the server: the lines are dropped.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    file: Option<(File, u64)>,
    last: VecDeque<String>,
}

impl LogFile {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            state: Mutex::default(),
        }
    }

    /// Copies `from` until it ends; run in a thread of its own.
    pub(crate) fn copy(&self, from: impl Read) {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        loop {
            line.clear();
            // A line without an end must not grow without bound.
            match (&mut from).take(64 * 1024).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => self.write(&line),
            }
        }
    }

    /// The last lines, joined; only those that tell of trouble where there are such.
    pub(crate) fn last_lines(&self) -> String {
        let state = self.state.lock().expect("no holder of this lock panics");
        let bad: Vec<&str> = state
            .last
            .iter()
            .map(String::as_str)
            .filter(|l| is_trouble(l))
            .collect();
        let all: Vec<&str> = state.last.iter().map(String::as_str).collect();
        let chosen = if bad.is_empty() { all } else { bad };
        if chosen.is_empty() {
            "it wrote nothing to its log".into()
        } else {
            chosen.join("; ")
        }
    }

    /// Forgets the remembered lines, at a new start.
    pub(crate) fn forget(&self) {
        self.state.lock().expect("no holder of this lock panics").last.clear();
    }

    fn write(&self, line: &[u8]) {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        let text = String::from_utf8_lossy(line);
        state.last.push_back(text.trim_end().chars().take(LINE).collect());
        if state.last.len() > REMEMBER {
            state.last.pop_front();
        }
        if state.file.as_ref().is_none_or(|(_, size)| *size >= ROTATE_AT) {
            state.file = self.open();
        }
        if let Some((file, size)) = &mut state.file
            && file.write_all(line).is_ok()
        {
            *size += line.len() as u64;
        }
    }

    fn open(&self) -> Option<(File, u64)> {
        if fs::metadata(&self.path).is_ok_and(|m| m.len() >= ROTATE_AT) {
            let aside = |n: u32| self.path.with_extension(format!("log.{n}"));
            for n in (1..KEEP).rev() {
                let _ = fs::rename(aside(n), aside(n + 1)); // missing until there were that many
            }
            let _ = fs::rename(&self.path, aside(1)); // a failure means that the file grows on
        }
        let file = File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)
            .ok()?;
        let size = file.metadata().map_or(0, |m| m.len());
        Some((file, if size >= ROTATE_AT { 0 } else { size }))
    }
}

fn is_trouble(line: &str) -> bool {
    ["FATAL:", "PANIC:", "ERROR:", "HINT:", "setpriv:", "could not"]
        .iter()
        .any(|w| line.contains(w))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_bounded_however_much_the_server_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postgres.log");
        let log = LogFile::new(&path);
        let megabyte = "x".repeat(1 << 20).into_bytes();
        for _ in 0..45 {
            log.write(&megabyte);
        }
        let names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 1 + KEEP as usize, "{names:?}");
        let total: u64 = fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().metadata().unwrap().len())
            .sum();
        assert!(total <= (ROTATE_AT + (1 << 20)) * 3, "{total}");
    }

    #[test]
    fn trouble_is_what_a_message_quotes() {
        let folder = tempfile::tempdir().unwrap();
        let log = LogFile::new(&folder.path().join("postgres.log"));
        log.copy(&b"LOG:  starting\nFATAL:  no space left on device\nLOG:  shut down\n"[..]);
        assert_eq!(log.last_lines(), "FATAL:  no space left on device");
        log.forget();
        assert_eq!(log.last_lines(), "it wrote nothing to its log");
    }
}
