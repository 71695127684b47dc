use super::{Stop, check_target, file::file_with, refuse};
use crate::{
    execute::{Transaction, Unit},
    vault::cipher::{CipherError, KnownRevision, NewCipher},
};
use domain::{
    id::{CipherId, CollectionId, FilingId},
    organization::access::Standing,
    vault::{
        cipher::{Cipher, CipherEvent},
        filing::Filing,
    },
};

/// Gives items of one's own to an organization, each sealed anew with its key: all of them or none. For who gives them they stay filed
/// as they were, unless it is said otherwise.
#[derive(Debug, Clone)]
pub struct ShareCipher {
    /// Who gives; knows their rights in the collections.
    pub by: Standing,
    /// In which collections they shall be.
    pub collections: Vec<CollectionId>,
    /// Which items, what each is now, and the revision the client had before.
    pub items: Vec<(CipherId, NewCipher, Option<KnownRevision>)>,
}

impl Transaction for ShareCipher {
    type Output = Vec<(CipherId, Cipher)>;
    type Error = CipherError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Self::Output, Stop> {
        let collections = check_target(unit, &self.by, &self.collections).await?;
        let ids: Vec<_> = self.items.iter().map(|(id, ..)| *id).collect();
        let readable = self.by.over_item(&collections).read;
        let filings: Vec<_> = ids.iter().map(|id| FilingId::of(self.by.user, *id)).collect();
        let filings = unit.load_many::<Filing>(&filings).await?;
        let (mut shared, mut left) = (Vec::with_capacity(ids.len()), false);
        let items = unit.load_many::<Cipher>(&ids).await?.into_iter().zip(filings);
        for ((loaded, filing), (id, new, known)) in items.zip(&self.items) {
            let at = unit.now_for(&loaded);
            // a store that appends to one stream at a time may have stopped half way: the same again goes on
            let done = loaded.state.live().is_some_and(|live| {
                live.organization == Some(self.by.organization)
                    && live.owner == self.by.user
                    && live.content == new.content
                    && live.collections == collections
            });
            if done {
                shared.push((*id, loaded.state));
                continue;
            }
            left = true;
            let Some(cipher) = loaded.state.of(self.by.user) else {
                return refuse(CipherError::NotFound);
            };
            if cipher.kind != new.kind {
                return refuse(CipherError::KindChanged);
            }
            if known.is_some_and(|known| !known.is_latest(cipher, at)) {
                return refuse(CipherError::OutOfDate);
            }
            let new = NewCipher {
                folder: new.folder.or(cipher.folder),
                favorite: new.favorite || cipher.favorite,
                archived: new.archived.or(cipher.archived),
                ..new.clone()
            };
            let event = CipherEvent::Shared {
                organization: self.by.organization,
                collections: collections.clone(),
                content: new.content.clone(),
                at,
            };
            shared.push((*id, unit.append(loaded, vec![event])));
            if readable {
                file_with(unit, self.by.user, filing, *id, &new).await?;
            }
        }
        if !left && !ids.is_empty() {
            return refuse(CipherError::NotFound);
        }
        Ok(shared)
    }
}
