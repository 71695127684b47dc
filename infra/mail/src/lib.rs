//! Mail: letters in text and HTML, ways to send them, and the queue they wait in.
//!
//! A process manager puts a [`Letter`] into the [`MailQueue`] for an event; a [`Worker`] sends what is due over a
//! [`Transport`]. What is *not* here: who gets a letter when, which is a decision.

mod queue;
mod template;
mod transport;

pub use queue::{Counts, Listed, MailError, MailQueue, NewMail, QueueSettings, Sealer, State, Worker};
pub use template::{Letter, Rendered, Site};
pub use transport::{OutboxTransport, Outgoing, SendError, SmtpTransport, SmtpUrlError, Transport};
