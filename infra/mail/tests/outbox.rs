//! Sending into a folder.

#![allow(clippy::unwrap_used)] // tests

mod support;

use mail::{OutboxTransport, SendError, Transport};
use std::{fs, os::unix::fs::PermissionsExt};
use support::{outgoing, site};

fn files(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn each_letter_is_one_whole_file_for_its_owner_alone() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data/outbox");
    let outbox = OutboxTransport::new(&folder, &site());
    for n in [1, 2, 1] {
        outbox.send(&outgoing(n, "ann@example.org")).await.unwrap();
    }
    let names = files(&folder);
    assert_eq!(
        names,
        [
            "20261122T153440Z-verify_registration-00000000-0000-0000-0000-000000000001.eml",
            "20261122T153440Z-verify_registration-00000000-0000-0000-0000-000000000002.eml"
        ]
    );
    let file = folder.join(&names[0]);
    let letter = fs::read_to_string(&file).unwrap();
    assert!(
        letter.contains("To: ann@example.org\r\n") && letter.contains("finish-signup") && letter.ends_with("--\r\n")
    );
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_may_be_tried_again() {
    let parent = tempfile::tempdir().unwrap();
    let blocked = parent.path().join("file");
    fs::write(&blocked, "in the way").unwrap();
    let refused = OutboxTransport::new(blocked.join("outbox"), &site())
        .send(&outgoing(1, "ann@example.org"))
        .await;
    assert!(matches!(refused, Err(SendError::Temporary(_))));
}

#[tokio::test]
async fn an_address_cannot_lead_out_of_the_folder_or_into_the_headers() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = OutboxTransport::new(folder.path(), &site());
    for to in ["../../etc/x", "ann@example.org\r\nBcc: eve@example.org"] {
        assert!(matches!(
            outbox.send(&outgoing(1, to)).await,
            Err(SendError::Permanent(_))
        ));
    }
    assert!(files(folder.path()).is_empty());
}
