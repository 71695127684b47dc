//! Key-encryption keys: what data keys are wrapped under. They lie in `kek.json` of the key folder.
//!
//! There may be several, told apart by an id that stands beside every wrapped key. New keys are wrapped under the current
//! one; older ones stay in the file, for rows not yet wrapped anew and for backups.

use crate::data_key::DataKey;
use crate::key_folder::{KeyFolder, random};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::id::SubjectId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io::Result;
use std::sync::{Arc, PoisonError, RwLock};
use zeroize::{Zeroize, Zeroizing};

const FILE: &str = "kek.json";

/// `kek.json`. Keys in base64, by id.
#[derive(Serialize, Deserialize)]
struct Stored {
    current: String,
    keys: BTreeMap<String, String>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.keys.values_mut().for_each(Zeroize::zeroize);
    }
}

struct Loaded {
    current: String,
    keys: HashMap<String, Arc<DataKey>>,
}

/// The key-encryption keys of this installation.
pub struct Keks {
    folder: KeyFolder,
    loaded: RwLock<Loaded>,
}

impl Keks {
    /// Reads `kek.json` of `folder`, or makes it with one key. Blocks on the disk.
    ///
    /// # Errors
    /// What the file system says, and `InvalidData` for a file that is not of ours.
    pub fn open(folder: KeyFolder) -> Result<Self> {
        let held = folder.lock()?;
        let stored = match read(&folder)? {
            Some(stored) => stored,
            None => {
                let mut first = Stored {
                    current: String::new(),
                    keys: BTreeMap::new(),
                };
                extend(&mut first)?;
                write(&folder, &first)?;
                first
            }
        };
        drop(held);
        let loaded = RwLock::new(load(&folder, &stored)?);
        Ok(Self { folder, loaded })
    }

    /// The id of the current key, and the key.
    pub(crate) fn current(&self) -> (String, Arc<DataKey>) {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        let key = loaded
            .keys
            .get(&loaded.current)
            .expect("the current key is one of the keys: checked when loaded");
        (loaded.current.clone(), Arc::clone(key))
    }

    /// The key `id`; the file is read again when it is not known, for another process may have added it.
    pub(crate) fn find(&self, id: &str) -> Result<Option<Arc<DataKey>>> {
        let known = || {
            self.loaded
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .keys
                .get(id)
                .cloned()
        };
        if let Some(key) = known() {
            return Ok(Some(key));
        }
        if let Some(stored) = read(&self.folder)? {
            *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = load(&self.folder, &stored)?;
        }
        Ok(known())
    }

    /// Adds a key to the file and makes it the current one; its id. Blocks on the disk.
    ///
    /// # Errors
    /// As [`Keks::open`]; then nothing has changed.
    pub fn add(&self) -> Result<String> {
        let _held = self.folder.lock()?;
        let mut stored = read(&self.folder)?.ok_or_else(|| self.folder.invalid(FILE, "is gone"))?;
        extend(&mut stored)?;
        write(&self.folder, &stored)?;
        let loaded = load(&self.folder, &stored)?;
        let current = loaded.current.clone();
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(current)
    }
}

/// What a wrapped key is bound to, so that rows cannot be swapped.
pub(crate) fn binding(subject: SubjectId, key_no: i32, kek_id: &str) -> Vec<u8> {
    let mut aad = b"annalock key 1".to_vec();
    aad.extend_from_slice(subject.0.as_bytes());
    aad.extend_from_slice(&key_no.to_be_bytes());
    aad.extend_from_slice(kek_id.as_bytes());
    aad
}

/// Adds a random key under a random id and makes it the current one.
fn extend(stored: &mut Stored) -> Result<()> {
    let id = loop {
        let id: String = random()?[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        if !stored.keys.contains_key(&id) {
            break id;
        }
    };
    stored.keys.insert(id.clone(), STANDARD.encode(&random()?[..]));
    stored.current = id;
    Ok(())
}

fn read(folder: &KeyFolder) -> Result<Option<Stored>> {
    let Some(bytes) = folder.read(FILE)? else {
        return Ok(None);
    };
    // what the parser says could quote a key
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|_| folder.invalid(FILE, "is not a list of keys"))
}

fn write(folder: &KeyFolder, stored: &Stored) -> Result<()> {
    folder.write(FILE, &Zeroizing::new(serde_json::to_vec_pretty(stored)?))
}

fn load(folder: &KeyFolder, stored: &Stored) -> Result<Loaded> {
    let mut keys = HashMap::new();
    for (id, text) in &stored.keys {
        let bytes = STANDARD.decode(text).map(Zeroizing::new).ok();
        let bytes: Option<&[u8; 32]> = bytes.as_deref().and_then(|b| b.as_slice().try_into().ok());
        let bytes = bytes.ok_or_else(|| folder.invalid(FILE, &format!("has a key {id} that is not 32 bytes")))?;
        keys.insert(id.clone(), Arc::new(DataKey::new(bytes)));
    }
    if !keys.contains_key(&stored.current) {
        return Err(folder.invalid(FILE, "names a current key that it does not have"));
    }
    Ok(Loaded {
        current: stored.current.clone(),
        keys,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_finds_keys_that_another_one_added() {
        let temp = tempfile::tempdir().unwrap();
        let folder = KeyFolder::open(temp.path()).unwrap();
        let here = Keks::open(folder.clone()).unwrap();
        let there = Keks::open(folder).unwrap();
        let (first, _) = here.current();
        assert_eq!(there.current().0, first);
        let second = there.add().unwrap();
        let sealed = there.current().1.seal_whole(b"", b"key").unwrap();
        assert_eq!(
            here.find(&second).unwrap().unwrap().open_whole(b"", &sealed).unwrap()[..],
            *b"key"
        );
        assert!(here.find(&first).unwrap().is_some());
        assert!(here.find("other").unwrap().is_none());
        assert_eq!(here.current().0, second);
    }

    #[test]
    fn a_broken_file_is_refused_and_left_alone() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join(FILE);
        for broken in [
            "",
            "{}",
            r#"{"current":"a","keys":{}}"#,
            r#"{"current":"a","keys":{"a":"AAAA"}}"#,
        ] {
            std::fs::write(&path, broken).unwrap();
            assert!(Keks::open(KeyFolder::open(temp.path()).unwrap()).is_err());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), broken);
        }
    }
}
