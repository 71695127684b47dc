//! HTTP/1.1 on one kept-alive connection, as cheap as it can be: the client shares two cores with what it measures.

use std::io::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What is read at once: bytes.
const BUFFER: usize = 256 * 1024;

/// A connection on which one request is under way at a time.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What an answer came to; its body is read and thrown away.
#[derive(Debug, Clone, Copy)]
pub struct Reply {
    pub status: u16,
    pub body_bytes: usize,
}

impl Connection {
    /// Connects to `host:port`.
    pub async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; BUFFER],
        })
    }

    /// Sends a whole request and reads the whole answer.
    ///
    /// # Errors
    /// When the connection breaks or the answer does not say its length; the connection is of no use then.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Reply> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let head = loop {
            filled += self.read_at(filled).await?;
            if let Some(end) = self.buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if filled == self.buffer.len() {
                return Err(wrong("the head of the answer is too long"));
            }
        };
        let reply = parse(&self.buffer[..head])?;
        let mut have = filled - head;
        while have < reply.body_bytes {
            have += self.read_at(0).await?;
        }
        if have == reply.body_bytes {
            Ok(reply)
        } else {
            Err(wrong("more came than the answer said"))
        }
    }

    async fn read_at(&mut self, start: usize) -> Result<usize> {
        match self.stream.read(&mut self.buffer[start..]).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}

/// Status and length from the head of an answer.
fn parse(head: &[u8]) -> Result<Reply> {
    let head = std::str::from_utf8(head).map_err(|_| wrong("the head of the answer is no text"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or_else(|| wrong("the answer has no status"))?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    match (status, length) {
        (_, Some(body_bytes)) => Ok(Reply { status, body_bytes }),
        (204 | 304, None) => Ok(Reply { status, body_bytes: 0 }),
        _ => Err(wrong("the answer does not say its length")),
    }
}

fn wrong(why: &str) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}
