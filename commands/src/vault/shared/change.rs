use super::{Side, Stop, check_target, refuse};
use crate::{
    execute::{Transaction, Unit},
    vault::cipher::{CipherError, KnownRevision, NewCipher},
};
use domain::{
    id::{CipherId, CollectionId},
    organization::collection::Collection,
    vault::cipher::{Cipher, CipherEvent},
};
use std::collections::BTreeSet;

/// What shall happen to an item.
#[derive(Debug, Clone)]
pub enum Wish {
    /// What is in it is replaced.
    Update {
        /// What it shall be.
        new: NewCipher,
        /// The revision the client had before it.
        known: Option<KnownRevision>,
    },
    /// It goes to the trash.
    Trash,
    /// It comes back from there.
    Restore,
    /// It goes for good.
    Delete,
    /// It shall be in these collections. Those the wisher cannot see stay as they are.
    Collections(Vec<CollectionId>),
}

/// Changes an item of an organization.
#[derive(Debug, Clone)]
pub struct ChangeShared {
    /// Who wants it; knows their rights in the item's collections and in those named.
    pub by: Side,
    /// Which one.
    pub cipher: CipherId,
    /// What.
    pub wish: Wish,
}

impl Transaction for ChangeShared {
    type Output = Cipher;
    type Error = CipherError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Cipher, Stop> {
        let loaded = unit.load::<Cipher>(self.cipher).await?;
        let at = unit.now_for(&loaded);
        let Some(mut cipher) = loaded.state.live().cloned() else {
            return refuse(CipherError::NotFound);
        };
        // an item stays where it was when a collection goes, and that gives nobody anything
        let there = unit.load_many::<Collection>(&cipher.collections).await?;
        cipher.collections = there
            .into_iter()
            .filter(|loaded| loaded.state.within(self.by.standing().organization).is_some())
            .map(|loaded| loaded.id)
            .collect();
        let rights = self.by.over(&cipher);
        if !rights.read {
            return refuse(CipherError::NotFound);
        }
        let allowed = match &self.wish {
            // who may not see a password cannot seal it again: it would be lost
            Wish::Update { .. } => rights.edit && rights.view_password,
            Wish::Trash | Wish::Restore | Wish::Delete => rights.delete,
            Wish::Collections(_) => rights.edit,
        };
        if !allowed {
            return refuse(CipherError::Forbidden);
        }
        let event = match &self.wish {
            Wish::Update { new, known } => {
                if cipher.kind != new.kind {
                    return refuse(CipherError::KindChanged);
                }
                if known.is_some_and(|known| !known.is_latest(&cipher, at)) {
                    return refuse(CipherError::OutOfDate);
                }
                CipherEvent::Updated {
                    content: new.content.clone(),
                    folder: None,
                    favorite: false,
                    archived: None,
                    at,
                }
            }
            Wish::Trash if cipher.trashed.is_some() => return Ok(loaded.state),
            Wish::Restore if cipher.trashed.is_none() => return Ok(loaded.state),
            Wish::Trash => CipherEvent::Trashed { at },
            Wish::Restore => CipherEvent::Restored { at },
            Wish::Delete => CipherEvent::Deleted { at },
            Wish::Collections(wanted) => {
                let collections = self.assigned(unit, &cipher.collections, wanted).await?;
                if collections == cipher.collections {
                    return Ok(loaded.state);
                }
                CipherEvent::CollectionsChanged { collections, at }
            }
        };
        Ok(unit.append(loaded, vec![event]))
    }
}

impl ChangeShared {
    /// The collections the item is in after a wish for `wanted`: what the wisher may not touch stays. Into a collection it
    /// goes, and out of one, only by somebody who may add to it.
    async fn assigned(
        &self,
        unit: &mut Unit<'_>,
        present: &[CollectionId],
        wanted: &[CollectionId],
    ) -> Result<Vec<CollectionId>, Stop> {
        let by = self.by.standing();
        let wanted: BTreeSet<_> = wanted.iter().copied().collect();
        let added: Vec<_> = wanted.iter().copied().filter(|id| !present.contains(id)).collect();
        if !added.is_empty() {
            check_target(unit, by, &added).await?;
        }
        let kept = present
            .iter()
            .copied()
            .filter(|id| wanted.contains(id) || !by.may_add_to(*id));
        let after: BTreeSet<_> = kept.chain(added).collect();
        let after: Vec<_> = after.into_iter().collect();
        let rights = self.by.over_in(present);
        // members may not make an item nobody's; those who look after all may
        if after.is_empty() && (matches!(self.by, Side::Member(_)) || !rights.manage) {
            return refuse(CipherError::NoCollection);
        }
        // nobody raises themselves over an item by where they put it
        if self.by.over_in(&after).exceeds(rights) {
            return refuse(CipherError::Forbidden);
        }
        Ok(after)
    }
}
