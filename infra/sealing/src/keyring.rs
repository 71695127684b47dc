//! The data keys of all subjects: made, found, wrapped anew, destroyed.

use crate::cache::{Cache, SubjectKeys};
use crate::data_key::DataKey;
use crate::kek::{Keks, binding};
use crate::table::{KeyRow, KeyTable, Rewrap, TableError};
use commands::ports::SealError;
use domain::id::SubjectId;
use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// How many subjects' keys a keyring keeps open unless told otherwise: about 1 KB of memory each.
pub const CACHED_SUBJECTS: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");

/// How many rows are wrapped anew in one transaction.
const REWRAP_PAGE: usize = 500;

/// Keys by subject, for one batch.
pub(crate) type Keys = HashMap<SubjectId, Arc<SubjectKeys>>;

/// Seals and opens personal data: the [`commands::ports::Seal`] of this server.
pub struct Keyring {
    table: Arc<dyn KeyTable>,
    keks: Keks,
    cache: Cache,
}

impl Keyring {
    /// A keyring over `table`, whose keys are wrapped under `keks`. Keeps the keys of at most `cached` subjects open.
    pub fn new(table: Arc<dyn KeyTable>, keks: Keks, cached: NonZeroUsize) -> Self {
        Self {
            table,
            keks,
            cache: Cache::new(cached),
        }
    }

    /// Destroys every key of `subject`, durably: what is sealed for it opens to null from now on, here at once and in
    /// other processes when they [`Keyring::forget`] it. A subject that never had a key gets none any more.
    ///
    /// # Errors
    /// [`SealError::Unavailable`]; then it may or may not be done, and doing it again is harmless.
    pub async fn destroy(&self, subject: SubjectId) -> Result<(), SealError> {
        let done = self.table.destroy(subject).await.map_err(table);
        self.cache.forget(subject);
        done
    }

    /// Drops what this process keeps of `subject`: to be called when another process has destroyed its keys.
    pub fn forget(&self, subject: SubjectId) {
        self.cache.forget(subject);
    }

    /// Makes a new key-encryption key and wraps every data key under it, see [`Keyring::rewrap`]. Events stay as they are.
    ///
    /// # Errors
    /// [`SealError::Unavailable`]; then part of the rows may be done, and `rewrap` does the rest.
    pub async fn rotate(&self) -> Result<u64, SealError> {
        self.keks.add().map_err(unavailable)?;
        self.rewrap().await
    }

    /// Wraps every data key that is not under the current key-encryption key anew; how many there were. Keys made
    /// meanwhile by a process that does not yet know the current one stay as they are, until this is called again.
    ///
    /// # Errors
    /// [`SealError::Unavailable`]: the table, or a row whose key-encryption key is not here.
    pub async fn rewrap(&self) -> Result<u64, SealError> {
        let (kek_id, kek) = self.keks.current();
        let (mut after, mut done) = (None, 0);
        loop {
            let rows = self
                .table
                .under_others(&kek_id, after, REWRAP_PAGE)
                .await
                .map_err(table)?;
            let Some(last) = rows.last() else { return Ok(done) };
            after = Some((last.subject, last.key_no));
            let mut changes = Vec::with_capacity(rows.len());
            for old in rows {
                let Some(key) = self.unwrap(&old)? else { continue };
                let wrapped = wrap(&kek, &kek_id, old.subject, old.key_no, &key[..])?;
                changes.push(Rewrap {
                    old,
                    kek_id: kek_id.clone(),
                    wrapped,
                });
            }
            done += self.table.rewrap(changes).await.map_err(table)?;
        }
    }

    /// The keys of `subjects`, each with one that is good to seal with; made now where there is none.
    pub(crate) async fn for_sealing(&self, subjects: &BTreeSet<SubjectId>) -> Result<Keys, SealError> {
        let mut keys = self.find(subjects.iter().map(|subject| (*subject, None))).await?;
        let missing: Vec<SubjectId> = subjects.iter().filter(|s| !keys.contains_key(s)).copied().collect();
        if !missing.is_empty() {
            let (_, since) = self.cache.get(std::iter::empty());
            let (kek_id, kek) = self.keks.current();
            let mut rows = Vec::with_capacity(missing.len());
            for subject in missing {
                let key = DataKey::random().map_err(unavailable)?;
                let wrapped = Some(wrap(&kek, &kek_id, subject, 1, &key[..])?);
                rows.push(KeyRow {
                    subject,
                    key_no: 1,
                    kek_id: kek_id.clone(),
                    wrapped,
                });
            }
            let made = self.opened(self.table.create(rows).await.map_err(table)?)?;
            self.cache.put(made.iter(), since);
            keys.extend(made);
        }
        match subjects.iter().find(|s| {
            keys.get(s)
                .and_then(|k| k.newest())
                .is_none_or(|(_, key)| key.is_none())
        }) {
            Some(erased) => Err(SealError::Erased(*erased)),
            None => Ok(keys),
        }
    }

    /// The keys that `wanted` names, as far as there are any.
    pub(crate) async fn for_opening(&self, wanted: &BTreeSet<(SubjectId, i32)>) -> Result<Keys, SealError> {
        self.find(wanted.iter().map(|(subject, key_no)| (*subject, Some(*key_no))))
            .await
    }

    /// From the cache, and what it has not (or not with the number asked for) from the table, in one query. A subject
    /// may occur more than once if its numbers do not.
    async fn find(&self, wanted: impl Iterator<Item = (SubjectId, Option<i32>)> + Clone) -> Result<Keys, SealError> {
        let (cached, since) = self.cache.get(wanted.clone().map(|(subject, _)| subject));
        let mut keys = Keys::with_capacity(cached.len());
        let mut missing = BTreeSet::new();
        for ((subject, key_no), cached) in wanted.zip(cached) {
            match cached.filter(|keys| key_no.is_none_or(|no| keys.get(no).is_some())) {
                Some(found) => drop(keys.insert(subject, found)),
                None => drop(missing.insert(subject)),
            }
        }
        if !missing.is_empty() {
            let missing: Vec<SubjectId> = missing.into_iter().collect();
            let loaded = self.opened(self.table.load(&missing).await.map_err(table)?)?;
            self.cache.put(loaded.iter(), since);
            keys.extend(loaded);
        }
        Ok(keys)
    }

    /// Unwraps rows, subject by subject.
    fn opened(&self, rows: Vec<KeyRow>) -> Result<Keys, SealError> {
        let mut subjects: HashMap<SubjectId, SubjectKeys> = HashMap::new();
        for row in rows {
            let key = self.unwrap(&row)?.map(|bytes| DataKey::new(&bytes));
            subjects.entry(row.subject).or_default().0.push((row.key_no, key));
        }
        Ok(subjects
            .into_iter()
            .map(|(subject, keys)| (subject, Arc::new(keys)))
            .collect())
    }

    /// The data key of a row; `None` if it was destroyed. A key that cannot be unwrapped is not an erased one: reading
    /// must stop, not go on without what is there.
    fn unwrap(&self, row: &KeyRow) -> Result<Option<zeroize::Zeroizing<[u8; 32]>>, SealError> {
        let Some(wrapped) = &row.wrapped else { return Ok(None) };
        let KeyRow {
            subject,
            key_no,
            kek_id,
            ..
        } = row;
        let kek = self.keks.find(kek_id).map_err(unavailable)?;
        let kek = kek.ok_or_else(|| unavailable(format!("key-encryption key {kek_id} is not in the key folder")))?;
        let bytes = kek.open_whole(&binding(*subject, *key_no, kek_id), wrapped);
        let bytes = bytes.ok().and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
        let bytes = bytes.ok_or_else(|| unavailable(format!("key {key_no} of subject {subject} is damaged")))?;
        Ok(Some(zeroize::Zeroizing::new(bytes)))
    }
}

fn wrap(kek: &DataKey, kek_id: &str, subject: SubjectId, key_no: i32, key: &[u8]) -> Result<Vec<u8>, SealError> {
    let wrapped = kek.seal_whole(&binding(subject, key_no, kek_id), key);
    wrapped.map_err(|_| unavailable("a key could not be wrapped"))
}

fn table(TableError(what): TableError) -> SealError {
    SealError::Unavailable(what)
}

fn unavailable(what: impl ToString) -> SealError {
    SealError::Unavailable(what.to_string())
}
