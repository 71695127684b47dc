//! The identity service: how accounts are made and signed in to.

pub mod device_type;
pub mod oauth;
pub mod prelogin;
pub mod registration;
pub mod session;
pub mod token;

use crate::WriteApi;
use web::Routes;

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    prelogin::routes().merge(registration::routes()).merge(token::routes())
}
