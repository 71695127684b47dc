//! How the private server is set: durable always, tuned for a small machine unless its owner says otherwise.

use crate::Layout;
use std::ffi::OsString;
use std::fmt::Write;

const MIB: u64 = 1 << 20;

/// The command line: what must hold whatever stands in the files of the cluster.
pub(crate) fn arguments(layout: &Layout) -> Vec<OsString> {
    let socket = layout.socket.to_string_lossy().replace('"', "\"\"");
    let fixed = [
        "listen_addresses=".to_owned(),
        format!("unix_socket_directories=\"{socket}\""),
        "unix_socket_permissions=0700".to_owned(),
        "port=5432".to_owned(), // only a part of the socket's name
        "fsync=on".to_owned(),
        "full_page_writes=on".to_owned(),
        "synchronous_commit=on".to_owned(),
        "logging_collector=off".to_owned(),
        "log_destination=stderr".to_owned(),
    ];
    let mut arguments = vec!["-D".into(), layout.cluster.clone().into_os_string()];
    for setting in fixed {
        arguments.push("-c".into());
        arguments.push(setting.into());
    }
    arguments
}

/// `annalock.conf`, included at the end of `postgresql.conf` and written anew at each start; `ALTER SYSTEM` wins over it.
/// `memory` is what the machine has, in bytes.
pub(crate) fn tuning(memory: u64) -> String {
    let shared = (memory / 16 / MIB).clamp(64, 512);
    let cache = (memory / 2 / MIB).max(256);
    let mut text =
        String::from("# Written by annalock at each start. To change a value: ALTER SYSTEM SET name = value.\n");
    let lines = [
        ("max_connections", "60".to_owned()),
        ("shared_buffers", format!("{shared}MB")),
        ("effective_cache_size", format!("{cache}MB")),
        ("work_mem", "8MB".into()),
        ("maintenance_work_mem", "64MB".into()),
        ("wal_buffers", "8MB".into()),
        ("min_wal_size", "128MB".into()),
        ("max_wal_size", "1GB".into()),
        ("checkpoint_timeout", "10min".into()),
        ("checkpoint_completion_target", "0.9".into()),
        ("max_parallel_workers_per_gather", "0".into()),
        ("random_page_cost", "1.1".into()),
        ("jit", "off".into()),
        ("timezone", "'UTC'".into()),
        ("log_timezone", "'UTC'".into()),
        ("log_line_prefix", "'%m [%p] '".into()),
        ("log_lock_waits", "on".into()),
        ("log_checkpoints", "off".into()),
        ("cluster_name", "'annalock'".into()),
    ];
    for (name, value) in lines {
        writeln!(text, "{name} = {value}").expect("writing to a string does not fail");
    }
    text
}

/// Memory of this machine in bytes: the limit of our control group where one is set. 1 GiB where unknown.
pub(crate) fn memory() -> u64 {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let machine = read("/proc/meminfo")
        .lines()
        .find_map(|l| {
            l.strip_prefix("MemTotal:")?
                .trim()
                .strip_suffix(" kB")?
                .parse::<u64>()
                .ok()
        })
        .map_or(1 << 30, |kib| kib * 1024);
    let limit = read("/sys/fs/cgroup/memory.max").trim().parse().unwrap_or(u64::MAX);
    machine.min(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_follow_the_memory_of_the_machine_within_bounds() {
        assert!(tuning(512 * MIB).contains("shared_buffers = 64MB"));
        assert!(tuning(4096 * MIB).contains("shared_buffers = 256MB"));
        assert!(tuning(256 * 1024 * MIB).contains("shared_buffers = 512MB"));
        assert!(memory() >= 64 * MIB);
    }

    #[test]
    fn durability_stands_on_the_command_line() {
        let line = arguments(&Layout::of("/srv/with space".as_ref()));
        for wanted in [
            "fsync=on",
            "full_page_writes=on",
            "synchronous_commit=on",
            "listen_addresses=",
        ] {
            assert!(line.iter().any(|a| a == wanted), "{wanted}");
        }
        assert!(
            line.iter()
                .any(|a| a == "unix_socket_directories=\"/srv/with space/run\"")
        );
    }
}
