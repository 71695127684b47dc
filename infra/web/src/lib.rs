//! What every HTTP route shares: who calls, what may be asked, how errors look.
//!
//! What is *not* here: any route, and any rule of the business.

pub mod body;
pub mod caller;
pub mod drain;
pub mod guard;
pub mod headers;
pub mod list;
pub mod problem;
pub mod request;
pub mod token;

pub use body::{Body, Form, ListBody};
pub use caller::{Anyone, Asking, Authenticator, Caller, SessionState, Sessions};
pub use guard::{Guard, Routes};
pub use list::List;
pub use problem::{Answer, Problem};
pub use request::{ClientInfo, PathId, PathIds, Query};
