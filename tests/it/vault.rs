//! Folders and items of one person: what is kept, what is refused, who sees it, and when.

mod bodies;
mod bulk;
mod conflict;
mod folder;
mod freshness;
mod hostile;
mod import;
mod item;
mod stranger;
