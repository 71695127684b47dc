use super::{Side, Stop, Targets, file::file_with, refuse};
use crate::{
    execute::{ExecuteError, Loaded, Transaction, Unit},
    vault::cipher::{CipherError, KnownRevision, NewCipher},
};
use domain::{
    id::{CipherId, CollectionId, FilingId},
    time::Timestamp,
    vault::{
        cipher::{Cipher, CipherEvent, LiveCipher},
        filing::Filing,
    },
};
use std::collections::{BTreeSet, HashSet};

/// What shall happen to an item.
#[derive(Debug, Clone)]
pub enum Wish {
    /// What is in it is replaced; a member files it in the same request.
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
    /// It shall be in these collections too.
    Into(Vec<CollectionId>),
    /// It shall be in these collections no more.
    OutOf(Vec<CollectionId>),
}

impl Wish {
    /// Collections that are named.
    fn named(&self) -> &[CollectionId] {
        match self {
            Self::Collections(ids) | Self::Into(ids) | Self::OutOf(ids) => ids,
            Self::Update { .. } | Self::Trash | Self::Restore | Self::Delete => &[],
        }
    }
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
        let targets = targets(unit, &self.by, std::slice::from_ref(&loaded), &self.wish).await?;
        let at = unit.now_for(&loaded);
        let event = decide(&self.by, &loaded.state, &self.wish, &targets, at).map_err(ExecuteError::Refused)?;
        let cipher = unit.append(loaded, event.into_iter().collect());
        // what a request says of the item and of where it is filed is done or refused as one
        if let (Side::Member(by), Wish::Update { new, .. }) = (&self.by, &self.wish) {
            let filing = unit.load::<Filing>(FilingId::of(by.user, self.cipher)).await?;
            file_with(unit, by.user, filing, self.cipher, new).await?;
        }
        Ok(cipher)
    }
}

/// Changes many items of an organization in one append: the same as a loop of single ones. An id that occurs again is one item.
#[derive(Debug, Clone)]
pub struct ChangeManyShared {
    /// Who wants it; knows their rights in the items' collections and in those named.
    pub by: Side,
    /// Which ones.
    pub ciphers: Vec<CipherId>,
    /// What.
    pub wish: Wish,
    /// What one refuses, all refuse. Else those that refuse are left out; when all do, the first refusal is the answer.
    pub whole: bool,
}

impl Transaction for ChangeManyShared {
    /// The items changed or left as they were wished to be, in the order asked for.
    type Output = Vec<CipherId>;
    type Error = CipherError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Vec<CipherId>, Stop> {
        let mut seen = HashSet::with_capacity(self.ciphers.len());
        let ids: Vec<_> = self.ciphers.iter().copied().filter(|id| seen.insert(*id)).collect();
        let all = unit.load_many::<Cipher>(&ids).await?;
        let targets = targets(unit, &self.by, &all, &self.wish).await?;
        let (mut done, mut refused) = (Vec::with_capacity(all.len()), None);
        for loaded in all {
            let (id, at) = (loaded.id, unit.now_for(&loaded));
            // deleted meanwhile, which is what was wished for
            if self.whole && matches!(self.wish, Wish::Delete) && loaded.state.live().is_none() {
                done.push(id);
                continue;
            }
            match decide(&self.by, &loaded.state, &self.wish, &targets, at) {
                Ok(event) => {
                    unit.append(loaded, event.into_iter().collect());
                    done.push(id);
                }
                Err(refusal) if self.whole => return refuse(refusal),
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        match refused {
            Some(refusal) if done.is_empty() => refuse(refusal),
            _ => Ok(done),
        }
    }
}

/// What is known of the collections that items are in, and of those that are named.
async fn targets(unit: &mut Unit<'_>, by: &Side, items: &[Loaded<Cipher>], wish: &Wish) -> Result<Targets, Stop> {
    let present = items.iter().filter_map(|loaded| loaded.state.live());
    let present = present.flat_map(|cipher| &cipher.collections);
    let all: BTreeSet<CollectionId> = present.chain(wish.named()).copied().collect();
    Targets::load(unit, by.standing(), all).await
}

/// What happens to an item by a wish; nothing if it is as it was wished to be.
fn decide(
    by: &Side,
    state: &Cipher,
    wish: &Wish,
    targets: &Targets,
    at: Timestamp,
) -> Result<Option<CipherEvent>, CipherError> {
    let mut cipher = state.live().cloned().ok_or(CipherError::NotFound)?;
    // an item stays where it was when a collection goes, and that gives nobody anything
    cipher.collections.retain(|id| targets.there(*id));
    let by = &by.towards(&cipher.collections);
    let rights = by.over(&cipher);
    if !rights.read {
        return Err(CipherError::NotFound);
    }
    let allowed = match wish {
        Wish::Update { .. } => rights.edit,
        Wish::Trash | Wish::Restore | Wish::Delete => rights.delete,
        Wish::Collections(_) | Wish::Into(_) | Wish::OutOf(_) => rights.edit && rights.view_password,
    };
    if !allowed {
        return Err(CipherError::Forbidden);
    }
    Ok(Some(match wish {
        Wish::Update { new, known } => {
            if cipher.kind != new.kind {
                return Err(CipherError::KindChanged);
            }
            if known.is_some_and(|known| !known.is_latest(&cipher, at)) {
                return Err(CipherError::OutOfDate);
            }
            // who may not see a password does not change it either
            let content = match rights.view_password {
                true => Some(new.content.clone()),
                false => new.content.keeping_hidden(&cipher.content),
            };
            CipherEvent::Updated {
                content: content.ok_or(CipherError::HiddenKey)?,
                folder: None,
                favorite: false,
                archived: None,
                at,
            }
        }
        Wish::Trash if cipher.trashed.is_some() => return Ok(None),
        Wish::Restore if cipher.trashed.is_none() => return Ok(None),
        Wish::Trash => CipherEvent::Trashed { at },
        Wish::Restore => CipherEvent::Restored { at },
        Wish::Delete => CipherEvent::Deleted { at },
        Wish::Collections(_) | Wish::Into(_) | Wish::OutOf(_) => {
            let collections = assigned(by, &cipher, wish, targets)?;
            if collections == cipher.collections {
                return Ok(None);
            }
            CipherEvent::CollectionsChanged { collections, at }
        }
    }))
}

/// The collections an item is in after a wish about them: what the wisher may not touch stays. Into a collection it goes, and
/// out of one, only by somebody who may add to it.
fn assigned(by: &Side, cipher: &LiveCipher, wish: &Wish, targets: &Targets) -> Result<Vec<CollectionId>, CipherError> {
    let present = &cipher.collections;
    let wanted: BTreeSet<CollectionId> = match wish {
        Wish::Into(ids) => present.iter().chain(ids).copied().collect(),
        Wish::OutOf(ids) => present.iter().copied().filter(|id| !ids.contains(id)).collect(),
        other => other.named().iter().copied().collect(),
    };
    let added: Vec<_> = wanted.iter().copied().filter(|id| !present.contains(id)).collect();
    if !added.iter().all(|id| targets.may_add_to(*id)) {
        return Err(CipherError::NotFound);
    }
    // what everybody has in a collection is not put away among somebody's own
    if added.iter().any(|id| targets.own.contains(id)) {
        return Err(CipherError::AmongOnesOwn);
    }
    let kept = present
        .iter()
        .copied()
        .filter(|id| wanted.contains(id) || !targets.may_add_to(*id));
    let after: BTreeSet<_> = kept.chain(added).collect();
    let after: Vec<_> = after.into_iter().collect();
    let rights = by.over_in(present);
    // members may not make an item nobody's; those who look after all may
    if after.is_empty() && (matches!(by, Side::Member(_)) || !rights.manage) {
        return Err(CipherError::NoCollection);
    }
    // nobody raises themselves over an item by where they put it
    if by.over_in(&after).exceeds(rights) {
        return Err(CipherError::Forbidden);
    }
    Ok(after)
}
