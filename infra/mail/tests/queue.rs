//! The queue on a real Postgres, sending to a real mail server.

#![allow(clippy::unwrap_used)] // tests

mod support;

use domain::id::SubjectId;
use mail::{Letter, MailQueue, NewMail, OutboxTransport, QueueSettings, SmtpTransport, State, Worker};
use sqlx::{PgPool, Row};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use support::{
    eventually,
    keys::Keys,
    postgres::Cluster,
    sink::{Offer, Sink, Twist},
    site,
};
use tokio::{sync::oneshot, task::JoinHandle};
use uuid::Uuid;

const ANN: SubjectId = SubjectId(Uuid::from_u128(0xA));

fn quick() -> QueueSettings {
    QueueSettings {
        backoff: Duration::from_millis(20),
        backoff_max: Duration::from_millis(80),
        max_attempts: 4,
        lease: Duration::from_secs(60),
        send_within: Duration::from_secs(20),
        poll: Duration::from_millis(20),
        ..QueueSettings::default()
    }
}

struct World {
    _cluster: Cluster,
    pool: PgPool,
    keys: Arc<Keys>,
    queue: MailQueue,
    sink: Sink,
}

impl World {
    async fn new() -> Self {
        let cluster = Cluster::start();
        let pool = cluster.migrated().await;
        let keys = Arc::new(Keys::default());
        let queue = MailQueue::new(pool.clone(), keys.clone());
        Self {
            _cluster: cluster,
            pool,
            keys,
            queue,
            sink: Sink::start(Offer::Plain).await,
        }
    }

    fn worker(&self, settings: QueueSettings) -> Worker {
        let transport = SmtpTransport::new(&self.sink.url(""), &site()).unwrap();
        Worker::new(self.queue.clone(), Arc::new(transport), site(), settings)
    }

    async fn put(&self, n: u128) -> Uuid {
        let mail = letter(n);
        assert!(self.queue.enqueue(&mail).await.unwrap());
        mail.id
    }

    async fn state_of(&self, id: Uuid) -> mail::Listed {
        self.queue
            .list(None, 1000)
            .await
            .unwrap()
            .into_iter()
            .find(|listed| listed.id == id)
            .unwrap()
    }

    fn arrivals(&self, id: Uuid) -> usize {
        self.sink
            .received()
            .iter()
            .filter(|letter| letter.data.contains(&id.to_string()))
            .count()
    }
}

fn letter(n: u128) -> NewMail {
    let letter = Letter::Otp {
        code: format!("{n:06}"),
        valid_minutes: 10,
    };
    NewMail {
        id: Uuid::from_u128(n),
        subject: ANN,
        to: "ann@example.org".into(),
        letter,
    }
}

/// A running worker and what stops it.
fn running(worker: Worker) -> (oneshot::Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(worker.run(async move {
        let _ = stopped.await;
    }));
    (stop, task)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_is_sent_once_and_then_nothing_of_it_is_kept() {
    let world = World::new().await;
    let (stop, task) = running(world.worker(quick()));
    let id = world.put(1).await;
    eventually("the letter", || async { world.state_of(id).await.state == State::Sent }).await;
    assert!(!world.queue.enqueue(&letter(1)).await.unwrap(), "the event came again");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.arrivals(id), 1);
    let payload: Option<Vec<u8>> = sqlx::query("select payload from ops.mail")
        .fetch_one(&world.pool)
        .await
        .unwrap()
        .get(0);
    assert_eq!(payload, None);
    let listed = world.state_of(id).await;
    assert_eq!(
        (listed.letter.as_str(), listed.attempts, listed.next_attempt_at),
        ("otp", 1, None)
    );
    assert!(listed.sent_at.unwrap() >= listed.created_at);
    stop.send(()).unwrap();
    task.await.unwrap();
}

#[tokio::test]
async fn while_it_waits_a_letter_is_unreadable_and_lists_name_nobody() {
    let world = World::new().await;
    world.put(123_456).await;
    let payload: Vec<u8> = sqlx::query("select payload from ops.mail")
        .fetch_one(&world.pool)
        .await
        .unwrap()
        .get(0);
    let text = String::from_utf8_lossy(&payload);
    assert!(!text.contains("ann@") && !text.contains("123456"));
    let listed = format!("{:?}", world.queue.list(Some(State::Waiting), 10).await.unwrap());
    assert!(!listed.contains("ann@") && !listed.contains("123456"));
}

#[tokio::test]
async fn a_letter_of_a_transaction_that_fails_is_never_sent() {
    let world = World::new().await;
    let mut tx = world.pool.begin().await.unwrap();
    assert!(world.queue.enqueue_in(&mut *tx, &letter(1)).await.unwrap());
    tx.rollback().await.unwrap();
    let mut tx = world.pool.begin().await.unwrap();
    assert!(world.queue.enqueue_in(&mut *tx, &letter(2)).await.unwrap());
    tx.commit().await.unwrap();
    let worker = world.worker(quick());
    assert_eq!(worker.tick().await.unwrap(), 1);
    assert_eq!((world.arrivals(letter(1).id), world.arrivals(letter(2).id)), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_server_is_asked_again_until_it_takes_the_letter() {
    let world = World::new().await;
    world.sink.twist([
        Twist::Answer("RCPT", "450 <ann@example.org> busy"),
        Twist::Answer(".", "451 later"),
    ]);
    let id = world.put(1).await;
    let patient = world.worker(QueueSettings {
        backoff: Duration::from_secs(3600),
        ..quick()
    });
    patient.tick().await.unwrap();
    let listed = world.state_of(id).await;
    assert_eq!((listed.state, listed.attempts), (State::Waiting, 1));
    assert_eq!(listed.last_error.as_deref(), Some("the mail server answered 450"));
    assert_eq!(patient.tick().await.unwrap(), 0, "not before its time");
    assert_eq!(world.queue.retry(Some(id)).await.unwrap(), 1);
    let (_stop, _task) = running(world.worker(quick()));
    eventually("the letter", || async { world.state_of(id).await.state == State::Sent }).await;
    let listed = world.state_of(id).await;
    assert_eq!((listed.attempts, listed.last_error), (3, None));
    assert_eq!(world.arrivals(id), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_is_never_taken_is_given_up_and_can_be_tried_again_by_hand() {
    let world = World::new().await;
    world.sink.always("RCPT", "450 busy");
    let (id, other) = (world.put(1).await, world.put(2).await);
    let (_stop, _task) = running(world.worker(quick()));
    eventually("giving up", || async {
        world.queue.counts().await.unwrap().failed == 2
    })
    .await;
    assert_eq!(world.state_of(id).await.attempts, 4);
    world.sink.usual_again();
    assert_eq!(world.queue.retry(Some(id)).await.unwrap(), 1);
    eventually("the letter", || async { world.state_of(id).await.state == State::Sent }).await;
    assert_eq!(world.state_of(other).await.state, State::Failed);
    assert_eq!(world.queue.retry(None).await.unwrap(), 1);
    eventually("the other", || async {
        world.state_of(other).await.state == State::Sent
    })
    .await;
    assert_eq!(world.queue.retry(None).await.unwrap(), 0);
    assert_eq!((world.arrivals(id), world.arrivals(other)), (1, 1));
}

#[tokio::test]
async fn an_address_that_does_not_exist_is_given_up_at_once() {
    let world = World::new().await;
    world
        .sink
        .twist([Twist::Answer("RCPT", "550 5.1.1 <ann@example.org> unknown")]);
    let id = world.put(1).await;
    world.worker(quick()).tick().await.unwrap();
    let listed = world.state_of(id).await;
    assert_eq!((listed.state, listed.attempts), (State::Failed, 1));
    assert_eq!(listed.last_error.as_deref(), Some("the mail server answered 550"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_send_each_letter_once() {
    let world = World::new().await;
    for n in 1..=60 {
        world.put(n).await;
    }
    let workers: Vec<_> = (0..3).map(|_| running(world.worker(quick()))).collect();
    eventually("all letters", || async {
        world.queue.counts().await.unwrap().waiting == 0
    })
    .await;
    for (stop, task) in workers {
        stop.send(()).unwrap();
        task.await.unwrap();
    }
    for n in 1..=60 {
        assert_eq!(world.arrivals(Uuid::from_u128(n)), 1, "letter {n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_while_sending_leaves_the_letter_to_the_next() {
    let world = World::new().await;
    let id = world.put(1).await;
    world.sink.twist([Twist::Slow(Duration::from_secs(60))]);
    let (_stop, task) = running(world.worker(quick()));
    eventually("the server to have the letter", || async { world.arrivals(id) == 1 }).await;
    task.abort(); // between the server's taking it and our knowing
    assert!(task.await.unwrap_err().is_cancelled());
    let next = world.worker(quick());
    assert_eq!(next.tick().await.unwrap(), 0, "the dead one's lease still holds");
    sqlx::query("update ops.mail set leased_until = now()")
        .execute(&world.pool)
        .await
        .unwrap(); // a minute later
    let (_stop, _task) = running(next);
    eventually("the next to send it", || async {
        world.state_of(id).await.state == State::Sent
    })
    .await;
    assert_eq!((world.arrivals(id), world.state_of(id).await.attempts), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_kills_every_worker_is_given_up() {
    let world = World::new().await;
    let id = world.put(1).await;
    sqlx::query("update ops.mail set attempts = 4")
        .execute(&world.pool)
        .await
        .unwrap();
    world.worker(quick()).tick().await.unwrap();
    assert_eq!((world.state_of(id).await.state, world.arrivals(id)), (State::Failed, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_up_before_it_answers_gets_the_letter_again() {
    let world = World::new().await;
    let id = world.put(1).await;
    world.sink.twist([Twist::HangUpAfterData]);
    let (_stop, _task) = running(world.worker(quick()));
    eventually("the letter", || async { world.state_of(id).await.state == State::Sent }).await;
    assert_eq!((world.arrivals(id), world.state_of(id).await.attempts), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_answer_holds_nothing_up_for_ever() {
    let world = World::new().await;
    let id = world.put(1).await;
    world.sink.twist([Twist::Slow(Duration::from_secs(60))]);
    let worker = world.worker(QueueSettings {
        send_within: Duration::from_millis(300),
        ..quick()
    });
    worker.tick().await.unwrap();
    assert_eq!(
        world.state_of(id).await.last_error.as_deref(),
        Some("sending took too long")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_waits_for_what_is_being_sent() {
    let world = World::new().await;
    let id = world.put(1).await;
    world.sink.twist([Twist::Slow(Duration::from_millis(300))]);
    let (stop, task) = running(world.worker(quick()));
    eventually("the server to have the letter", || async { world.arrivals(id) == 1 }).await;
    stop.send(()).unwrap();
    task.await.unwrap();
    assert_eq!(world.state_of(id).await.state, State::Sent);
}

#[tokio::test]
async fn letters_to_an_erased_person_are_not_sent_and_not_kept() {
    let world = World::new().await;
    world.put(1).await;
    world.put(2).await;
    world.keys.destroy(ANN);
    world.worker(quick()).tick().await.unwrap();
    assert!(world.queue.list(None, 10).await.unwrap().is_empty());
    assert!(world.sink.received().is_empty());
    assert!(world.queue.enqueue(&letter(3)).await.is_err());
}

#[tokio::test]
async fn forgetting_a_person_takes_their_letters_and_no_others() {
    let world = World::new().await;
    world.put(1).await;
    let bob = NewMail {
        subject: SubjectId(Uuid::from_u128(0xB)),
        ..letter(2)
    };
    world.queue.enqueue(&bob).await.unwrap();
    assert_eq!(world.queue.forget(ANN).await.unwrap(), 1);
    let left: Vec<_> = world
        .queue
        .list(None, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|listed| listed.id)
        .collect();
    assert_eq!(left, [bob.id]);
}

#[tokio::test]
async fn while_keys_cannot_be_reached_letters_wait_and_damaged_ones_are_given_up() {
    let world = World::new().await;
    let id = world.put(1).await;
    world.keys.unreachable.store(true, Ordering::SeqCst);
    world.worker(quick()).tick().await.unwrap();
    assert_eq!(world.state_of(id).await.state, State::Waiting);
    world.keys.unreachable.store(false, Ordering::SeqCst);
    sqlx::query("update ops.mail set payload = payload || 'x'::bytea, next_attempt_at = now()")
        .execute(&world.pool)
        .await
        .unwrap();
    world.worker(quick()).tick().await.unwrap();
    assert_eq!(world.state_of(id).await.state, State::Failed);
    assert!(world.sink.received().is_empty());
}

#[tokio::test]
async fn a_code_that_ran_out_is_not_sent() {
    let world = World::new().await;
    let id = world.put(1).await;
    sqlx::query("update ops.mail set created_at = now() - interval '11 minutes'")
        .execute(&world.pool)
        .await
        .unwrap();
    assert!(world.queue.counts().await.unwrap().oldest_waiting >= Duration::from_secs(660));
    world.worker(quick()).tick().await.unwrap();
    assert_eq!((world.state_of(id).await.state, world.arrivals(id)), (State::Failed, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_old_is_taken_out() {
    let world = World::new().await;
    let (sent, fresh) = (world.put(1).await, world.put(2).await);
    world.worker(quick()).tick().await.unwrap();
    sqlx::query("update ops.mail set sent_at = now() - interval '31 days' where id = $1")
        .bind(sent)
        .execute(&world.pool)
        .await
        .unwrap();
    let (_stop, _task) = running(world.worker(quick()));
    eventually("the old one to go", || async {
        world.queue.list(None, 10).await.unwrap().len() == 1
    })
    .await;
    assert_eq!(world.state_of(fresh).await.state, State::Sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_mail_server_letters_go_to_the_outbox() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let outbox = Arc::new(OutboxTransport::new(folder.path(), &site()));
    let (_stop, _task) = running(Worker::new(world.queue.clone(), outbox, site(), quick()));
    let id = world.put(1).await;
    eventually("the letter", || async { world.state_of(id).await.state == State::Sent }).await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
