//! Organizations: who is in them, what is shared in them, and who may do what.
//!
//! Each thing that changes on its own has a stream of its own: the organization, a membership, a collection, a group, a
//! policy, and every single grant (somebody's rights in a collection, somebody's place in a group), so that a change in a
//! large organization is one small event and two admins at work never meet.

pub mod access;
pub mod claim;
pub mod collection;
pub mod grant;
pub mod group;
pub mod link;
pub mod membership;
pub mod moment;
pub mod place;
pub mod policy;
pub mod profile;
pub mod role;
pub mod task;
