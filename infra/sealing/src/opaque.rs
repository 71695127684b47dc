//! Sealing of bytes that are no event: mails that wait to be sent.

use crate::Keyring;
use crate::data_key::Refused;
use crate::seal::no_random_bytes;
use commands::ports::SealError;
use domain::id::SubjectId;
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// Why bytes could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BytesError {
    /// The keys cannot be reached now, or the subject was erased.
    #[error(transparent)]
    Keys(#[from] SealError),
    /// They were not sealed for this subject and purpose, or were changed.
    #[error("sealed bytes are damaged")]
    Damaged,
}

/// The length of the number of the key, in front of the rest.
const NUMBER: usize = size_of::<i32>();

impl Keyring {
    /// Seals `bytes` for `subject`, bound to `aad`: what they are and where they are kept (`mail.queue` and the mail's
    /// id). Adds 32 bytes.
    ///
    /// # Errors
    /// [`BytesError::Keys`].
    pub async fn seal_bytes(&self, subject: SubjectId, aad: &[u8], bytes: &[u8]) -> Result<Vec<u8>, BytesError> {
        let keys = self.for_sealing(&BTreeSet::from([subject])).await?;
        let newest = keys.get(&subject).and_then(|keys| keys.newest());
        let Some((key_no, Some(key))) = newest else {
            return Err(SealError::Erased(subject).into());
        };
        let whole = key.seal_whole(&binding(subject, key_no, aad), bytes);
        let whole = whole.map_err(no_random_bytes)?;
        Ok([&key_no.to_be_bytes(), &whole[..]].concat())
    }

    /// Opens what [`Keyring::seal_bytes`] gave for the same subject and `aad`; `None` if the subject was erased since.
    ///
    /// # Errors
    /// [`BytesError`].
    pub async fn open_bytes(
        &self,
        subject: SubjectId,
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, BytesError> {
        let (number, whole) = sealed.split_first_chunk::<NUMBER>().ok_or(BytesError::Damaged)?;
        let key_no = i32::from_be_bytes(*number);
        let keys = self.for_opening(&BTreeSet::from([(subject, key_no)])).await?;
        let Some(keys) = keys.get(&subject) else {
            return Ok(None);
        };
        let Some(key) = keys.get(key_no).ok_or(BytesError::Damaged)? else {
            return Ok(None);
        };
        key.open_whole(&binding(subject, key_no, aad), whole)
            .map(Some)
            .map_err(|Refused| BytesError::Damaged)
    }
}

fn binding(subject: SubjectId, key_no: i32, aad: &[u8]) -> Vec<u8> {
    [
        b"annalock bytes 1",
        &subject.0.as_bytes()[..],
        &key_no.to_be_bytes(),
        aad,
    ]
    .concat()
}
