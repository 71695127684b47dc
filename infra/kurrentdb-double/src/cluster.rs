//! Nodes on free loopback ports over one log.

use crate::{
    faults::Faults,
    log::Log,
    proto::{
        gossip::{EndPoint, MemberInfo, gossip_server::GossipServer, member_info::VNodeState},
        server_features::server_features_server::ServerFeaturesServer,
        streams::streams_server::StreamsServer,
    },
    streams::{Node, system_event},
    wire,
};
use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::runtime::{Builder, Runtime};
use tonic::transport::{Server, server::TcpIncoming};

/// As a server is configured when nobody says otherwise.
pub const MAX_APPEND_BYTES: usize = 1024 * 1024;
/// The largest message; larger than any append that is answered with a reason.
const MAX_MESSAGE_BYTES: usize = 17 * 1024 * 1024;

/// What all nodes have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    log: Mutex<Log>,
    pub(crate) faults: Faults,
    pub(crate) max_append_bytes: usize,
    leader: AtomicUsize,
    ports: Vec<u16>,
    alive: Vec<AtomicBool>,
}

impl Shared {
    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn leader(&self) -> usize {
        self.leader.load(SeqCst)
    }

    pub(crate) fn leader_port(&self) -> u16 {
        self.ports[self.leader()]
    }

    pub(crate) fn members(&self) -> Vec<MemberInfo> {
        let member = |(index, port): (usize, &u16)| {
            let is_alive = self.alive[index].load(SeqCst);
            let state = match (is_alive, index == self.leader()) {
                (false, _) => VNodeState::Shutdown,
                (true, true) => VNodeState::Leader,
                (true, false) => VNodeState::Follower,
            };
            MemberInfo {
                instance_id: Some(wire::wire_uuid(uuid::Uuid::from_u128(index as u128 + 1), true)),
                time_stamp: now_ticks() as i64,
                state: state.into(),
                is_alive,
                http_end_point: Some(EndPoint {
                    address: "127.0.0.1".to_owned(),
                    port: (*port).into(),
                }),
            }
        };
        self.ports.iter().enumerate().map(member).collect()
    }
}

/// 100 ns since 1970.
pub(crate) fn now_ticks() -> u64 {
    #[allow(clippy::disallowed_methods, reason = "a server stamps what it stores")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_nanos() / 100) as u64
}

/// A server of one node or more. Stops when dropped; what it stored is gone then.
#[derive(Debug)]
pub struct Double {
    /// The connection string.
    pub url: String,
    shared: Arc<Shared>,
    nodes: Vec<Option<Runtime>>,
}

impl Double {
    /// A single node.
    ///
    /// # Errors
    /// When no port or thread can be had.
    pub fn start() -> io::Result<Self> {
        Self::start_cluster(1)
    }

    /// `nodes` nodes; the first one leads. Every node sees every write at once.
    ///
    /// # Errors
    /// As [`Double::start`].
    pub fn start_cluster(nodes: usize) -> io::Result<Self> {
        let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listeners: Vec<TcpListener> = (0..nodes).map(bind).collect::<io::Result<_>>()?;
        let ports = listeners
            .iter()
            .map(|l| Ok(l.local_addr()?.port()))
            .collect::<io::Result<Vec<u16>>>()?;
        let hosts = ports
            .iter()
            .map(|p| format!("127.0.0.1:{p}"))
            .collect::<Vec<_>>()
            .join(",");
        let shared = Arc::new(Shared {
            log: Mutex::new(Log::default()),
            faults: Faults::default(),
            max_append_bytes: MAX_APPEND_BYTES,
            leader: AtomicUsize::new(0),
            alive: ports.iter().map(|_| AtomicBool::new(true)).collect(),
            ports,
        });
        let serve_one = |(index, listener)| {
            serve(
                Node {
                    shared: Arc::clone(&shared),
                    index,
                },
                listener,
            )
            .map(Some)
        };
        let nodes = listeners
            .into_iter()
            .enumerate()
            .map(serve_one)
            .collect::<io::Result<_>>()?;
        let double = Self {
            url: format!("esdb://{hosts}?tls=false&discoveryInterval=20"),
            shared,
            nodes,
        };
        double.write_system_events(3);
        Ok(double)
    }

    /// What can go wrong, and what was seen.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Writes `n` events of the kind a server writes for itself all the time.
    pub fn write_system_events(&self, n: usize) {
        let events = (0..n).map(|_| system_event("$statsCollected", b"{}")).collect();
        self.shared.log().write("$stats-127.0.0.1:2113", events, now_ticks());
    }

    /// Writes an event as some other program would: `data` under `type_name`, with `metadata` as it is.
    pub fn write_foreign_event(&self, stream: &str, type_name: &str, metadata: &'static [u8]) {
        let event = crate::log::Proposed {
            metadata: metadata.into(),
            ..system_event(type_name, b"{}")
        };
        self.shared.log().write(stream, vec![event], now_ticks());
    }

    /// Forgets what appends that expect nothing exact are recognised by.
    pub fn forget_ids(&self) {
        self.shared.log().forget_ids();
    }

    /// How many events of streams of this category were stored.
    pub fn stored_in(&self, category: &str) -> usize {
        let log = self.shared.log();
        let all = log.read_all(None, false, u64::MAX);
        let of = |stream: &str| stream.split_once('-').is_some_and(|(first, _)| first == category);
        all.iter().filter(|record| of(&record.stream)).count()
    }

    /// How many events of other streams than the server's own were stored.
    pub fn stored(&self) -> usize {
        self.shared
            .log()
            .read_all(None, false, u64::MAX)
            .iter()
            .filter(|r| !r.stream.starts_with('$'))
            .count()
    }

    /// Makes another node the leader.
    pub fn lead(&self, node: usize) {
        self.shared.leader.store(node, SeqCst);
    }

    /// Stops a node: its connections break and its port is closed.
    pub fn stop_node(&mut self, node: usize) {
        self.shared.alive[node].store(false, SeqCst);
        if let Some(runtime) = self.nodes[node].take() {
            runtime.shutdown_background();
        }
    }

    /// The port of a node that was stopped is free when its last task is gone.
    fn listen_again(&self, port: u16) -> io::Result<TcpListener> {
        for _ in 0..500 {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => std::thread::sleep(Duration::from_millis(10)),
                done => return done,
            }
        }
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
    }

    /// Starts a stopped node again at the same port.
    ///
    /// # Errors
    /// When the port was taken meanwhile.
    pub fn start_node(&mut self, index: usize) -> io::Result<()> {
        let listener = self.listen_again(self.shared.ports[index])?;
        self.nodes[index] = Some(serve(
            Node {
                shared: Arc::clone(&self.shared),
                index,
            },
            listener,
        )?);
        self.shared.alive[index].store(true, SeqCst);
        Ok(())
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        for node in 0..self.nodes.len() {
            self.stop_node(node);
        }
    }
}

/// Each node has a runtime of its own, so that stopping it breaks its connections too.
fn serve(node: Node, listener: TcpListener) -> io::Result<Runtime> {
    listener.set_nonblocking(true)?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("kurrentdb-double")
        .enable_all()
        .build()?;
    let incoming = {
        let _entered = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        TcpIncoming::from_listener(listener, true, None).map_err(io::Error::other)?
    };
    let streams = StreamsServer::new(node.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let services = Server::builder()
        .add_service(streams)
        .add_service(ServerFeaturesServer::new(node.clone()))
        .add_service(GossipServer::new(node));
    runtime.spawn(services.serve_with_incoming(incoming));
    Ok(runtime)
}
