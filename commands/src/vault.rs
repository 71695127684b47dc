//! Items and folders of one person.

pub mod bulk;
pub mod cipher;
pub mod folder;
pub mod import;
pub mod purge;
pub mod shared;
