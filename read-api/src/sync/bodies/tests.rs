//! With sources that stand in for the database.

use super::*;
use domain::{event::Position, time::Timestamp};
use std::sync::atomic::{AtomicUsize, Ordering};
use uuid::Uuid;

/// Makes bodies of `lines` lines of 1 kB that name the person, and counts how often.
#[derive(Clone)]
struct Lines {
    lines: usize,
    made: Arc<AtomicUsize>,
    fail_at: usize,
}

impl Lines {
    fn new(lines: usize) -> Self {
        Self {
            lines,
            made: Arc::default(),
            fail_at: usize::MAX,
        }
    }

    fn line(key: Key) -> Vec<u8> {
        format!("{:>1023}\n", key.0.0.to_string()).into_bytes()
    }
}

impl Source for Lines {
    fn generation(&self) -> u64 {
        1
    }

    async fn pour(&self, key: Key, pour: &mut Pour) -> Result<Revision, Stop> {
        self.made.fetch_add(1, Ordering::Relaxed);
        let line = Self::line(key);
        for number in 0..self.lines {
            if number == self.fail_at {
                return Err(Stop::Problem(Problem::unavailable()));
            }
            pour.out(line.len()).await?.extend_from_slice(&line);
        }
        Ok(AT)
    }
}

const AT: Revision = Revision {
    position: Position(7),
    at: Timestamp(7),
};

fn key(person: u128) -> Key {
    (UserId(Uuid::from_u128(person)), Variant::ITEMS)
}

fn bodies(budget: usize) -> Arc<Bodies> {
    Arc::new(Bodies::new(budget, 30))
}

async fn get(bodies: &Arc<Bodies>, source: &Lines, person: u128) -> Answer<Found> {
    bodies.get(source, key(person), AT, true).await
}

/// Reads a body to its end; `None` if it broke off.
async fn read(found: Found) -> Option<Vec<u8>> {
    match found {
        Found::Whole(body) => Some(body.pieces(None).chunks().concat()),
        Found::Flowing(mut pieces) => {
            let mut all = Vec::new();
            loop {
                match pieces.recv().await? {
                    Piece::Bytes(bytes) => all.extend_from_slice(&bytes),
                    Piece::End => return Some(all),
                }
            }
        }
    }
}

fn is_whole(found: &Found) -> bool {
    matches!(found, Found::Whole(_))
}

#[tokio::test]
async fn a_body_that_flows_has_the_bytes_of_one_that_is_kept() {
    let source = Lines::new(3_000);
    let (roomy, tight) = (bodies(64 << 20), bodies(1 << 20));
    let (kept, flown) = (
        get(&roomy, &source, 1).await.unwrap(),
        get(&tight, &source, 1).await.unwrap(),
    );
    assert!(is_whole(&kept) && !is_whole(&flown));
    let (kept, flown) = (read(kept).await, read(flown).await);
    assert_eq!(kept.as_ref().map(Vec::len), Some(3_000 * 1024));
    assert!(kept == flown);
    assert!(get(&roomy, &source, 1).await.is_ok_and(|found| is_whole(&found)));
    assert_eq!(source.made.load(Ordering::Relaxed), 2, "the third was kept");
}

#[tokio::test]
async fn bodies_on_their_way_count_and_room_comes_back_when_they_are_sent() {
    let (bodies, source) = (bodies(8 << 20), Lines::new(3_000));
    let first = get(&bodies, &source, 1).await.unwrap();
    let second = get(&bodies, &source, 2).await.unwrap();
    assert!(is_whole(&first) && is_whole(&second));
    let third = get(&bodies, &source, 3).await.unwrap();
    assert!(!is_whole(&third), "both are being sent, so there is no room");
    assert!(bodies.room.taken() <= 8 << 20);
    assert!(read(third).await.is_some());
    drop(first);
    let fourth = get(&bodies, &source, 4).await.unwrap();
    assert!(is_whole(&fourth), "the first was sent and made room");
    drop((second, fourth));
    lock(&bodies.kept).clear();
    assert_eq!(bodies.room.taken(), 0);
}

#[tokio::test]
async fn many_accounts_at_once_stay_within_the_budget() {
    let (bodies, source) = (bodies(8 << 20), Lines::new(3_000));
    let (mut whole, mut flown, mut most) = (0, 0, 0);
    let mut asking: futures::stream::FuturesUnordered<_> = (0..32)
        .map(|person| {
            let (bodies, source) = (&bodies, &source);
            async move {
                let found = get(bodies, source, person).await.unwrap();
                let kind = is_whole(&found);
                (person, kind, read(found).await)
            }
        })
        .collect();
    while let Some((person, kind, body)) = futures::StreamExt::next(&mut asking).await {
        let expected = Lines::line(key(person)).repeat(3_000);
        assert!(body.is_some_and(|body| body == expected), "body of {person}");
        most = most.max(bodies.room.taken());
        if kind { whole += 1 } else { flown += 1 }
    }
    assert!(most <= 8 << 20, "{most} bytes");
    assert!(whole > 0 && flown > 0, "{whole} were gathered, {flown} flowed");
}

#[tokio::test]
async fn who_asks_for_a_body_that_is_being_made_gets_that_one() {
    let (bodies, source) = (bodies(64 << 20), Lines::new(3_000));
    let asking = (0..16).map(|_| get(&bodies, &source, 1));
    let found = futures::future::join_all(asking).await;
    assert!(found.iter().all(|found| found.as_ref().is_ok_and(is_whole)));
    assert_eq!(source.made.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_error_half_way_is_an_answer_while_gathered_and_a_broken_body_once_it_flows() {
    let source = Lines {
        fail_at: 2_000,
        ..Lines::new(3_000)
    };
    let refused = get(&bodies(64 << 20), &source, 1).await;
    assert_eq!(refused.err(), Some(Problem::unavailable()));
    let broken = get(&bodies(1 << 20), &source, 1).await.unwrap();
    assert!(!is_whole(&broken));
    assert_eq!(read(broken).await, None);
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_its_body_and_gives_its_leave_back() {
    let pace = Pace {
        patience: Duration::from_millis(50),
        each: Duration::ZERO,
    };
    let bodies = Arc::new(Bodies {
        pace,
        ..Bodies::new(1 << 20, 30)
    });
    let source = Lines::new(10_000);
    let Found::Flowing(mut pieces) = get(&bodies, &source, 1).await.unwrap() else {
        panic!("there is no room for it");
    };
    let back = Arc::clone(&bodies.flowing).acquire_many_owned(FLOWING as u32);
    let back = tokio::time::timeout(Duration::from_secs(10), back).await;
    assert!(back.is_ok(), "the leave is given back though the client still waits");
    let mut ended = false;
    while let Some(piece) = pieces.recv().await {
        ended |= matches!(piece, Piece::End);
    }
    assert!(!ended, "it must not look whole");
    drop(pieces);
    assert_eq!(bodies.room.taken(), 0);
}

#[tokio::test]
async fn one_body_more_than_may_flow_waits_and_is_refused_when_that_takes_too_long() {
    let bodies = Arc::new(Bodies {
        wait: Duration::from_secs(3),
        ..Bodies::new(1 << 20, 30)
    });
    let source = Lines::new(3_000);
    let mut flowing = Vec::new();
    for person in 0..FLOWING as u128 {
        flowing.push(get(&bodies, &source, person).await.unwrap());
    }
    let refused = tokio::time::timeout(Duration::from_secs(30), get(&bodies, &source, 99)).await;
    assert_eq!(refused.unwrap().err(), Some(Problem::unavailable()));
    let small = get(&bodies, &Lines::new(100), 98).await;
    assert!(small.is_ok_and(|found| is_whole(&found)), "small ones need no leave");
    let (waiting, ()) = tokio::join!(get(&bodies, &source, 99), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        flowing.clear();
    });
    assert!(read(waiting.unwrap()).await.is_some());
}

#[tokio::test]
async fn a_client_that_cannot_tell_a_broken_body_is_sent_whole_ones_only() {
    let (bodies, source) = (bodies(1 << 20), Lines::new(3_000));
    let refused = bodies.get(&source, key(1), AT, false).await;
    assert_eq!(refused.err(), Some(Problem::unavailable()));
    let small = bodies.get(&Lines::new(200), key(2), AT, false).await;
    assert!(small.is_ok_and(|found| is_whole(&found)));
}

#[tokio::test]
async fn compressed_copies_have_their_place_or_are_not_made() {
    use crate::sync::compress::Encoding;
    let body = |bodies: &Arc<Bodies>, source: Lines| {
        let bodies = Arc::clone(bodies);
        async move {
            match get(&bodies, &source, 1).await.unwrap() {
                Found::Whole(body) => body,
                Found::Flowing(_) => panic!("there is room"),
            }
        }
    };
    let roomy = bodies(8 << 20);
    let plain = body(&roomy, Lines::new(3_000)).await;
    let before = roomy.room.taken();
    for encoding in [Encoding::Gzip, Encoding::Brotli] {
        let copy = encoding.compress(plain.pieces(None), &roomy).unwrap();
        assert!(copy.bytes() > 0 && copy.bytes() < plain.pieces(None).bytes());
        assert!(roomy.room.taken() > before, "{encoding:?}");
    }
    assert_eq!(
        roomy.room.taken(),
        before,
        "a copy that is dropped gives its place back"
    );
    let _full = roomy.room.take(roomy.room.bytes() - before);
    assert!(Encoding::Gzip.compress(plain.pieces(None), &roomy).is_none());
}

#[test]
fn a_body_is_good_for_what_it_shows_and_not_for_what_came_late_from_among_the_parked() {
    let body = Body::new(&bodies(1_000), AT, 1, Vec::new());
    let at = |position, at| Revision {
        position: Position(position),
        at: Timestamp(at),
    };
    for (revision, generation, good) in [
        (AT, 1, true),
        (at(6, 5), 1, true),
        (at(8, 8), 1, false),
        (at(7, 8), 1, false),
        (AT, 2, false),
    ] {
        assert_eq!(body.shows(revision, generation), good, "{revision:?} of {generation}");
    }
}
