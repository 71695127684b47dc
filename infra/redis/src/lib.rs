//! redis-adapter
