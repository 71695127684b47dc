//! Clients written by others, run as their users run them.

mod cli;
mod journey;
mod old_cli;
mod oldest_cli;
mod organization;
mod rbw;
