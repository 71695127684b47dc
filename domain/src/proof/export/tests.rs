use super::*;
use crate::{
    event::StreamName,
    proof::{
        note::{NoteError, PublicKey},
        path,
        tile::Tiles,
    },
};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Not a signature scheme: it holds for the text it was made for, which is all that is asked of one here.
fn check(key: &[u8; 32], text: &[u8], signature: &[u8; 64]) -> bool {
    signature[..32] == Hash::from(Sha256::digest([key, text].concat()))
}

fn key() -> PublicKey {
    PublicKey {
        name: "annalock/test".to_owned(),
        key: [1; 32],
    }
}

fn sign(checkpoint: &Checkpoint) -> String {
    let text = checkpoint.text();
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&Sha256::digest([&key().key[..], text.as_bytes()].concat()));
    key().note(&text, &signature)
}

/// A log of 300 events, of which each seventh is exported; the note of its first 100, and the lines.
fn export() -> (String, Vec<String>) {
    let log = LogId(key().name);
    let leaves: Vec<Leaf> = (0..300_u128)
        .map(|i| Leaf {
            stream: StreamName::new("cipher", Uuid::from_u128(i)),
            revision: 0,
            event: Uuid::from_u128(1_000 + i),
            type_name: "CipherCreated".to_owned(),
            schema: 1,
            recorded_at_micros: i as i64,
            meta: [i as u8; 32],
            data: [1; 32],
        })
        .collect();
    let mut tree = Tree::default();
    for (index, leaf) in (0..).zip(&leaves) {
        tree.push(leaf.hash(&log, index));
    }
    let tiles = Tiles(tree.take_changed().into_iter().collect());
    let at = |size| Checkpoint {
        origin: log.clone(),
        size,
        root: tiles.hash(&(0..size)).unwrap(),
    };
    let hashes = |ranges: Vec<std::ops::Range<u64>>| ranges.iter().map(|r| tiles.hash(r).unwrap()).collect::<Vec<_>>();
    let header = Header {
        annalock_proof: FORMAT,
        log: log.0.clone(),
        checkpoint: sign(&at(300)),
        consistency: Some(Consistency {
            old_size: 100,
            hashes: hashes(path::consistency(100, 300)).into_iter().map(Text).collect(),
        }),
    };
    let mut lines = vec![serde_json::to_string(&header).unwrap()];
    for index in (0..300).step_by(7) {
        let leaf = &leaves[index];
        let proof = LeafProof::new(index as u64, leaf, hashes(path::inclusion(index as u64, 300)));
        let record = json!({
            "position": index + 1, "name": leaf.type_name, "recordedAtMicros": leaf.recorded_at_micros,
            "eventId": leaf.event, "cipherId": leaf.stream.id, "ip": "203.0.113.7", "proof": proof,
        });
        lines.push(record.to_string());
    }
    seal(&mut lines);
    (sign(&at(100)), lines)
}

/// Seals lines, as somebody with the key would.
fn seal(lines: &mut Vec<String>) {
    let mut tree = Lines::default();
    lines.iter().for_each(|line| tree.push(line.as_bytes()));
    let seal = Seal {
        annalock_seal: sign(&tree.checkpoint(&LogId(key().name))),
    };
    lines.push(serde_json::to_string(&seal).unwrap());
}

fn verify(old: Option<&str>, lines: &[String]) -> Result<Checked, ExportError> {
    let mut checker = Checker::new(key(), old, check)?;
    for line in lines {
        checker.line(line)?;
    }
    checker.finish()
}

#[test]
fn an_export_as_it_was_written_holds() {
    let (old, lines) = export();
    let checked = verify(Some(&old), &lines).unwrap();
    assert_eq!(
        (checked.checkpoint.size, checked.records, checked.extends),
        (300, 43, Some(100))
    );
    assert!(verify(None, &lines).is_ok());
}

#[test]
fn every_byte_of_every_line_counts() {
    let (_, lines) = export();
    for line in [0, 1, 20, 43, 44] {
        for byte in 0..lines[line].len() {
            let mut changed = lines.clone();
            let mut bytes = changed[line].clone().into_bytes();
            bytes[byte] ^= 1;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            changed[line] = text;
            assert!(verify(None, &changed).is_err(), "byte {byte} of line {line}");
        }
    }
}

#[test]
fn a_line_dropped_inserted_or_moved_is_found() {
    let (_, lines) = export();
    for at in 0..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(at);
        assert!(verify(None, &fewer).is_err(), "without line {at}");
        let mut more = lines.clone();
        more.insert(at, lines[5].clone());
        assert!(verify(None, &more).is_err(), "one more at {at}");
        if at > 0 {
            let mut moved = lines.clone();
            moved.swap(at - 1, at);
            assert!(verify(None, &moved).is_err(), "{at} before its predecessor");
        }
    }
    assert_eq!(verify(None, &lines[..lines.len() - 1]), Err(ExportError::NoSeal));
    let mut behind = lines.clone();
    behind.push("{}".to_owned());
    assert_eq!(verify(None, &behind), Err(ExportError::BehindSeal));
}

/// The seal alone is worth what the key is worth: what the log does not hold cannot be sealed into an export.
#[test]
fn whoever_has_the_key_cannot_export_events_that_are_not_in_the_signed_log() {
    let (_, lines) = export();
    let changed = |from: &str, to: &str| {
        let mut lines = lines.clone();
        lines.pop();
        assert!(lines[3].contains(from), "{}", lines[3]);
        lines[3] = lines[3].replace(from, to);
        seal(&mut lines);
        verify(None, &lines)
    };
    assert_eq!(
        changed("CipherCreated", "CipherDeleted"),
        Err(ExportError::NotIncluded(4))
    );
    assert_eq!(
        changed("\"revision\":0", "\"revision\":1"),
        Err(ExportError::NotIncluded(4))
    );
    assert_eq!(
        changed("\"cipherId\":\"0", "\"cipherId\":\"1"),
        Err(ExportError::Differs(4))
    );
    assert_eq!(
        changed("\"position\":15", "\"position\":3"),
        Err(ExportError::OutOfOrder(4))
    );
    let mut swapped = lines.clone();
    swapped.pop();
    swapped.swap(3, 4);
    seal(&mut swapped);
    assert_eq!(verify(None, &swapped), Err(ExportError::OutOfOrder(5)));
}

#[test]
fn an_older_checkpoint_must_be_what_the_log_began_with() {
    let (old, lines) = export();
    let log = LogId(key().name);
    let other = Checkpoint {
        origin: log.clone(),
        size: 100,
        root: [4; 32],
    };
    assert_eq!(verify(Some(&sign(&other)), &lines), Err(ExportError::NotConsistent));
    let unproved = Checkpoint { size: 99, ..other };
    assert_eq!(
        verify(Some(&sign(&unproved)), &lines),
        Err(ExportError::NoConsistency(99))
    );
    let forged = old.replace("\n100\n", "\n101\n");
    assert_eq!(
        verify(Some(&forged), &lines),
        Err(ExportError::OldCheckpoint(NoteError::Forged))
    );
}
