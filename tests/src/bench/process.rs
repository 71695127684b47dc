//! CPU and memory of processes, as Linux tells them in `/proc`.

use std::collections::BTreeMap;
use std::fs;

/// Clock ticks of `/proc/<pid>/stat` in a second: fixed in the interface of Linux to programs.
const TICKS: f64 = 100.0;

/// CPU used so far in milliseconds, to 10 ms.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu {
    /// The server itself.
    pub server_ms: f64,
    /// Its descendants: the private PostgreSQL.
    pub database_ms: f64,
}

impl Cpu {
    /// What the server `pid` and its descendants have used.
    pub fn of(pid: u32) -> Self {
        let all = all();
        let mut cpu = Self::default();
        for (candidate, process) in &all {
            if *candidate == pid {
                cpu.server_ms += process.cpu_ms;
            } else if descends(&all, *candidate, pid) {
                cpu.database_ms += process.cpu_ms;
            }
        }
        cpu
    }

    /// What was used since `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            server_ms: self.server_ms - before.server_ms,
            database_ms: self.database_ms - before.database_ms,
        }
    }

    /// The share of one of `count`.
    pub fn each(self, count: usize) -> Self {
        let count = count.max(1) as f64;
        Self {
            server_ms: self.server_ms / count,
            database_ms: self.database_ms / count,
        }
    }
}

/// Resident memory in MiB: `VmRSS` now, `VmHWM` at most since the start or [`forget_peak`].
pub fn memory_mib(pid: u32, field: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

/// Lets `VmHWM` start again from the present use.
pub fn forget_peak(pid: u32) -> std::io::Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5")
}

/// The load average of the last minute.
pub fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg")
        .ok()?
        .split(' ')
        .next()?
        .parse()
        .ok()
}

struct Process {
    parent: u32,
    /// Of itself and of children it has waited for.
    cpu_ms: f64,
}

fn all() -> BTreeMap<u32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, read(pid)?))).collect()
}

fn read(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields
        .get(11..15)?
        .iter()
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    Some(Process {
        parent: fields.get(1)?.parse().ok()?,
        cpu_ms: ticks * 1_000.0 / TICKS,
    })
}

fn descends(all: &BTreeMap<u32, Process>, mut pid: u32, ancestor: u32) -> bool {
    while let Some(process) = all.get(&pid) {
        if process.parent == ancestor {
            return true;
        }
        pid = process.parent;
    }
    false
}
