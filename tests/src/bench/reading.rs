//! Reading: `/sync` and the revision date.

use std::cell::RefCell;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;

use crate::bench::Bench;
use crate::load::{self, Request};
use crate::process::{self, Cpu};
use crate::report::Row;
use crate::vaults::Vault;

pub const SYNC: &str = "/api/sync?excludeDomains=true";
const IN_FLIGHT: usize = 16;
/// The large vaults, and how many of them make the 50,000 further items of others.
pub const LARGE: usize = 10_000;
const CROWD: usize = 5;

/// `/sync` of one account that did not change since the last one.
pub async fn sync(bench: &mut Bench, items: usize, workload: &str) -> Result<()> {
    bench.need(1, items).await;
    let vault = bench.vaults(items)[0];
    let body = vault.client.get(SYNC).await;
    anyhow::ensure!(body.status == 200, "sync answered {}", body.status);
    let request = vault.get(SYNC);
    let next = |_, _| Request {
        kind: 0,
        bytes: request.clone(),
    };
    let mut row = bench.measure(workload, IN_FLIGHT, &next).await;
    row.limit = Some(bench.static_limit(&body.text, IN_FLIGHT).await?);
    note(&mut row, format!("{} bytes each", body.text.len()));
    bench.add(row);
    Ok(())
}

/// `/sync` of a small account beside 50,000 items of others.
pub async fn sync_crowded(bench: &mut Bench) -> Result<()> {
    bench.need(CROWD, LARGE).await;
    sync(bench, 100, "sync 100, 50,000 items of others").await
}

/// `/sync` right after a change: nothing of the answer is kept.
pub async fn sync_cold(bench: &mut Bench) -> Result<()> {
    bench.need(1, LARGE).await;
    let load_average = process::load_average();
    let vault = bench.vaults(LARGE)[0];
    let id = vault.ids().await.swap_remove(0);
    let (mut cpu, mut took) = (Cpu::default(), Vec::new());
    let turns = bench.duration.as_secs().max(1) as usize * 4;
    let mut connection = crate::wire::Connection::open(&bench.address()).await?;
    let request = vault.get(SYNC);
    for turn in 0..turns {
        vault
            .client
            .put(&format!("/api/ciphers/{id}"), &vault.item(&format!("turn {turn}")))
            .await
            .ok();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let before = Cpu::of(bench.server.pid());
        let began = std::time::Instant::now();
        let reply = connection.exchange(&request).await?;
        anyhow::ensure!(reply.status == 200, "sync answered {}", reply.status);
        took.push(u32::try_from(began.elapsed().as_micros())?);
        let used = Cpu::of(bench.server.pid()).since(before);
        cpu.server_ms += used.server_ms;
        cpu.database_ms += used.database_ms;
    }
    took.sort_unstable();
    let cpu = cpu.each(turns);
    bench.add(Row {
        workload: "sync 10,000 uncached".to_owned(),
        in_flight: Some(1),
        value: cpu.server_ms,
        unit: "CPU ms",
        p50_ms: load::quantile(&took, 0.5),
        p99_ms: load::quantile(&took, 0.99),
        server_cpu_ms: Some(cpu.server_ms),
        database_cpu_ms: Some(cpu.database_ms),
        note: format!("{turns} syncs, each after a change"),
        load_average,
        ..Row::default()
    });
    Ok(())
}

/// The most memory while 16 large vaults are synced at once: first of one account, then of 16.
pub async fn sync_memory(bench: &mut Bench) -> Result<()> {
    bench.need(IN_FLIGHT, LARGE).await;
    for accounts in [1, IN_FLIGHT] {
        // nothing kept from before counts
        bench.server.restart().await;
        let vaults = bench.vaults(LARGE);
        let vaults = &vaults[..accounts];
        let load_average = process::load_average();
        let pid = bench.server.pid();
        let resting = process::memory_mib(pid, "VmRSS").unwrap_or_default();
        process::forget_peak(pid)?;
        let requests: Vec<_> = vaults.iter().map(|vault| vault.get(SYNC)).collect();
        let next = |worker: usize, _| Request {
            kind: 0,
            bytes: requests[worker % accounts].clone(),
        };
        let outcome = load::run_for(&bench.address(), IN_FLIGHT, bench.duration, &next).await;
        let peak = process::memory_mib(pid, "VmHWM").unwrap_or_default();
        let whose = if accounts == 1 { "one account" } else { "16 accounts" };
        let mut row = Row {
            workload: format!("peak memory, 16 syncs of 10,000, {whose}"),
            in_flight: Some(IN_FLIGHT),
            value: peak,
            unit: "MiB",
            p50_ms: outcome.quantile(0.5),
            p99_ms: outcome.quantile(0.99),
            note: outcome.complaint(),
            load_average,
            ..Row::default()
        };
        note(
            &mut row,
            format!("{:.0} req/s, {resting:.0} MiB before", outcome.per_second()),
        );
        bench.add(row);
    }
    Ok(())
}

/// `GET /accounts/revision-date`: what clients ask every half hour and after each notification.
pub async fn revision_date(bench: &mut Bench) -> Result<()> {
    bench.need(1, 100).await;
    let request = bench.vaults(100)[0].get("/api/accounts/revision-date");
    let next = |_, _| Request {
        kind: 0,
        bytes: request.clone(),
    };
    let row = bench.measure("revision-date", IN_FLIGHT, &next).await;
    bench.add(row);
    Ok(())
}

/// Requests that change the items of an account: two versions of each, sent in turn, so that every one is a change.
pub struct Changes {
    versions: Vec<[Bytes; 2]>,
    sent: RefCell<Vec<usize>>,
}

impl Changes {
    /// Of the first `items` of `vault`.
    pub async fn of(vault: &Vault, items: usize) -> Self {
        let bodies = [vault.item("this name"), vault.item("that name")];
        let ids = vault.ids().await.into_iter().take(items);
        let versions: Vec<_> = ids
            .map(|id| {
                bodies
                    .each_ref()
                    .map(|body| vault.send("PUT", &format!("/api/ciphers/{id}"), body))
            })
            .collect();
        let sent = RefCell::new(vec![0; versions.len()]);
        Self { versions, sent }
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.versions.len()
    }

    /// The next change of an item.
    pub fn next(&self, item: usize) -> Bytes {
        let sent = &mut self.sent.borrow_mut()[item];
        *sent += 1;
        self.versions[item][*sent % 2].clone()
    }
}

/// Adds to the note of a row.
pub fn note(row: &mut Row, more: String) {
    if !row.note.is_empty() {
        row.note.push_str("; ");
    }
    row.note.push_str(&more);
}
