//! The server under load, what the workloads share, and the rows they made.

use std::time::Duration;

use anyhow::Result;
use tests::server::Server;

use crate::limits::{Inserts, Nginx, Rows};
use crate::load::{self, Outcome, Request};
use crate::process::{self, Cpu};
use crate::report::{self, Limit, Row};
use crate::vaults::Vault;

/// How long a load runs before it is measured.
const WARM_UP: Duration = Duration::from_millis(500);

/// Everything workloads need.
pub struct Bench {
    pub server: Server,
    /// Of each measurement.
    pub duration: Duration,
    pub rows: Vec<Row>,
    vaults: Vec<(usize, Vault)>,
    nginx: Option<Option<Nginx>>,
    durable: Option<Rows>,
}

impl Bench {
    /// Starts the server, over a database of its own or over this one.
    pub async fn start(duration: Duration, database: Option<&str>) -> Self {
        let settings: Vec<_> = database.iter().map(|url| ("ANNALOCK_DATABASE_URL", *url)).collect();
        Self {
            server: Server::start_with(&settings).await,
            duration,
            rows: Vec::new(),
            vaults: Vec::new(),
            nginx: None,
            durable: None,
        }
    }

    /// `host:port` of the server.
    pub fn address(&self) -> String {
        self.server.url.trim_start_matches("http://").to_owned()
    }

    /// Takes a row and shows it.
    pub fn add(&mut self, row: Row) {
        report::show(&row);
        self.rows.push(row);
    }

    /// Makes sure that there are `count` accounts with `items` items each; what workloads made before is used again.
    pub async fn need(&mut self, count: usize, items: usize) {
        let have = self.vaults.iter().filter(|(size, _)| *size == items).count();
        for number in have..count {
            let vault = Vault::filled(&self.server, &format!("bench{items}x{number}"), items).await;
            self.vaults.push((items, vault));
        }
    }

    /// Accounts that were filled with `items` items.
    pub fn vaults(&self, items: usize) -> Vec<&Vault> {
        let same = self.vaults.iter().filter(|(size, _)| *size == items);
        same.map(|(_, vault)| vault).collect()
    }

    /// Warms up, then measures a load on the server, with the CPU each answer took.
    pub async fn load(&self, in_flight: usize, next: &dyn Fn(usize, u64) -> Request) -> (Outcome, Cpu) {
        let address = self.address();
        load::run_for(&address, in_flight, WARM_UP, next).await;
        let before = Cpu::of(self.server.pid());
        let outcome = load::run_for(&address, in_flight, self.duration, next).await;
        let cpu = Cpu::of(self.server.pid()).since(before).each(outcome.answered());
        (outcome, cpu)
    }

    /// Measures a load and gives its row.
    pub async fn measure(&self, workload: &str, in_flight: usize, next: &dyn Fn(usize, u64) -> Request) -> Row {
        let load_average = process::load_average();
        let (outcome, cpu) = self.load(in_flight, next).await;
        Row {
            workload: workload.to_owned(),
            in_flight: Some(in_flight),
            value: outcome.per_second(),
            unit: "req/s",
            p50_ms: outcome.quantile(0.5),
            p99_ms: outcome.quantile(0.99),
            server_cpu_ms: Some(cpu.server_ms),
            database_cpu_ms: Some(cpu.database_ms),
            limit: None,
            note: outcome.complaint(),
            load_average,
        }
    }

    /// The rate at which nginx serves these bytes to the same client.
    pub async fn static_limit(&mut self, bytes: &str, in_flight: usize) -> Result<Limit> {
        if self.nginx.is_none() {
            self.nginx = Some(Nginx::start()?);
        }
        let of = "static nginx".to_owned();
        let Some(nginx) = self.nginx.as_ref().and_then(Option::as_ref) else {
            return Ok(Limit {
                of,
                value: None,
                p99_ms: None,
            });
        };
        nginx.put("body.json", bytes)?;
        let request = bytes::Bytes::from(format!("GET /body.json HTTP/1.1\r\nHost: {}\r\n\r\n", nginx.address));
        let next = |_, _| Request {
            kind: 0,
            bytes: request.clone(),
        };
        load::run_for(&nginx.address, in_flight, WARM_UP, &next).await;
        let outcome = load::run_for(&nginx.address, in_flight, self.duration, &next).await;
        let complaint = outcome.complaint();
        anyhow::ensure!(complaint.is_empty(), "nginx: {complaint}");
        let expected = (outcome.answered() * bytes.len()) as u64;
        anyhow::ensure!(outcome.body_bytes == expected, "nginx served something else");
        Ok(Limit {
            of,
            value: Some(outcome.per_second()),
            p99_ms: outcome.quantile(0.99),
        })
    }

    /// Durable inserts of one row each.
    pub async fn durable_limit(&mut self, clients: usize) -> Result<Limit> {
        let duration = self.duration;
        let Inserts { per_second, p99_ms } = self.durable().await?.inserts(clients, duration).await?;
        Ok(Limit {
            of: "pgbench insert".to_owned(),
            value: Some(per_second),
            p99_ms,
        })
    }

    /// Rows by COPY.
    pub async fn copy_limit(&mut self) -> Result<Limit> {
        let per_second = self.durable().await?.copy(100_000).await?;
        Ok(Limit {
            of: "COPY".to_owned(),
            value: Some(per_second),
            p99_ms: None,
        })
    }

    async fn durable(&mut self) -> Result<&Rows> {
        if self.durable.is_none() {
            self.durable = Some(Rows::start().await?);
        }
        Ok(self.durable.as_ref().expect("it was made above"))
    }
}
