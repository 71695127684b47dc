//! One suite for every adapter of shared state.

#![allow(clippy::unwrap_used)] // tests

mod support;

mod in_process {
    use crate::support::suite::Process;
    use redis_adapter::InProcess;
    use std::sync::Arc;

    fn processes() -> (Process, Process, ()) {
        let one: Process = Arc::new(InProcess::default());
        (one.clone(), one, ())
    }

    crate::each_rule! { test_for_each! processes() }
}

mod one_server {
    use crate::support::{RedisServer, suite::Process};
    use redis_adapter::RedisShared;
    use std::sync::Arc;

    fn processes() -> (Process, Process, RedisServer) {
        let server = RedisServer::start();
        let process = || Arc::new(RedisShared::new(&server.url()).unwrap());
        (process(), process(), server)
    }

    crate::each_rule! { test_for_each! processes() }
}

mod cluster {
    use crate::support::{cluster::Cluster, suite::Process};
    use redis_adapter::RedisShared;
    use std::sync::Arc;

    fn processes() -> (Process, Process, Cluster) {
        let cluster = Cluster::start();
        let process = || Arc::new(RedisShared::new(&cluster.url()).unwrap());
        (process(), process(), cluster)
    }

    crate::each_rule! { test_of_all! processes() }
}

mod sentinels {
    use crate::support::{sentinels::Sentinels, suite::Process};
    use redis_adapter::RedisShared;
    use std::sync::Arc;

    fn processes() -> (Process, Process, Sentinels) {
        let group = Sentinels::start();
        let process = || Arc::new(RedisShared::new(&group.url()).unwrap());
        (process(), process(), group)
    }

    crate::each_rule! { test_of_all! processes() }
}
