//! What an error of the database means for an append.

use commands::ports::ReadError;

/// What can be done about a failed try.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection is of no more use; whether the try was stored is unknown.
    Lost(String),
    /// The connection is good and nothing was stored; it can work next time.
    Again(String),
    /// Nothing was stored, and never will be.
    Refused(String),
}

/// SQLSTATE (or its class) of what passes: lock not available, serialization failure, deadlock, cancelled statement.
const PASSING: &[&str] = &["55P03", "40001", "40P01", "57014"];
/// Of what a new connection may cure: shutdown and start-up, connection trouble, a standby, lack of resources, I/O errors.
const CURED_BY_RECONNECTING: &[&str] = &["57P", "08", "25006", "53", "58"];

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let text = error.to_string();
        match error {
            sqlx::Error::Database(told) => {
                let code = told.code().unwrap_or_default();
                if PASSING.iter().any(|known| code == *known) {
                    Self::Again(text)
                } else if CURED_BY_RECONNECTING.iter().any(|known| code.starts_with(known)) {
                    Self::Lost(text)
                } else {
                    Self::Refused(text)
                }
            }
            sqlx::Error::Encode(_) | sqlx::Error::TypeNotFound { .. } | sqlx::Error::Configuration(_) => {
                Self::Refused(text)
            }
            _ => Self::Lost(text),
        }
    }
}

/// Whether a read that failed so may find a living connection when tried again at once.
pub(crate) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(told) => told
            .code()
            .is_some_and(|code| code.starts_with("57P") || code.starts_with("08")),
        _ => false,
    }
}

/// Any failure of a read.
pub(crate) fn unreadable(error: sqlx::Error) -> ReadError {
    ReadError::Unavailable(error.to_string())
}
