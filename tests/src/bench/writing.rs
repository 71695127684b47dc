//! Writing: new items, changes, imports, logins, and the mix of a day.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Result;

use crate::bench::Bench;
use crate::load::{self, Request};
use crate::process;
use crate::reading::{Changes, SYNC, note};
use crate::report::Row;
use crate::wire::Connection;

/// How many accounts write.
const WRITERS: usize = 16;

/// `POST /ciphers` of 16 accounts.
pub async fn create(bench: &mut Bench) -> Result<()> {
    bench.need(WRITERS, 0).await;
    let vaults = bench.vaults(0);
    let requests: Vec<_> = vaults
        .iter()
        .map(|v| v.send("POST", "/api/ciphers", &v.item("new")))
        .collect();
    let next = |worker: usize, _| Request {
        kind: 0,
        bytes: requests[worker % WRITERS].clone(),
    };
    for in_flight in [1, 16, 64, 256] {
        let mut row = bench.measure("create item", in_flight, &next).await;
        row.limit = Some(bench.durable_limit(in_flight).await?);
        bench.add(row);
    }
    Ok(())
}

/// `PUT /ciphers/{id}` over the 100 items of one account.
pub async fn update(bench: &mut Bench) -> Result<()> {
    const IN_FLIGHT: usize = 16;
    bench.need(1, 100).await;
    let changes = Changes::of(bench.vaults(100)[0], 100).await;
    let mut row = bench
        .measure("update item", IN_FLIGHT, &in_turn(&changes, IN_FLIGHT))
        .await;
    row.limit = Some(bench.durable_limit(IN_FLIGHT).await?);
    note(&mut row, "100 items of one account".to_owned());
    bench.add(row);
    Ok(())
}

/// Each worker changes its own share of the items, one after the other.
fn in_turn(changes: &Changes, workers: usize) -> impl Fn(usize, u64) -> Request {
    move |worker, turn| {
        let own = (changes.len() - worker).div_ceil(workers) as u64;
        let item = worker + (turn % own) as usize * workers;
        Request {
            kind: 0,
            bytes: changes.next(item),
        }
    }
}

/// 5,000 items in one request, while others change items.
pub async fn import(bench: &mut Bench) -> Result<()> {
    const OTHERS: usize = 4;
    bench.need(1, 0).await;
    bench.need(1, 100).await;
    let changes = Changes::of(bench.vaults(100)[0], 100).await;
    let next = in_turn(&changes, OTHERS);
    let copy = bench.copy_limit().await?;
    for items in [5_000, 3_000] {
        let load_average = process::load_average();
        let vault = bench.vaults(0)[0];
        let body = vault.import(items);
        let request = vault.send("POST", "/api/ciphers/import", &body);
        let address = bench.address();
        let mut connection = Connection::open(&address).await?;
        let stop = AtomicBool::new(false);
        let importing = async {
            let began = Instant::now();
            let reply = connection.exchange(&request).await;
            stop.store(true, Ordering::Relaxed);
            (reply, began.elapsed().as_secs_f64())
        };
        let others = load::run(&address, OTHERS, &stop, &next);
        let ((reply, seconds), others) = tokio::join!(importing, others);
        let status = reply.map_or_else(|e| e.to_string(), |reply| format!("answered {}", reply.status));
        let taken = status.ends_with(" 200");
        let mut row = Row {
            workload: format!("import of {items}"),
            in_flight: Some(1),
            value: if taken { items as f64 / seconds } else { 0.0 },
            unit: "items/s",
            limit: Some(copy.clone()),
            note: format!("{status} after {seconds:.2} s, {} bytes", request.len()),
            load_average,
            ..Row::default()
        };
        note(&mut row, others.complaint());
        bench.add(row);
        bench.add(Row {
            workload: format!("changes of others during an import of {items}"),
            in_flight: Some(OTHERS),
            value: others.per_second(),
            unit: "req/s",
            p50_ms: others.quantile(0.5),
            p99_ms: others.quantile(0.99),
            note: others.complaint(),
            load_average,
            ..Row::default()
        });
        if taken {
            break;
        }
    }
    Ok(())
}

/// Logins by password of 16 accounts.
pub async fn login(bench: &mut Bench) -> Result<()> {
    bench.need(WRITERS, 0).await;
    let requests: Vec<_> = bench.vaults(0).iter().map(|vault| vault.login()).collect();
    let next = |worker: usize, _| Request {
        kind: 0,
        bytes: requests[worker % WRITERS].clone(),
    };
    for in_flight in [1, 16] {
        let row = bench.measure("login", in_flight, &next).await;
        bench.add(row);
    }
    Ok(())
}

/// What a mix is made of: name and share of a hundred.
const MIX: [(&str, u64); 4] = [
    ("revision-date", 70),
    ("sync of 1,000", 15),
    ("update", 10),
    ("login", 5),
];

/// A day's mix over 8 accounts of 1,000 items: changes make the next sync an uncached one.
pub async fn mix(bench: &mut Bench) -> Result<()> {
    const IN_FLIGHT: usize = 32;
    const ACCOUNTS: usize = 8;
    bench.need(ACCOUNTS, 1_000).await;
    let load_average = process::load_average();
    let (mut reads, mut updates) = (Vec::new(), Vec::new());
    for vault in bench.vaults(1_000) {
        reads.push([vault.get("/api/accounts/revision-date"), vault.get(SYNC), vault.login()]);
        updates.push(Changes::of(vault, 1_000).await);
    }
    let next = |worker: usize, _| {
        let account = worker % ACCOUNTS;
        let kind = kind_of(rand::random_range(0..100));
        let bytes = match kind {
            2 => updates[account].next(rand::random_range(0..updates[account].len())),
            3 => reads[account][2].clone(),
            other => reads[account][other].clone(),
        };
        Request { kind, bytes }
    };
    let (outcome, cpu) = bench.load(IN_FLIGHT, &next).await;
    bench.add(Row {
        workload: "mix".to_owned(),
        in_flight: Some(IN_FLIGHT),
        value: outcome.per_second(),
        unit: "req/s",
        p50_ms: outcome.quantile(0.5),
        p99_ms: outcome.quantile(0.99),
        server_cpu_ms: Some(cpu.server_ms),
        database_cpu_ms: Some(cpu.database_ms),
        note: outcome.complaint(),
        load_average,
        ..Row::default()
    });
    for (kind, (name, _)) in MIX.iter().enumerate() {
        bench.add(Row {
            workload: format!("mix: {name}"),
            value: outcome.kinds.get(kind).map_or(0, Vec::len) as f64 / outcome.seconds,
            unit: "req/s",
            p50_ms: outcome.quantile_of(kind, 0.5),
            p99_ms: outcome.quantile_of(kind, 0.99),
            load_average,
            ..Row::default()
        });
    }
    Ok(())
}

/// Which part of [`MIX`] a number below 100 falls into.
fn kind_of(number: u64) -> usize {
    let mut below = 0;
    let found = MIX.iter().position(|(_, share)| {
        below += share;
        number < below
    });
    found.expect("the shares make a hundred")
}
