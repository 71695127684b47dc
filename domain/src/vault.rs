//! Items and folders.

pub mod cipher;
pub mod folder;
