//! Lists as clients know them.

use serde::Serialize;

/// `{"object":"list","data":[…],"continuationToken":null}`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct List<T> {
    object: &'static str,
    data: Vec<T>,
    continuation_token: Option<String>,
}

impl<T> List<T> {
    /// A whole list.
    pub fn of(data: Vec<T>) -> Self {
        Self {
            object: "list",
            data,
            continuation_token: None,
        }
    }

    /// A part of one; `next` asks for what comes behind it, if there is more.
    pub fn page(data: Vec<T>, next: Option<String>) -> Self {
        Self {
            continuation_token: next,
            ..Self::of(data)
        }
    }
}
