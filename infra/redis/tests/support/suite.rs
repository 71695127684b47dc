//! What every adapter of shared state must do. `a` and `b` are two processes that share it.

use bytes::Bytes;
use commands::ports::shared_state::*;
use domain::{event::Position, id::UserId};
use std::{sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// All four ports at once.
pub trait Shared: RateLimiter + Backplane + LastPosition + Cache {}
impl<T: RateLimiter + Backplane + LastPosition + Cache> Shared for T {}

pub type Process = Arc<dyn Shared>;

const MINUTE: Duration = Duration::from_secs(60);

fn user(n: u128) -> UserId {
    UserId(Uuid::from_u128(n))
}

async fn heard(subscription: &mut Subscription) -> Option<Heard> {
    timeout(Duration::from_secs(30), subscription.next())
        .await
        .expect("a message within 30 s")
}

fn message(text: &'static str) -> Heard {
    Heard::Message(Bytes::from_static(text.as_bytes()))
}

pub async fn a_limit_holds_over_all_processes_together(a: Process, b: Process) {
    let (key, rule) = (RateKey::new("login", "ann@example.org"), Rule::new(5, MINUTE));
    for n in 0..5_u32 {
        let process = if n % 2 == 0 { &a } else { &b };
        let verdict = process.hit(&key, rule).await;
        assert_eq!(
            (verdict.allowed, verdict.remaining, verdict.retry_after),
            (true, 4 - n, Duration::ZERO)
        );
    }
    for process in [&a, &b] {
        let verdict = process.hit(&key, rule).await;
        assert!(!verdict.allowed);
        assert!(verdict.retry_after <= MINUTE / 5 && verdict.retry_after > MINUTE / 5 - Duration::from_secs(10));
    }
}

pub async fn of_many_tries_at_once_only_the_limit_passes(a: Process, b: Process) {
    let (key, rule) = (RateKey::new("login", "crowd"), Rule::new(10, MINUTE));
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..60 {
        let (process, key) = (if n % 2 == 0 { a.clone() } else { b.clone() }, key.clone());
        tries.spawn(async move { process.hit(&key, rule).await.allowed });
    }
    let allowed = tries.join_all().await.into_iter().filter(|allowed| *allowed).count();
    assert_eq!(allowed, 10);
}

pub async fn a_refused_try_may_be_repeated_when_it_was_told_to(a: Process, _: Process) {
    let (key, rule) = (RateKey::new("hint", "again"), Rule::new(2, Duration::from_secs(6)));
    assert!(a.hit(&key, rule).await.allowed);
    assert!(a.hit(&key, rule).await.allowed);
    let refused = a.hit(&key, rule).await;
    assert!(!refused.allowed && refused.retry_after <= Duration::from_secs(3));
    sleep(refused.retry_after + Duration::from_millis(2)).await;
    assert!(a.hit(&key, rule).await.allowed);
    assert!(!a.hit(&key, rule).await.allowed, "one interval frees one, not all");
}

pub async fn actions_and_people_are_counted_apart(a: Process, _: Process) {
    let rule = Rule::new(1, MINUTE);
    for key in [
        RateKey::new("login", "ann"),
        RateKey::new("login", "bob"),
        RateKey::new("hint", "ann"),
    ] {
        assert!(a.hit(&key, rule).await.allowed);
        assert!(!a.hit(&key, rule).await.allowed);
    }
}

pub async fn looking_does_not_count(a: Process, b: Process) {
    let (key, rule) = (RateKey::new("login", "look"), Rule::new(2, MINUTE));
    for _ in 0..5 {
        assert_eq!(
            a.peek(&key, rule).await,
            Verdict {
                allowed: true,
                remaining: 2,
                retry_after: Duration::ZERO
            }
        );
    }
    a.hit(&key, rule).await;
    assert_eq!(b.peek(&key, rule).await.remaining, 1);
    a.hit(&key, rule).await;
    let look = b.peek(&key, rule).await;
    assert!(!look.allowed && look.retry_after > Duration::ZERO);
}

pub async fn a_forgotten_count_begins_anew(a: Process, b: Process) {
    let (key, rule) = (RateKey::new("login", "forget"), Rule::new(1, MINUTE));
    a.hit(&key, rule).await;
    assert!(!b.hit(&key, rule).await.allowed);
    b.forget(&key).await;
    assert!(b.hit(&key, rule).await.allowed);
}

pub async fn every_subscriber_hears_every_message_in_order(a: Process, b: Process) {
    let (mut one, mut two) = (a.subscribe("user").await.unwrap(), b.subscribe("user").await.unwrap());
    let mut again = b.subscribe("user").await.unwrap();
    let mut other = b.subscribe("other").await.unwrap();
    for text in ["first", "second", "third"] {
        a.publish("user", Bytes::from_static(text.as_bytes())).await.unwrap();
    }
    b.publish("other", Bytes::from_static(&[0, 255, 10])).await.unwrap();
    for subscription in [&mut one, &mut two, &mut again] {
        for text in ["first", "second", "third"] {
            assert_eq!(heard(subscription).await, Some(message(text)));
        }
    }
    assert_eq!(
        heard(&mut other).await,
        Some(Heard::Message(Bytes::from_static(&[0, 255, 10])))
    );
}

pub async fn who_comes_late_hears_what_comes_later(a: Process, b: Process) {
    a.publish("late", Bytes::from_static(b"before")).await.unwrap();
    let mut early = a.subscribe("late").await.unwrap();
    a.publish("late", Bytes::from_static(b"between")).await.unwrap();
    assert_eq!(heard(&mut early).await, Some(message("between")));
    drop(early);
    let mut late = a.subscribe("late").await.unwrap();
    b.publish("late", Bytes::from_static(b"after")).await.unwrap();
    assert_eq!(heard(&mut late).await, Some(message("after")));
}

pub async fn a_message_over_the_bound_is_refused(a: Process, _: Process) {
    let len = MAX_MESSAGE_BYTES + 1;
    let refused = a.publish("big", Bytes::from(vec![0; len])).await;
    assert_eq!(
        refused,
        Err(SharedStateError::TooLarge {
            len,
            max: MAX_MESSAGE_BYTES
        })
    );
    assert_eq!(a.publish("big", Bytes::from(vec![0; MAX_MESSAGE_BYTES])).await, Ok(()));
}

pub async fn the_last_position_never_goes_back(a: Process, b: Process) {
    assert_eq!(LastPosition::get(&*a, user(1)).await, Ok(None));
    for position in [5, 9, 7, 10, 2] {
        LastPosition::set(&*a, user(1), Position(position)).await.unwrap();
    }
    assert_eq!(LastPosition::get(&*b, user(1)).await, Ok(Some(Position(10))));
    assert_eq!(LastPosition::get(&*b, user(2)).await, Ok(None));
}

pub async fn positions_are_exact_to_the_last_bit(a: Process, b: Process) {
    for position in [u64::MAX - 2, u64::MAX - 1, u64::MAX - 3] {
        LastPosition::set(&*a, user(3), Position(position)).await.unwrap();
    }
    assert_eq!(LastPosition::get(&*b, user(3)).await, Ok(Some(Position(u64::MAX - 1))));
    LastPosition::set(&*a, user(4), Position(1 << 53)).await.unwrap();
    LastPosition::set(&*b, user(4), Position((1 << 53) + 1)).await.unwrap();
    assert_eq!(LastPosition::get(&*a, user(4)).await, Ok(Some(Position((1 << 53) + 1))));
}

pub async fn of_positions_set_at_once_the_highest_stays(a: Process, b: Process) {
    let mut sets = tokio::task::JoinSet::new();
    for n in 0..100_u64 {
        let process = if n % 2 == 0 { a.clone() } else { b.clone() };
        sets.spawn(async move {
            LastPosition::set(&*process, user(5), Position((n * 37) % 100))
                .await
                .unwrap()
        });
    }
    sets.join_all().await;
    assert_eq!(LastPosition::get(&*a, user(5)).await, Ok(Some(Position(99))));
}

pub async fn a_cached_value_is_there_until_its_time_is_over(a: Process, b: Process) {
    assert_eq!(Cache::get(&*a, "k").await, None);
    Cache::set(&*a, "k", Bytes::from_static(&[0, 1, 255]), MINUTE).await;
    assert_eq!(Cache::get(&*b, "k").await, Some(Bytes::from_static(&[0, 1, 255])));
    Cache::set(&*b, "k", Bytes::from_static(b"new"), Duration::from_secs(4)).await;
    assert_eq!(Cache::get(&*a, "k").await, Some(Bytes::from_static(b"new")));
    sleep(Duration::from_millis(4_100)).await;
    assert_eq!(Cache::get(&*a, "k").await, None);
}

pub async fn a_deleted_value_is_gone_for_all(a: Process, b: Process) {
    Cache::set(&*a, "d", Bytes::from_static(b"v"), MINUTE).await;
    Cache::delete(&*b, "d").await.unwrap();
    assert_eq!(Cache::get(&*a, "d").await, None);
    assert_eq!(Cache::delete(&*b, "d").await, Ok(()));
}

pub async fn a_value_over_the_bound_replaces_the_old_one_by_nothing(a: Process, _: Process) {
    Cache::set(&*a, "o", Bytes::from(vec![1; MAX_CACHED_BYTES]), MINUTE).await;
    assert_eq!(Cache::get(&*a, "o").await.unwrap().len(), MAX_CACHED_BYTES);
    Cache::set(&*a, "o", Bytes::from(vec![2; MAX_CACHED_BYTES + 1]), MINUTE).await;
    assert_eq!(Cache::get(&*a, "o").await, None);
}

/// Does something with the name of each function above.
#[macro_export]
macro_rules! each_rule {
    ($then:ident! $($given:tt)*) => {
        $crate::$then! { $($given)*;
            a_limit_holds_over_all_processes_together
            of_many_tries_at_once_only_the_limit_passes
            a_refused_try_may_be_repeated_when_it_was_told_to
            actions_and_people_are_counted_apart
            looking_does_not_count
            a_forgotten_count_begins_anew
            every_subscriber_hears_every_message_in_order
            who_comes_late_hears_what_comes_later
            a_message_over_the_bound_is_refused
            the_last_position_never_goes_back
            positions_are_exact_to_the_last_bit
            of_positions_set_at_once_the_highest_stays
            a_cached_value_is_there_until_its_time_is_over
            a_deleted_value_is_gone_for_all
            a_value_over_the_bound_replaces_the_old_one_by_nothing
        }
    };
}

/// A test for each rule, on processes of its own (an expression for two of them and what they need to live).
#[macro_export]
macro_rules! test_for_each {
    ($processes:expr; $($name:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let (a, b, _alive) = $processes;
            $crate::support::suite::$name(a, b).await;
        }
    )*};
}

/// One test for all rules, for what takes seconds to set up. The rules use keys of their own.
#[macro_export]
macro_rules! test_of_all {
    ($processes:expr; $($name:ident)*) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn every_rule_of_the_contract_holds() {
            let (a, b, _alive) = $processes;
            $(
                eprintln!(stringify!($name));
                $crate::support::suite::$name(a.clone(), b.clone()).await;
            )*
        }
    };
}
