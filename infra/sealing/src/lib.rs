//! Sealing of personal data in events, so that history stays whole and a person can still be forgotten.
//!
//! Every subject (a user, an organization, the installation) has a data key of its own. It lies in `ops.subject_key`,
//! wrapped under a key-encryption key that lies in the data folder: neither a copy of the database nor one of the folder
//! alone opens anything. Destroying the data key erases the subject from all events and backups of events at once.
//!
//! # What is sealed
//! `domain::personal::Personal` writes `{"$personal":{"s":subject,"v":value}}` into event JSON; [`Keyring`] puts
//! `{"$sealed":{"s":subject,"k":key,"n":nonce,"c":ciphertext}}` in its place, by splicing bytes, without building a tree.
//! The invariant this rests on: **event JSON is compact JSON written by `serde_json` from our own types, and what clients
//! send stands in it as strings only, never as objects**. A quote inside a JSON string is written `\"`, so the bytes
//! `{"$` can only be an object whose first key begins with `$`: no string content can look like a tag. Whoever breaks the
//! invariant loses no data: an object that is not exactly of the open shape is left as it is, and an event that brings a
//! `$sealed` object along is refused before it is stored, so that nobody can plant an envelope that does not open.
//!
//! What is *not* here: which values are personal (`domain`), and when somebody is erased (`commands`).

mod address;
mod cache;
mod data_key;
mod envelope;
mod json;
mod kek;
mod key_folder;
mod keyring;
mod opaque;
mod seal;
mod spots;
pub mod table;

pub use address::{AddressHasher, normalised};
pub use kek::Keks;
pub use key_folder::KeyFolder;
pub use keyring::{CACHED_SUBJECTS, Keyring};
pub use opaque::BytesError;
