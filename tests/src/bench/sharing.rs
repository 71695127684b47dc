//! Organizations: what members and those who look after them wait for.

use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::client::organization::Organization;

use crate::bench::Bench;
use crate::company::Company;
use crate::load::{self, Request};
use crate::process::{self, Cpu};
use crate::reading::{SYNC, note};
use crate::report::Row;
use crate::wire::Connection;

/// Creating items in an organization of 20 members, and the newest page of its log.
pub async fn small(bench: &mut Bench) -> Result<()> {
    const IN_FLIGHT: usize = 16;
    let mut company = Company::found(&bench.server, "small").await;
    let rights = Organization::selection(&company.organization.collection, [false, false, false]);
    company.let_in(&bench.server, "small", 19, &[rights]).await?;
    let body = company.create("new", &[&company.organization.collection]);
    let creates: Vec<_> = company
        .members
        .iter()
        .map(|member| member.vault.send("POST", "/api/ciphers/create", &body))
        .collect();
    let next = |worker: usize, _| Request {
        kind: 0,
        bytes: creates[worker % creates.len()].clone(),
    };
    let mut row = bench.measure("create in an organization of 20", IN_FLIGHT, &next).await;
    row.limit = Some(bench.durable_limit(IN_FLIGHT).await?);
    bench.add(row);

    let page = company.owner.get(&company.organization.path("events"));
    let next = |_, _| Request {
        kind: 0,
        bytes: page.clone(),
    };
    let row = bench
        .measure("first page of an organization's log", IN_FLIGHT, &next)
        .await;
    bench.add(row);
    Ok(())
}

/// An import of 5,000 items into 50 collections, and the `/sync` of a member who sees all of them.
pub async fn import(bench: &mut Bench) -> Result<()> {
    const ITEMS: usize = 5_000;
    let mut company = Company::found(&bench.server, "imported").await;
    let copy = bench.copy_limit().await?;
    let body = company.import(ITEMS, 50);
    let request = company.owner.send("POST", &company.import_path(), &body);
    let seconds = once(bench, &request).await?;
    bench.add(Row {
        workload: format!("import of {ITEMS} into an organization"),
        in_flight: Some(1),
        value: ITEMS as f64 / seconds,
        unit: "items/s",
        limit: Some(copy),
        note: format!("answered 200 after {seconds:.2} s, {} bytes", request.len()),
        load_average: process::load_average(),
        ..Row::default()
    });
    let rights: Vec<Value> = company
        .collections()
        .await
        .iter()
        .map(|id| Organization::selection(id, [false, false, false]))
        .collect();
    company.let_in(&bench.server, "imported", 1, &rights).await?;
    member_sync(bench, &company, "member's sync of 5,000").await
}

/// `/sync` of the first member, unchanged and right after changes of somebody else.
async fn member_sync(bench: &mut Bench, company: &Company, workload: &str) -> Result<()> {
    const IN_FLIGHT: usize = 8;
    let member = &company.members[0].vault;
    let body = member.client.get(SYNC).await;
    ensure!(body.status == 200, "sync answered {}", body.status);
    let seen = body.body["ciphers"].as_array().map_or(0, Vec::len);
    let request = member.get(SYNC);
    let next = |_, _| Request {
        kind: 0,
        bytes: request.clone(),
    };
    let mut row = bench.measure(workload, IN_FLIGHT, &next).await;
    row.limit = Some(bench.static_limit(&body.text, IN_FLIGHT).await?);
    note(&mut row, format!("{seen} items, {} bytes each", body.text.len()));
    bench.add(row);
    let item = body.body["ciphers"][0]["id"].as_str().unwrap_or_default().to_owned();
    let change = |turn: usize| {
        let path = format!("/api/ciphers/{item}/admin");
        company.owner.send("PUT", &path, &company.item(&format!("turn {turn}")))
    };
    cold(bench, &request, change, &format!("{workload}, uncached")).await
}

/// A request right after each change of somebody else.
async fn cold(bench: &mut Bench, request: &[u8], change: impl Fn(usize) -> bytes::Bytes, workload: &str) -> Result<()> {
    let load_average = process::load_average();
    let turns = bench.duration.as_secs().max(1) as usize * 4;
    let mut connection = Connection::open(&bench.address()).await?;
    let (mut cpu, mut took) = (Cpu::default(), Vec::new());
    for turn in 0..turns {
        let changed = connection.exchange(&change(turn)).await?;
        ensure!(changed.status == 200, "a change was answered {}", changed.status);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let before = Cpu::of(bench.server.pid());
        let began = Instant::now();
        let reply = connection.exchange(request).await?;
        ensure!(reply.status == 200, "answered {}", reply.status);
        took.push(u32::try_from(began.elapsed().as_micros())?);
        let used = Cpu::of(bench.server.pid()).since(before);
        cpu.server_ms += used.server_ms;
        cpu.database_ms += used.database_ms;
    }
    took.sort_unstable();
    let cpu = cpu.each(turns);
    bench.add(Row {
        workload: workload.to_owned(),
        in_flight: Some(1),
        value: load::quantile(&took, 0.5).unwrap_or_default(),
        unit: "ms",
        p50_ms: load::quantile(&took, 0.5),
        p99_ms: load::quantile(&took, 0.99),
        server_cpu_ms: Some(cpu.server_ms),
        database_cpu_ms: Some(cpu.database_ms),
        note: format!("{turns} times, each after a change"),
        load_average,
        ..Row::default()
    });
    Ok(())
}

/// One request: how long it took.
async fn once(bench: &Bench, request: &[u8]) -> Result<f64> {
    let mut connection = Connection::open(&bench.address()).await?;
    let began = Instant::now();
    let reply = connection.exchange(request).await?;
    let seconds = began.elapsed().as_secs_f64();
    ensure!(reply.status == 200, "answered {}", reply.status);
    Ok(seconds)
}

/// Measures one request as a row.
async fn timed(bench: &mut Bench, workload: &str, request: &[u8], about: String) -> Result<()> {
    let load_average = process::load_average();
    let before = Cpu::of(bench.server.pid());
    let seconds = once(bench, request).await?;
    let used = Cpu::of(bench.server.pid()).since(before);
    bench.add(Row {
        workload: workload.to_owned(),
        in_flight: Some(1),
        value: seconds * 1_000.0,
        unit: "ms",
        server_cpu_ms: Some(used.server_ms),
        database_cpu_ms: Some(used.database_ms),
        note: about,
        load_average,
        ..Row::default()
    });
    Ok(())
}

/// How large a customer is.
struct Shape {
    name: &'static str,
    members: usize,
    collections: usize,
    items: usize,
    groups: usize,
    /// The first groups are wide: members of other groups are in them as well.
    wide: usize,
    /// How many collections a wide group has, and each of the others.
    rights: (usize, usize),
    /// How far the first collections of two neighbours are from each other, and how far two of one group.
    between: usize,
    step: usize,
}

/// Both shapes end at 10,000 people: the rest of them are invited.
const PEOPLE: usize = 10_000;

/// The shape `lg` of large customers.
pub async fn large(bench: &mut Bench) -> Result<()> {
    let lg = Shape {
        name: "lg",
        members: 1_000,
        collections: 2_000,
        items: 10_000,
        groups: 100,
        wide: 3,
        rights: (400, 20),
        between: 37,
        step: 3,
    };
    shape(bench, &lg).await
}

/// The largest, `xl`: few groups with much in each, so that an ordinary member sees most of 12,000 collections.
pub async fn largest(bench: &mut Bench) -> Result<()> {
    let xl = Shape {
        name: "xl",
        members: 1_000,
        collections: 12_000,
        items: 15_000,
        groups: 5,
        wide: 3,
        rights: (6_000, 6_000),
        between: 2_400,
        step: 1,
    };
    shape(bench, &xl).await
}

async fn shape(bench: &mut Bench, shape: &Shape) -> Result<()> {
    let mut company = Company::found(&bench.server, shape.name).await;
    let request = company.owner.send(
        "POST",
        &company.import_path(),
        &company.import(shape.items, shape.collections),
    );
    let seconds = once(bench, &request).await?;
    note_only(bench, &format!("import of the shape {}", shape.name), seconds);
    let collections = company.collections().await;
    company
        .let_in(&bench.server, shape.name, shape.members - 1, &[])
        .await?;
    for group in 0..shape.groups {
        let is_wide = group < shape.wide;
        let users: Vec<&str> = company
            .members
            .iter()
            .enumerate()
            .filter(|(number, _)| number % shape.groups == group || (is_wide && number % 4 == group))
            .map(|(_, member)| member.id.as_str())
            .collect();
        let share = if is_wide { shape.rights.0 } else { shape.rights.1 };
        let rights: Vec<Value> = (0..share)
            .map(|n| {
                let id = &collections[(group * shape.between + n * shape.step) % collections.len()];
                Organization::selection(id, [n % 3 == 0, n % 7 == 0, n % 11 == 1 && n % 3 != 0 && n % 7 != 0])
            })
            .collect();
        let body = json!({"name": format!("group {group}"), "users": users, "collections": rights});
        company
            .owner
            .client
            .post(&company.organization.path("groups"), &body)
            .await
            .ok();
    }
    member_sync(bench, &company, &format!("member's sync, shape {}", shape.name)).await?;
    for chunk in 0..(PEOPLE - shape.members) / 1_000 {
        let emails: Vec<String> = (0..1_000)
            .map(|n| format!("{}{chunk}x{n}@example.org", shape.name))
            .collect();
        company
            .invite(&emails.iter().map(String::as_str).collect::<Vec<_>>(), &[])
            .await;
    }
    let path = |rest: &str| company.organization.path(rest);
    let list = company
        .owner
        .get(&path("users?includeGroups=true&includeCollections=true"));
    timed(
        bench,
        &format!("list of 10,000 members, {}", shape.name),
        &list,
        "with groups and collections".to_owned(),
    )
    .await?;
    let body = json!({
        "emails": [format!("{}-more@example.org", shape.name)], "type": 2, "permissions": {},
        "collections": [], "groups": [],
    });
    let invite = company.owner.send("POST", &path("users/invite"), &body);
    timed(
        bench,
        &format!("invite one more, {}", shape.name),
        &invite,
        String::new(),
    )
    .await?;
    let own = &company.owner;
    own.client
        .post("/api/ciphers/import", &own.import(500))
        .await
        .ok_empty();
    let sync = own.client.sync().await;
    let mine: Vec<Value> = sync["ciphers"]
        .as_array()
        .expect("items")
        .iter()
        .filter(|item| item["organizationId"].is_null())
        .map(|item| {
            let mut moved = company.item("moved");
            moved["id"] = item["id"].clone();
            moved["lastKnownRevisionDate"] = item["revisionDate"].clone();
            moved
        })
        .collect();
    let moved = json!({"ciphers": mine, "collectionIds": [collections[0], company.organization.collection]});
    let share = own.send("PUT", "/api/ciphers/share", &moved);
    timed(
        bench,
        &format!("move 500 items into it, {}", shape.name),
        &share,
        format!("{} bytes", share.len()),
    )
    .await?;
    let delete = own.send("DELETE", &path(&format!("collections/{}", collections[1])), &json!({}));
    timed(
        bench,
        &format!("delete a collection, {}", shape.name),
        &delete,
        String::new(),
    )
    .await
}

fn note_only(bench: &mut Bench, workload: &str, seconds: f64) {
    bench.add(Row {
        workload: workload.to_owned(),
        in_flight: Some(1),
        value: seconds * 1_000.0,
        unit: "ms",
        load_average: process::load_average(),
        ..Row::default()
    });
}
