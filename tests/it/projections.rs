//! Projectors on a real PostgreSQL: events in, rows out; and what their owner does when something is wrong.

mod audit;
mod history;
mod owner;
mod parked;
mod rebuild;
mod retired;
mod rows;
mod shards;
mod standing;
mod world;
mod wrapped;
