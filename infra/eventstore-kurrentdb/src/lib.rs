//! eventstore-kurrentdb
