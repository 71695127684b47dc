//! A line to a database that breaks exactly when an answer is on its way.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// The name PostgreSQL gives its socket.
const SOCKET: &str = ".s.PGSQL.5432";

/// Passes on what clients and server say, in both directions, until it is told to lose something.
pub struct BadLine {
    folder: PathBuf,
    armed: Arc<AtomicBool>,
    lost: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl BadLine {
    /// A line to the server whose socket is in `server`; clients connect to the socket in [`BadLine::folder`].
    pub fn to(server: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "bl-{}-{}-{:04x}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed),
            rand::random::<u16>()
        );
        let folder = Path::new("/tmp").join(name);
        std::fs::create_dir(&folder).unwrap();
        let listener = UnixListener::bind(folder.join(SOCKET)).unwrap();
        let (armed, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let task = tokio::spawn(accept(listener, server.join(SOCKET), armed.clone(), lost.clone()));
        Self {
            folder,
            armed,
            lost,
            task,
        }
    }

    /// Where clients connect to.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the server says next is lost, and the connection with it: the
    /// server has done what it was asked.
    pub fn lose_next_answer(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// How many answers were lost so far.
    pub fn lost(&self) -> u32 {
        self.lost.load(Ordering::SeqCst)
    }
}

impl Drop for BadLine {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn accept(listener: UnixListener, server: PathBuf, armed: Arc<AtomicBool>, lost: Arc<AtomicU32>) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = UnixStream::connect(&server).await else {
            continue;
        };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let (armed, lost) = (armed.clone(), lost.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = pass(from_client, to_server, || false) => {}
                () = pass(from_server, to_client, || {
                    let lose = armed.swap(false, Ordering::SeqCst);
                    lost.fetch_add(u32::from(lose), Ordering::SeqCst);
                    lose
                }) => {}
            }
        });
    }
}

/// Passes on until one side ends, or until `lose` says so of what has just come.
async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, lose: impl Fn() -> bool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        if lose() || to.write_all(&buffer[..n]).await.is_err() {
            break;
        }
    }
}
