//! The audit log: what clients report, and who looks at it.

pub mod collect;
pub mod history;
pub mod log;

use crate::WriteApi;
use web::Routes;

/// The routes of the API service.
pub fn routes() -> Routes<WriteApi> {
    log::routes().merge(collect::routes()).merge(history::routes())
}
