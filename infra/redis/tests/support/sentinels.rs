//! A master with one replica, watched by three sentinels.

use super::{RedisServer, await_true, cli};

/// The group; its service is called `main`.
pub struct Sentinels {
    pub master: RedisServer,
    pub replica: RedisServer,
    pub sentinels: Vec<RedisServer>,
}

impl Sentinels {
    pub fn start() -> Self {
        let master = RedisServer::start();
        let of_master = format!("127.0.0.1 {}", master.port);
        let replica = RedisServer::start_with(&["--replicaof", &of_master, "--repl-diskless-sync-delay", "0"]);
        let lines = [
            format!("sentinel monitor main 127.0.0.1 {} 2", master.port),
            "sentinel down-after-milliseconds main 1000".to_owned(),
            "sentinel failover-timeout main 3000".to_owned(),
        ];
        let sentinels: Vec<_> = (0..3).map(|_| RedisServer::sentinel(&lines)).collect();
        await_true("the replica", || {
            cli(replica.port, &["INFO", "replication"]).contains("master_link_status:up")
        });
        for sentinel in &sentinels {
            await_true("the sentinels to know each other and the replica", || {
                let known = cli(sentinel.port, &["SENTINEL", "MASTER", "main"]);
                let after = |name: &str| known.lines().skip_while(|l| *l != name).nth(1).map(str::to_owned);
                after("num-other-sentinels").as_deref() == Some("2") && after("num-slaves").as_deref() == Some("1")
            });
        }
        Self {
            master,
            replica,
            sentinels,
        }
    }

    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.sentinels.iter().map(|s| format!("127.0.0.1:{}", s.port)).collect();
        format!("redis+sentinel://{}/main", hosts.join(","))
    }
}
