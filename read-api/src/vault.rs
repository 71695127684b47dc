//! Items and folders, one by one and as lists.

pub mod cipher;
pub mod folder;

use crate::ReadApi;
use web::Routes;

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    cipher::routes().merge(folder::routes())
}
