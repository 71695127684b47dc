use super::{CipherError, NewCipher, folder_for};
use crate::execute::{ExecuteError, Transaction, Unit};
use domain::{
    id::{CipherId, UserId},
    time::Timestamp,
    vault::cipher::{Cipher, CipherEvent, LiveCipher},
};

/// For how long two revisions within one second are told apart for clients that cannot: milliseconds.
const TIE_MILLIS: i64 = 60_000;

/// The revision date the client last knew, as exact as it said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownRevision {
    /// To the millisecond.
    Exact(Timestamp),
    /// Without decimals: cut to the second.
    Second(Timestamp),
}

impl KnownRevision {
    /// Reads a date-time; without decimals it is [`KnownRevision::Second`].
    pub fn parse(text: &str) -> Option<Self> {
        let at = Timestamp::parse(text)?;
        Some(if text.contains('.') {
            Self::Exact(at)
        } else {
            Self::Second(at)
        })
    }

    /// Whether the client knew the latest revision.
    ///
    /// Some clients cut the date to whole seconds. If the revision before lies in the same second nobody can tell which
    /// of the two such a client saw: for a minute, in which it will sync, that is refused; a lost update would be worse.
    pub(crate) fn is_latest(self, cipher: &LiveCipher, now: Timestamp) -> bool {
        let second = |t: Timestamp| t.0.div_euclid(1000);
        match self {
            Self::Exact(at) => at == cipher.revised,
            Self::Second(at) => {
                let tie = cipher
                    .revised_before
                    .is_some_and(|before| second(before) == second(cipher.revised));
                second(at) == second(cipher.revised) && (!tie || now.0 - cipher.revised.0 > TIE_MILLIS)
            }
        }
    }
}

/// Replaces what is in an item. One in the trash may be edited, and stays there.
#[derive(Debug, Clone)]
pub struct UpdateCipher {
    /// Which one.
    pub cipher: CipherId,
    /// Who wants it.
    pub by: UserId,
    /// What it shall be.
    pub new: NewCipher,
    /// The revision the client had before it; `None` if it does not say.
    pub known: Option<KnownRevision>,
}

impl UpdateCipher {
    fn decide_on(&self, cipher: &Cipher, now: Timestamp) -> Result<CipherEvent, CipherError> {
        let cipher = cipher.of(self.by).ok_or(CipherError::NotFound)?;
        if cipher.kind != self.new.kind {
            return Err(CipherError::KindChanged);
        }
        if self.known.is_some_and(|known| !known.is_latest(cipher, now)) {
            return Err(CipherError::OutOfDate);
        }
        Ok(CipherEvent::Updated {
            content: self.new.content.clone(),
            folder: self.new.folder,
            favorite: self.new.favorite,
            archived: self.new.archived,
            at: now,
        })
    }
}

impl Transaction for UpdateCipher {
    type Output = Cipher;
    type Error = CipherError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Cipher, ExecuteError<CipherError>> {
        let loaded = unit.load::<Cipher>(self.cipher).await?;
        let mut event = self
            .decide_on(&loaded.state, unit.now_for(&loaded))
            .map_err(ExecuteError::Refused)?;
        let present = loaded.state.of(self.by).and_then(|cipher| cipher.folder);
        if let CipherEvent::Updated { folder, .. } = &mut event
            && *folder != present
        {
            *folder = folder_for(unit, self.by, *folder).await?;
        }
        Ok(unit.append(loaded, vec![event]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ALICE, BOB};
    use domain::{
        event::Aggregate,
        vault::cipher::{CipherKind, Content},
    };
    use serde_json::value::RawValue;

    fn content(text: &str) -> Content {
        Content::new(RawValue::from_string(format!(r#"{{"name":"{text}"}}"#)).unwrap())
    }

    fn new(text: &str) -> NewCipher {
        NewCipher {
            kind: CipherKind::Login,
            content: content(text),
            folder: None,
            favorite: false,
            archived: None,
        }
    }

    fn cipher(times: &[i64]) -> Cipher {
        let first = new("a").created(ALICE, None, false, Timestamp(times[0]));
        times[1..].iter().fold(Cipher::default().evolve(&first), |cipher, at| {
            let update = update(ALICE, None);
            let event = update.decide_on(&cipher, Timestamp(*at)).unwrap();
            cipher.evolve(&event)
        })
    }

    fn update(by: UserId, known: Option<&str>) -> UpdateCipher {
        let known = known.map(|text| KnownRevision::parse(text).unwrap());
        UpdateCipher {
            cipher: CipherId(uuid::Uuid::from_u128(1)),
            by,
            new: new("b"),
            known,
        }
    }

    #[test]
    fn an_edit_of_the_latest_revision_is_taken_to_the_millisecond() {
        let item = cipher(&[1_000_123]);
        assert!(
            update(ALICE, Some("1970-01-01T00:16:40.123Z"))
                .decide_on(&item, Timestamp(2_000_000))
                .is_ok()
        );
        for stale in [
            "1970-01-01T00:16:40.122Z",
            "1970-01-01T00:16:40.124Z",
            "1970-01-01T00:16:39.123Z",
        ] {
            let refused = update(ALICE, Some(stale)).decide_on(&item, Timestamp(2_000_000));
            assert_eq!(refused, Err(CipherError::OutOfDate), "{stale}");
        }
    }

    #[test]
    fn a_client_that_cuts_to_seconds_may_edit_unless_two_revisions_share_the_second() {
        let known = Some("1970-01-01T00:16:40Z");
        assert!(
            update(ALICE, known)
                .decide_on(&cipher(&[1_000_123]), Timestamp(1_001_000))
                .is_ok()
        );
        let tie = cipher(&[1_000_123, 1_000_456]);
        assert_eq!(
            update(ALICE, known).decide_on(&tie, Timestamp(1_001_000)),
            Err(CipherError::OutOfDate)
        );
        assert!(
            update(ALICE, known)
                .decide_on(&tie, Timestamp(1_000_456 + TIE_MILLIS + 1))
                .is_ok()
        );
        assert_eq!(
            update(ALICE, known).decide_on(&cipher(&[1_000_123, 1_001_456]), Timestamp(1_002_000)),
            Err(CipherError::OutOfDate)
        );
    }

    #[test]
    fn a_stranger_is_told_there_is_no_such_item() {
        let refused = update(BOB, None).decide_on(&cipher(&[1]), Timestamp(2));
        assert_eq!(refused, Err(CipherError::NotFound));
    }

    #[test]
    fn a_login_does_not_become_a_note() {
        let mut command = update(ALICE, None);
        command.new.kind = CipherKind::SecureNote;
        assert_eq!(
            command.decide_on(&cipher(&[1]), Timestamp(2)),
            Err(CipherError::KindChanged)
        );
    }
}
