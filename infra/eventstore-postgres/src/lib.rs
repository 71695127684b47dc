//! eventstore-postgres
