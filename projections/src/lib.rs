//! Read models: tables made from events, that can be thrown away and built again.
//!
//! What is *not* here: decisions, HTTP, and any event: a projector cannot append.

pub mod ahead;
pub mod audit;
pub mod catalog;
pub mod feed;
pub mod generation;
pub mod live;
pub mod park;
pub mod projector;
pub mod rebuild;
pub mod retired;
pub mod runner;
pub mod sync;

mod rows;
mod table;
mod work;
