//! eventstore-memory
