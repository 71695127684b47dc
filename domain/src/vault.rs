//! Items and folders.

pub mod cipher;
pub mod filing;
pub mod folder;
