//! How fast is this database as an event store? `rate postgres://…` on an empty database; it fills it.
//!
//! Prints appends per second and their latency for 1 to 256 callers, the time of one append to 10,000 streams, and how
//! fast everything is read back. Events are 806 bytes of data and 242 of metadata.

use bytes::Bytes;
use commands::ports::{EventStore, Expected, StreamAppend};
use domain::event::{NewEvent, Position, StreamName};
use eventstore_postgres::{PostgresStore, Settings, migrate};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

const FOR: Duration = Duration::from_secs(4);

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let url = std::env::args()
        .nth(1)
        .ok_or("usage: rate postgres://user@host/empty_database")?;
    let pool = sqlx::PgPool::connect(&url).await?;
    migrate(&pool).await?;
    let store = Arc::new(PostgresStore::connect(&pool, Settings::default()).await?);
    let new_stream = || append_to(StreamName::new("folder", new_id()), Expected::NoStream);
    for callers in [1, 16, 64, 256] {
        appends(&store, callers, "new streams", new_stream).await?;
    }
    let record = || append_to(StreamName::new("activity", Uuid::nil()), Expected::Any);
    appends(&store, 64, "records to one stream", record).await?;

    let group = (0..10_000).map(|_| new_stream()).collect();
    let began = Instant::now();
    store.append(group).await?;
    println!(
        "one append to 10,000 streams: {:.0} ms",
        began.elapsed().as_secs_f64() * 1e3
    );

    for page in [500, 2_000, 10_000] {
        read_everything(&store, page).await?;
    }
    store.close().await;
    Ok(())
}

/// Has `callers` append one after the other what `make` gives.
async fn appends(
    store: &Arc<PostgresStore>,
    callers: usize,
    what: &str,
    make: fn() -> StreamAppend,
) -> Result<(), Failure> {
    let began = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut waited = Vec::new();
                while began.elapsed() < FOR {
                    let asked = Instant::now();
                    store.append(vec![make()]).await?;
                    waited.push(asked.elapsed());
                }
                Ok::<_, Failure>(waited)
            })
        })
        .collect();
    let mut waited = Vec::new();
    for task in tasks {
        waited.extend(task.await??);
    }
    let rate = waited.len() as f64 / began.elapsed().as_secs_f64();
    waited.sort();
    let [p50, p99] = [0.5, 0.99].map(|part| waited[(waited.len() as f64 * part) as usize].as_secs_f64() * 1e3);
    println!("{callers:4} callers, {what}: {rate:7.0} appends/s, p50 {p50:.1} ms, p99 {p99:.1} ms");
    Ok(())
}

async fn read_everything(store: &PostgresStore, max: usize) -> Result<(), Failure> {
    let (began, mut after, mut events) = (Instant::now(), Position::START, 0);
    loop {
        let page = store.read_all(after, max).await?;
        events += page.events.len();
        after = page.next;
        if page.next == page.head {
            break;
        }
    }
    let rate = events as f64 / began.elapsed().as_secs_f64();
    println!("{events} events read in pages of {max}: {rate:.0} events/s");
    Ok(())
}

fn append_to(stream: StreamName, expected: Expected) -> StreamAppend {
    static DATA: [u8; 806] = [b'd'; 806];
    static META: [u8; 242] = [b'm'; 242];
    let event = NewEvent {
        id: new_id(),
        type_name: Cow::Borrowed("FolderRenamed"),
        schema: 1,
        data: Bytes::from_static(&DATA),
        meta: Bytes::from_static(&META),
    };
    StreamAppend {
        stream,
        expected,
        events: vec![event],
    }
}

/// Spread out like random ones; the database was empty, so a count is enough to make them new.
fn new_id() -> Uuid {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    Uuid::new_v5(
        &Uuid::NAMESPACE_OID,
        &COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes(),
    )
}
