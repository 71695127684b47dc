//! Items and folders.

pub mod bulk;
pub mod cipher;
pub mod folder;
pub mod import;
pub mod organization;
pub mod purge;

use crate::WriteApi;
use web::Routes;

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    folder::routes()
        .merge(cipher::routes())
        .merge(bulk::routes())
        .merge(import::routes())
        .merge(organization::routes())
        .merge(purge::routes())
}
