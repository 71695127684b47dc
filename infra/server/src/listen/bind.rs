//! Takes addresses early, before anything slow is started, and listens late, when there is something to answer.

use anyhow::{Result, anyhow};
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};

/// Connections the system keeps for us until we accept them.
const BACKLOG: u32 = 4096;

/// An address that is ours; nobody can connect yet.
#[derive(Debug)]
pub struct Bound {
    socket: TcpSocket,
    address: SocketAddr,
    /// The setting that asked for it.
    pub(super) name: &'static str,
}

/// Takes `address`, which the setting `name` asks for.
///
/// # Errors
/// One sentence with the address and the setting.
pub fn bind(address: SocketAddr, name: &'static str) -> Result<Bound> {
    let take = || -> io::Result<Bound> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?; // connections of the last run may still be closing
        socket.bind(address)?;
        Ok(Bound {
            address: socket.local_addr()?,
            socket,
            name,
        })
    };
    take().map_err(|e| refused(address, name, &e))
}

impl Bound {
    /// The address, with the port the system chose where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens it for connections.
    pub(super) fn listen(self) -> Result<TcpListener> {
        self.socket
            .listen(BACKLOG)
            .map_err(|e| refused(self.address, self.name, &e))
    }
}

fn refused(address: SocketAddr, name: &str, error: &io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            anyhow!("{address} is in use by another program; stop that program or set {name} to another address")
        }
        io::ErrorKind::PermissionDenied => {
            anyhow!(
                "{address} may not be used by this user (ports below 1024 need a capability); set {name} to another address"
            )
        }
        io::ErrorKind::AddrNotAvailable => {
            anyhow!("{address} is not an address of this machine; set {name} to another")
        }
        _ => anyhow!("cannot listen at {address} ({name}): {error}"),
    }
}
