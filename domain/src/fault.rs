//! What can be wrong with a wish, told apart by what the caller can do about it.

/// What kind of answer a refusal is. `infra/web` turns each kind into one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The request itself is at fault: 400.
    Invalid,
    /// The caller must sign in again: 401.
    Unauthenticated,
    /// The caller is known and may see the thing, but may not do this: 404 that says so, for official clients take
    /// 403 for the end of their session.
    Forbidden,
    /// There is no such thing, or not for this caller, who must not learn the difference: 404.
    NotFound,
    /// Somebody else was faster and clients do not expect to be told by a 400: 409.
    Conflict,
    /// A bound in number or size was reached: 413.
    TooLarge,
    /// Too many tries: 429.
    TooMany,
    /// The server cannot do it now; the same request may pass later: 503 with `Retry-After`.
    Unavailable,
    /// A fault of ours: 500. Never caused by input.
    Internal,
}

/// An error that knows which kind of answer it is. `Display` is the message people are shown: it names no secret.
pub trait Fault: std::error::Error + Send + Sync + 'static {
    /// The kind of answer.
    fn kind(&self) -> FaultKind;

    /// Whether what was asked for would be right, and this caller may not have it or do it.
    fn is_refusal(&self) -> bool {
        matches!(self.kind(), FaultKind::Forbidden | FaultKind::NotFound)
    }

    /// The request field at fault (as in JSON: `masterPasswordHash`), if it is one.
    fn field(&self) -> Option<&str> {
        None
    }
}
