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
        let reply = match parse(&self.buffer[..head])? {
            Said::Whole(reply) => reply,
            Said::InChunks(status) => {
                let body_bytes = self.chunks(head, filled).await?;
                return Ok(Reply { status, body_bytes });
            }
        };
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

    /// Reads a body in chunks; it begins at `next` of what is in the buffer up to `filled`. Its length.
    async fn chunks(&mut self, mut next: usize, mut filled: usize) -> Result<usize> {
        let (mut line, mut bytes) = (Vec::new(), 0);
        loop {
            // the line with the size, at most some digits
            loop {
                if next == filled {
                    (next, filled) = (0, self.read_at(0).await?);
                }
                line.push(self.buffer[next]);
                next += 1;
                if line.ends_with(b"\r\n") {
                    break;
                }
            }
            let size = std::str::from_utf8(&line).ok().map(str::trim);
            let size = size.and_then(|digits| usize::from_str_radix(digits, 16).ok());
            let size = size.ok_or_else(|| wrong("a chunk does not say its size"))?;
            line.clear();
            bytes += size;
            let mut left = size + 2;
            while left > filled - next {
                left -= filled - next;
                (next, filled) = (0, self.read_at(0).await?);
            }
            next += left;
            if size == 0 {
                return Ok(bytes);
            }
        }
    }

    async fn read_at(&mut self, start: usize) -> Result<usize> {
        match self.stream.read(&mut self.buffer[start..]).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}

/// What the head of an answer says of its body.
enum Said {
    Whole(Reply),
    InChunks(u16),
}

/// Status and length from the head of an answer.
fn parse(head: &[u8]) -> Result<Said> {
    let head = std::str::from_utf8(head).map_err(|_| wrong("the head of the answer is no text"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or_else(|| wrong("the answer has no status"))?;
    let said = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Some(Said::InChunks(status));
        }
        let length = name.eq_ignore_ascii_case("content-length").then_some(value)?;
        let body_bytes = length.trim().parse().ok()?;
        Some(Said::Whole(Reply { status, body_bytes }))
    });
    match (status, said) {
        (_, Some(said)) => Ok(said),
        (204 | 304, None) => Ok(Said::Whole(Reply { status, body_bytes: 0 })),
        _ => Err(wrong("the answer does not say its length")),
    }
}

fn wrong(why: &str) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}
