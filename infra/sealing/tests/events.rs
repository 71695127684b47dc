//! Personal values of events, sealed and opened.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use commands::ports::{Seal, SealError};
use common::{event, fleeting, keyring, open, seal, stored, stream, subject, text};
use domain::event::StreamName;
use domain::id::{CommandId, SubjectId, UserId};
use domain::meta::{Actor, Meta, Origin};
use domain::personal::Personal;
use sealing::table::{KeyRow, KeyTable, MemoryKeyTable, Rewrap, TableError};
use sealing::{Keks, KeyFolder, Keyring};
use serde_json::json;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use uuid::Uuid;

fn personal(n: u128, value: &str) -> String {
    serde_json::to_string(&Personal::of(subject(n), value)).unwrap()
}

/// A table that counts what it is asked for.
#[derive(Default)]
struct Counted {
    inner: MemoryKeyTable,
    asked: AtomicUsize,
}

impl Counted {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn count(&self) -> &MemoryKeyTable {
        self.asked.fetch_add(1, Ordering::SeqCst);
        &self.inner
    }
}

#[async_trait::async_trait]
impl KeyTable for Counted {
    async fn load(&self, subjects: &[SubjectId]) -> Result<Vec<KeyRow>, TableError> {
        self.count().load(subjects).await
    }
    async fn create(&self, rows: Vec<KeyRow>) -> Result<Vec<KeyRow>, TableError> {
        self.count().create(rows).await
    }
    async fn destroy(&self, subject: SubjectId) -> Result<(), TableError> {
        self.count().destroy(subject).await
    }
    async fn under_others(
        &self,
        kek_id: &str,
        after: Option<(SubjectId, i32)>,
        max: usize,
    ) -> Result<Vec<KeyRow>, TableError> {
        self.count().under_others(kek_id, after, max).await
    }
    async fn rewrap(&self, changes: Vec<Rewrap>) -> Result<u64, TableError> {
        self.count().rewrap(changes).await
    }
}

fn meta() -> Meta {
    Meta {
        actor: Actor::User(UserId(subject(1).0)),
        origin: Origin::Server,
        device: None,
        device_type: Some(9),
        client: Some("web".into()),
        client_version: Some("2026.8.0".into()),
        ip: Some(Personal::of(subject(1), "192.0.2.7".parse().unwrap())),
        command: CommandId(Uuid::from_u128(2)),
        correlation: Uuid::from_u128(3),
        causation: None,
        organizations: Vec::new(),
    }
}

#[tokio::test]
async fn data_and_metadata_come_back_byte_for_byte_and_are_unreadable_between() {
    let keyring = fleeting();
    let data = format!(
        r#"{{"email":{},"kdf":600000,"names":[{},{}]}}"#,
        personal(1, "ann@example.org"),
        personal(2, "Bob \"}}"),
        personal(1, "Ann B.")
    );
    let new = event(data, serde_json::to_vec(&meta()).unwrap());
    let sealed = keyring.seal(&stream(), vec![new.clone()]).await.unwrap().remove(0);
    for clear in ["example.org", "Bob \\", "Ann B.", "192.0.2.7", "$personal"] {
        assert!(
            !text(&sealed.data).contains(clear) && !text(&sealed.meta).contains(clear),
            "{clear}"
        );
    }
    assert!(text(&sealed.data).contains(r#""kdf":600000,"#));
    let json: serde_json::Value = serde_json::from_slice(&sealed.data).unwrap();
    assert_eq!(json["names"][1]["$sealed"]["s"], json!(subject(1)));
    assert_eq!(json["names"][1]["$sealed"]["k"], 1);

    let opened = keyring.open(vec![stored(&stream(), sealed)]).await.unwrap().remove(0);
    assert_eq!((opened.data, &opened.meta), (new.data, &new.meta));
    assert_eq!(serde_json::from_slice::<Meta>(&opened.meta).unwrap(), meta());
}

#[tokio::test]
async fn an_event_without_personal_data_passes_untouched_and_asks_for_no_key() {
    let table = Arc::new(Counted::default());
    let temp = tempfile::tempdir().unwrap();
    let keyring = keyring(table.clone(), temp.path());
    let new = event(
        r#"{"name":"2.x|y|z","price":"$5","not json":"{\"$personal\":{\"s\":\"\"}}"}"#,
        "{}",
    );
    let sealed = keyring.seal(&stream(), vec![new.clone()]).await.unwrap();
    assert_eq!(sealed[0], new);
    assert_eq!(sealed[0].data.as_ptr(), new.data.as_ptr(), "not even copied");
    assert_eq!(
        keyring.open(vec![stored(&stream(), new.clone())]).await.unwrap()[0].data,
        new.data
    );
    assert_eq!(table.asked(), 0);
}

#[tokio::test]
async fn thousands_of_subjects_cost_one_query_and_after_that_none() {
    let table = Arc::new(Counted::default());
    let temp = tempfile::tempdir().unwrap();
    let writer = keyring(table.clone(), temp.path());
    let new: Vec<_> = (1..=3000)
        .map(|n| event(personal(n, "x"), personal(n % 10 + 1, "y")))
        .collect();
    let sealed = writer.seal(&stream(), new.clone()).await.unwrap();
    assert_eq!(table.asked(), 2, "who is there, and making the others");
    let sealed: Vec<_> = sealed.into_iter().map(|e| stored(&stream(), e)).collect();
    writer.open(sealed.clone()).await.unwrap();
    assert_eq!(table.asked(), 2);

    let reader = keyring(table.clone(), temp.path());
    let opened = reader.open(sealed.clone()).await.unwrap();
    assert_eq!(table.asked(), 3);
    assert!(
        opened
            .iter()
            .zip(&new)
            .all(|(opened, new)| opened.data == new.data && opened.meta == new.meta)
    );
    reader.open(sealed).await.unwrap();
    assert_eq!(table.asked(), 3);
}

#[tokio::test]
async fn more_subjects_than_are_kept_open_are_all_served() {
    let table = Arc::new(Counted::default());
    let temp = tempfile::tempdir().unwrap();
    let keks = Keks::open(KeyFolder::open(temp.path()).unwrap()).unwrap();
    let keyring = Keyring::new(table.clone(), keks, NonZeroUsize::new(10).unwrap());
    let new: Vec<_> = (1..=100).map(|n| event(personal(n, "x"), "{}")).collect();
    let sealed = keyring.seal(&stream(), new.clone()).await.unwrap();
    let sealed: Vec<_> = sealed.into_iter().map(|e| stored(&stream(), e)).collect();
    let opened = keyring.open(sealed).await.unwrap();
    assert!(opened.iter().zip(&new).all(|(opened, new)| opened.data == new.data));
    assert_eq!(table.asked(), 3, "most were let go of in between");
}

#[tokio::test]
async fn strings_of_clients_that_look_like_tags_stay_strings() {
    let keyring = fleeting();
    let envelope = seal(&keyring, &personal(1, "x")).await.unwrap();
    for hostile in [
        personal(1, "x"),
        envelope.clone(),
        format!("\"{}\"", personal(1, "x")),
        format!(r#"","n":{},"m":""#, personal(1, "x")),
        format!(r#"\","n":{envelope},"m":"\"#),
        r#"{"$sealed":{"s":"#.to_owned(),
        r#"{"$"#.to_owned(),
        "\\".to_owned(),
        "\\\\\"{\"$sealed\":".to_owned(),
        "{\u{0}\"$personal\":".to_owned(),
    ] {
        let value = json!({ "note": hostile, (hostile.as_str()): [hostile, { "k": hostile }] });
        let plain = serde_json::to_string(&value).unwrap();
        assert_eq!(seal(&keyring, &plain).await.unwrap(), plain);
        assert_eq!(open(&keyring, &plain).await.unwrap(), plain);

        let mixed =
            json!({ "a": hostile, "email": Personal::of(subject(1), &hostile), "z": { (hostile.as_str()): 1 } });
        let mixed = serde_json::to_string(&mixed).unwrap();
        let sealed = seal(&keyring, &mixed).await.unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&sealed).unwrap()["a"],
            hostile.as_str()
        );
        assert_eq!(open(&keyring, &sealed).await.unwrap(), mixed);
    }
}

#[tokio::test]
async fn an_object_that_is_not_quite_a_personal_value_is_left_as_it_is() {
    let keyring = fleeting();
    for odd in [
        r#"{"a":{"$personal":{"s":"x","v":1}}}"#.to_owned(),
        r#"{"a":{"$personal":[]}}"#.to_owned(),
        r#"{"a":{"$other":1,"b":{"c":[]}}}"#.to_owned(),
        format!(r#"{{"a":{{"$personal":{{"s":"{}","v":1}},"b":2}}}}"#, subject(1)),
        format!(r#"{{"a":{{"b":2,"$personal":{{"s":"{}","v":1}}}}}}"#, subject(1)),
    ] {
        assert_eq!(seal(&keyring, &odd).await.unwrap(), odd);
        assert_eq!(open(&keyring, &odd).await.unwrap(), odd);
    }
}

#[tokio::test]
async fn nobody_can_plant_an_envelope() {
    let keyring = fleeting();
    let envelope = seal(&keyring, &personal(1, "x")).await.unwrap();
    for planted in [envelope.as_str(), r#"{"$sealed":1}"#, r#"{"$sealed":{"s":"x"}}"#] {
        let data = format!(r#"{{"a":[{planted}]}}"#);
        let refused = seal(&keyring, &data).await;
        assert_eq!(refused, Err(SealError::Damaged(event("", "").id)), "{data}");
    }
    // inside a personal value it is content like any other
    let inside = format!(r#"{{"$personal":{{"s":"{}","v":{envelope}}}}}"#, subject(1));
    let sealed = seal(&keyring, &inside).await.unwrap();
    assert_eq!(open(&keyring, &sealed).await.unwrap(), inside);
}

#[tokio::test]
async fn an_envelope_opens_only_where_it_was_written() {
    let keyring = fleeting();
    let data = format!(
        r#"{{"email":{},"name":{}}}"#,
        personal(1, "a@b.c"),
        personal(1, "Ann B.")
    );
    let sealed = keyring
        .seal(&stream(), vec![event(data, "{}")])
        .await
        .unwrap()
        .remove(0);
    let value: serde_json::Value = serde_json::from_slice(&sealed.data).unwrap();
    let (email, name) = (value["email"].to_string(), value["name"].to_string());
    let damaged = Err(SealError::Damaged(sealed.id));
    for moved in [
        format!(r#"{{"email":{name},"name":{email}}}"#),
        format!(r#"{{"name":{email}}}"#),
        format!(r#"{{"old":{{"email":{email}}}}}"#),
        format!(r#"{{"email":[{email}]}}"#),
        email.clone(),
    ] {
        assert_eq!(open(&keyring, &moved).await, damaged.clone(), "{moved}");
    }
    let right = stored(&stream(), sealed.clone());
    keyring.open(vec![right.clone()]).await.unwrap();
    let other = |category: &'static str, id| StreamName::new(category, Uuid::from_u128(id));
    let mut elsewhere = vec![right.clone(); 5];
    elsewhere[0].stream = other("user", 6);
    elsewhere[1].stream = other("device", 5);
    elsewhere[2].type_name = "UserRenamed".into();
    (elsewhere[3].data, elsewhere[3].meta) = ("{}".into(), elsewhere[3].data.clone());
    elsewhere[4].id = Uuid::from_u128(0xf);
    for event in elsewhere {
        let id = event.id;
        assert_eq!(keyring.open(vec![event]).await, Err(SealError::Damaged(id)));
    }
}

#[tokio::test]
async fn an_envelope_out_of_shape_is_damage_and_not_an_erased_value() {
    let keyring = fleeting();
    let sealed = seal(&keyring, &format!(r#"{{"a":{}}}"#, personal(1, "x")))
        .await
        .unwrap();
    let damaged = Err(SealError::Damaged(event("", "").id));
    for (from, to) in [
        (r#""k":1,"#, r#""k":2,"#),
        (r#""k":1,"#, r#""k":x,"#),
        (r#""n":""#, r#""n":"A"#),
        (r#""c":""#, r#""c":"AAAA"#),
        (r#""c":""#, r#""c":"!"#),
        (r#""}}"#, r#""}]"#),
    ] {
        assert!(sealed.contains(from));
        assert_eq!(open(&keyring, &sealed.replace(from, to)).await, damaged, "{to}");
    }
    let begun = sealed.find("$sealed").unwrap() + "$sealed\":".len();
    for end in begun..sealed.len() - 1 {
        assert_eq!(open(&keyring, &sealed[..end]).await, damaged, "{end}");
    }
}

#[tokio::test]
async fn an_erased_subject_reads_as_null_and_nothing_new_is_written_about_it() {
    let keyring = fleeting();
    let data = format!(r#"{{"a":{},"b":{}}}"#, personal(1, "Ann B."), personal(2, "Bob"));
    let sealed = seal(&keyring, &data).await.unwrap();
    keyring.destroy(subject(1)).await.unwrap();
    let left = open(&keyring, &sealed).await.unwrap();
    assert_eq!(
        left,
        format!(
            r#"{{"a":{{"$personal":{{"s":"{}","v":null}}}},"b":{}}}"#,
            subject(1),
            personal(2, "Bob")
        )
    );
    assert_eq!(seal(&keyring, &data).await, Err(SealError::Erased(subject(1))));
    // an erased value may be carried along: there is nothing to seal in it
    assert_eq!(
        open(&keyring, &seal(&keyring, &left).await.unwrap()).await.unwrap(),
        left
    );
}

#[tokio::test]
async fn a_subject_erased_before_it_had_a_key_never_gets_one() {
    let keyring = fleeting();
    keyring.destroy(subject(1)).await.unwrap();
    assert_eq!(
        seal(&keyring, &personal(1, "Ann B.")).await,
        Err(SealError::Erased(subject(1)))
    );
}

#[tokio::test]
async fn a_subject_without_any_key_reads_as_erased() {
    let sealed = seal(&fleeting(), &personal(1, "Ann B.")).await.unwrap();
    let elsewhere = fleeting();
    let left = open(&elsewhere, &sealed).await.unwrap();
    assert_eq!(left, format!(r#"{{"$personal":{{"s":"{}","v":null}}}}"#, subject(1)));
}

#[tokio::test]
async fn what_another_process_destroyed_is_readable_here_until_it_is_forgotten() {
    let temp = tempfile::tempdir().unwrap();
    let table = Arc::new(MemoryKeyTable::default());
    let (here, there) = (keyring(table.clone(), temp.path()), keyring(table, temp.path()));
    let sealed = seal(&here, &personal(1, "Ann B.")).await.unwrap();
    there.destroy(subject(1)).await.unwrap();
    assert_eq!(open(&here, &sealed).await.unwrap(), personal(1, "Ann B."));
    here.forget(subject(1));
    assert_ne!(open(&here, &sealed).await.unwrap(), personal(1, "Ann B."));
    assert_eq!(
        seal(&here, &personal(1, "Ann B.")).await,
        Err(SealError::Erased(subject(1)))
    );
}

#[tokio::test]
async fn a_new_key_encryption_key_leaves_events_readable() {
    let temp = tempfile::tempdir().unwrap();
    let table = Arc::new(MemoryKeyTable::default());
    let before = keyring(table.clone(), temp.path());
    let mut sealed = Vec::new();
    for n in 1..=1203 {
        sealed.push(seal(&before, &personal(n, "x")).await.unwrap());
    }
    before.destroy(subject(7)).await.unwrap();
    assert_eq!(before.rotate().await, Ok(1202));
    assert_eq!(before.rewrap().await, Ok(0));
    let after = keyring(table.clone(), temp.path());
    for (n, sealed) in (1..).zip(&sealed) {
        assert_eq!(open(&after, sealed).await.unwrap() == personal(n, "x"), n != 7);
    }
    // another installation's keys do not open them, and that is not erasure
    let other = tempfile::tempdir().unwrap();
    let stranger = keyring(table, other.path());
    assert!(matches!(
        open(&stranger, &sealed[0]).await,
        Err(SealError::Unavailable(_))
    ));
}

#[tokio::test]
async fn a_swapped_key_row_is_noticed() {
    let temp = tempfile::tempdir().unwrap();
    let (table, swapped) = (Arc::new(MemoryKeyTable::default()), Arc::new(MemoryKeyTable::default()));
    let here = keyring(table.clone(), temp.path());
    let sealed = seal(&here, &personal(1, "Ann B.")).await.unwrap();
    seal(&here, &personal(2, "Bob")).await.unwrap();
    let mut row = table.load(&[subject(2)]).await.unwrap().remove(0);
    row.subject = subject(1);
    swapped.create(vec![row]).await.unwrap();
    let there = keyring(swapped, temp.path());
    assert!(matches!(open(&there, &sealed).await, Err(SealError::Unavailable(_))));
}

#[tokio::test]
async fn bytes_open_for_their_subject_and_purpose_only() {
    use sealing::BytesError::Damaged;
    let keyring = fleeting();
    let sealed = keyring.seal_bytes(subject(1), b"mail 7", b"Dear Ann").await.unwrap();
    assert_eq!(sealed.len(), 8 + 32);
    let opened = keyring.open_bytes(subject(1), b"mail 7", &sealed).await.unwrap();
    assert_eq!(opened.unwrap()[..], *b"Dear Ann");
    assert_eq!(keyring.open_bytes(subject(1), b"mail 8", &sealed).await, Err(Damaged));
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            keyring.open_bytes(subject(1), b"mail 7", &flipped).await,
            Err(Damaged),
            "{bit}"
        );
    }
    for end in 0..sealed.len() {
        assert_eq!(
            keyring.open_bytes(subject(1), b"mail 7", &sealed[..end]).await,
            Err(Damaged)
        );
    }
    keyring.destroy(subject(1)).await.unwrap();
    assert_eq!(keyring.open_bytes(subject(1), b"mail 7", &sealed).await, Ok(None));
}
