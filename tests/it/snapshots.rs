//! Saved folds of long streams: they save reading and never change what is known.

mod histories;
mod remembered;
mod trouble;
mod ways;
pub(crate) mod world;
