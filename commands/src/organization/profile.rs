//! Commands about the organization itself.

mod change;
mod delete;
mod found;

pub use change::{ChangeCollectionSettings, ChangeDetails, NoteExport, SetApiKey, SetKeys};
pub use delete::DeleteOrganization;
pub use found::{FirstCollection, FoundOrganization};
