//! Small requests leave at once.
//!
//! The client makes its connections without `TCP_NODELAY` and offers no way to say otherwise. It writes the head of a
//! request and its body separately; the body then waits until the head was acknowledged, which a Linux server puts off
//! for 40 ms (Nagle's algorithm against delayed acknowledgement). Measured against the double, both in one debug
//! build: 45 ms for an append or a read held back, 1 to 3 ms at once.
//!
//! So the option is set from outside, on every connected socket of this process whose other end has a port of the
//! connection string: at the start, and now and then for connections made again. That needs no access to the client. A
//! descriptor may have become another connection meanwhile; to that one the option does no harm either.

/// Ports of event store nodes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ports(pub(crate) Vec<u16>);

impl Ports {
    /// Sets the option wherever it applies; how many sockets it was set on. Some microseconds for each open file.
    #[cfg(target_os = "linux")]
    pub(crate) fn send_at_once(&self) -> usize {
        use nix::sys::socket::{SockaddrStorage, getpeername, setsockopt, sockopt::TcpNoDelay};
        let Ok(open) = std::fs::read_dir("/proc/self/fd") else {
            return 0;
        };
        let descriptors = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let ours = descriptors.filter(|fd| {
            let Ok(peer) = getpeername::<SockaddrStorage>(*fd) else {
                return false;
            };
            let v4 = peer.as_sockaddr_in().map(|a| a.port());
            let v6 = peer.as_sockaddr_in6().map(|a| a.port());
            v4.or(v6).is_some_and(|port| self.0.contains(&port))
        });
        ours.filter(|fd| setsockopt(*fd, TcpNoDelay, &true).is_ok()).count()
    }

    /// Only Linux shows a process its descriptors in a way that is used here; elsewhere requests may take longer.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn send_at_once(&self) -> usize {
        0
    }
}
