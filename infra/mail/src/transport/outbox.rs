//! Sending into a folder, where no mail server is set: each letter an `.eml` file, each link in the log.

use super::{Outgoing, SendError, Transport, message};
use crate::template::Site;
use async_trait::async_trait;
use lettre::message::Mailbox;
use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// A folder for letters. Only its owner may look into it: letters hold codes and tokens.
pub struct OutboxTransport {
    folder: PathBuf,
    from: Mailbox,
}

impl OutboxTransport {
    /// The folder `folder`, made when the first letter comes.
    pub fn new(folder: impl Into<PathBuf>, site: &Site) -> Self {
        let from = site.default_sender().parse().expect("made of a name and a parsed host");
        Self {
            folder: folder.into(),
            from,
        }
    }
}

#[async_trait]
impl Transport for OutboxTransport {
    async fn send(&self, mail: &Outgoing) -> Result<(), SendError> {
        let bytes = message(mail, &self.from)?.formatted();
        let time = mail.at.iso()[..19].replace(['-', ':'], "");
        // the same letter always has the same name: sent twice, it is still one file
        let name = format!("{time}Z-{}-{}.eml", mail.letter, mail.id);
        let (folder, file) = (self.folder.clone(), name.clone());
        let written = tokio::task::spawn_blocking(move || write_whole(&folder, &file, &bytes)).await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return Err(SendError::Temporary(format!(
                    "the outbox cannot be written: {}",
                    error.kind()
                )));
            }
            Err(_) => return Err(SendError::Temporary("the outbox was not written".to_owned())),
        }
        for link in &mail.content.links {
            tracing::info!(
                mail.letter = mail.letter,
                link,
                "no mail server is set: follow this link instead"
            );
        }
        tracing::info!(mail.letter = mail.letter, file = name, "letter put into the outbox");
        Ok(())
    }
}

/// Writes a file so that it is there whole or not at all, whenever power fails.
fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let (part, whole) = (folder.join(format!(".{name}.part")), folder.join(name));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&part, &whole)?;
    File::open(folder)?.sync_all()
}
