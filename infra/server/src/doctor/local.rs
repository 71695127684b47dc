//! What can be seen on this machine.

use super::Finding;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::tls::authority::{Authority, RENEW_DAYS};
use crate::tls::certificate::Facts;
use commands::ports::Clock;
use domain::time::Timestamp;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const GIB: u64 = 1 << 30;
/// Less free space than this is wrong, or at least worth a warning.
const DISK_FAIL: u64 = GIB / 4;
const DISK_WARN: u64 = 2 * GIB;
/// 2026-08-01: this version did not exist before, so a clock that says so is wrong.
const BUILT_AFTER: Timestamp = Timestamp(1_785_542_400_000);
/// 2100-01-01.
const LATEST: Timestamp = Timestamp(4_102_444_800_000);

pub(super) fn settings(config: &Config) -> Finding {
    match config.warnings.as_slice() {
        [] => Finding::ok("settings", "can be used"),
        warnings => Finding::warn("settings", warnings.join("; ")),
    }
}

pub(super) fn data_folder(config: &Config) -> Vec<Finding> {
    let dir = &config.data_dir;
    if !dir.exists() {
        return vec![Finding::ok(
            "data folder",
            format!("{} will be made at the first start", dir.display()),
        )];
    }
    let mut findings = vec![match tempfile_in(dir) {
        Ok(()) => Finding::ok("data folder", format!("{} can be written", dir.display())),
        Err(e) => Finding::fail("data folder", format!("{} cannot be written: {e}", dir.display())),
    }];
    for (path, what) in [
        ("keys", "signing keys"),
        ("tls/ca.key", "the authority's key"),
        ("tls/server.key", "the TLS key"),
    ] {
        let path = dir.join(path);
        let Ok(found) = std::fs::metadata(&path) else { continue };
        if found.permissions().mode() & 0o077 != 0 {
            let advice = format!("others may read {what}: chmod go= {}", path.display());
            findings.push(Finding::fail("data folder", advice));
        }
    }
    findings
}

/// Writes a file and removes it.
fn tempfile_in(dir: &Path) -> std::io::Result<()> {
    let probe = dir.join(format!(".doctor-{}", std::process::id()));
    std::fs::write(&probe, "written to see whether it can be")?;
    std::fs::remove_file(probe)
}

pub(super) fn disk(config: &Config) -> Finding {
    let Some(place) = config.data_dir.ancestors().find(|p| p.exists()) else {
        return Finding::fail("disk", format!("{} has no existing parent", config.data_dir.display()));
    };
    match rustix::fs::statvfs(place) {
        Err(e) => Finding::warn("disk", format!("free space at {} is unknown: {e}", place.display())),
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let text = format!("{:.1} GiB free at {}", free as f64 / GIB as f64, place.display());
            match free {
                _ if found.f_favail == 0 && found.f_files > 0 => {
                    Finding::fail("disk", format!("{text}, but no free inodes"))
                }
                0..DISK_FAIL => Finding::fail("disk", text),
                DISK_FAIL..DISK_WARN => Finding::warn("disk", text),
                _ => Finding::ok("disk", text),
            }
        }
    }
}

pub(super) fn clock() -> Finding {
    clock_at(SystemClock.now())
}

fn clock_at(now: Timestamp) -> Finding {
    if now < BUILT_AFTER || now > LATEST {
        return Finding::fail(
            "clock",
            format!(
                "this machine believes it is {}: tokens and history would be wrong",
                now.iso()
            ),
        );
    }
    Finding::ok("clock", now.iso())
}

pub(super) fn certificate(config: &Config) -> Finding {
    if config.https_bind.is_none() {
        return Finding::skip("certificate", "there is no https listener");
    }
    let own = config.tls.is_none();
    let path = match &config.tls {
        Some(files) => files.cert.clone(),
        None => Authority::in_folder(&config.data_dir.join("tls")).cert_file(),
    };
    if own && !path.exists() {
        return Finding::ok("certificate", "will be made at the first start");
    }
    match Facts::of_file(&path) {
        Err(e) => Finding::fail("certificate", format!("{e:#}")),
        Ok(facts) => judge(&facts, config.public_host(), own, SystemClock.now().0 / 1000),
    }
}

fn judge(facts: &Facts, host: &str, own: bool, now: i64) -> Finding {
    let days = (facts.not_after - now).div_euclid(86_400);
    let until = Timestamp(facts.not_after.saturating_mul(1000)).iso();
    let renewed = if own { "; it is made anew at the next start" } else { "" };
    if facts.not_before > now {
        return Finding::fail("certificate", "it is not valid yet");
    }
    let wrong = match () {
        () if days < 0 => format!("it ended on {until}{renewed}"),
        () if !facts.covers(host) => format!("it is not good for {host}, the host of the public address{renewed}"),
        () if days < RENEW_DAYS && !own => return Finding::warn("certificate", format!("it ends in {days} days")),
        () => return Finding::ok("certificate", format!("good for {host} until {until}")),
    };
    if own {
        Finding::warn("certificate", wrong)
    } else {
        Finding::fail("certificate", wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    fn facts(not_after: i64) -> Facts {
        Facts {
            not_before: 0,
            not_after,
            names: ["*.example.org".to_owned()].into(),
            issuer_key: String::new(),
            own_key: String::new(),
        }
    }

    #[test]
    fn a_certificate_is_judged_by_its_dates_and_its_host() {
        let now = 1_800_000_000;
        let status = |after: i64, host: &str, own| judge(&facts(now + after), host, own, now).status;
        assert_eq!(status(90 * 86_400, "vault.example.org", false), Status::Ok);
        assert_eq!(status(9 * 86_400, "vault.example.org", false), Status::Warn);
        assert_eq!(status(-1, "vault.example.org", false), Status::Fail);
        assert_eq!(status(-1, "vault.example.org", true), Status::Warn, "ours is made anew");
        assert_eq!(status(90 * 86_400, "a.b.example.org", false), Status::Fail);
    }

    #[test]
    fn a_clock_before_this_version_is_wrong() {
        assert_eq!(clock_at(Timestamp(0)).status, Status::Fail);
        assert_eq!(clock_at(Timestamp(BUILT_AFTER.0 + 1)).status, Status::Ok);
    }
}
