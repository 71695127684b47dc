use super::{Stop, refuse};
use crate::{
    execute::{Loaded, Transaction, Unit},
    vault::cipher::{CipherError, NewCipher, folder_for},
};
use domain::{
    id::{CipherId, FilingId, FolderId, UserId},
    organization::access::Standing,
    time::Timestamp,
    vault::{
        cipher::Cipher,
        filing::{Filing, FilingEvent},
    },
};
use std::collections::HashSet;

/// Files, marks and archives an item of an organization for one member as a request about the item itself says, behind what the request
/// does to the item. What is archived stays so.
pub(super) async fn file_with(
    unit: &mut Unit<'_>,
    user: UserId,
    loaded: Loaded<Filing>,
    cipher: CipherId,
    new: &NewCipher,
) -> Result<Filing, Stop> {
    let present = loaded.state;
    let folder = if new.folder == present.folder {
        present.folder
    } else {
        folder_for(unit, user, new.folder).await?
    };
    let wanted = Filing {
        folder,
        favorite: new.favorite,
        archived: new.archived.or(present.archived),
    };
    if wanted == present {
        return Ok(present);
    }
    let event = filed(user, cipher, wanted, unit.now_for(&loaded));
    // what it was decides: nothing that came meanwhile may be undone by it
    Ok(unit.append(loaded, vec![event]))
}

pub(super) fn filed(user: UserId, cipher: CipherId, wanted: Filing, at: Timestamp) -> FilingEvent {
    FilingEvent::Filed {
        user,
        cipher,
        folder: wanted.folder,
        favorite: wanted.favorite,
        archived: wanted.archived,
        at,
    }
}

/// Files, marks or archives an item of an organization, for one member.
#[derive(Debug, Clone)]
pub struct FileShared {
    /// Who; knows their rights in the item's collections.
    pub by: Standing,
    /// Which item.
    pub cipher: CipherId,
    /// Where it goes; `None` leaves it.
    pub folder: Option<Option<FolderId>>,
    /// Whether it is marked; `None` leaves it.
    pub favorite: Option<bool>,
    /// Since when it is archived; `None` leaves it.
    pub archived: Option<Option<Timestamp>>,
}

impl FileShared {
    fn many(&self) -> FileManyShared {
        FileManyShared {
            by: self.by.clone(),
            ciphers: vec![self.cipher],
            folder: self.folder,
            favorite: self.favorite,
            archived: self.archived,
        }
    }
}

impl Transaction for FileShared {
    type Output = (Cipher, Filing);
    type Error = CipherError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(Cipher, Filing), Stop> {
        let done = self.many().decide(unit).await?;
        match done.into_iter().next() {
            Some((_, cipher, filing)) => Ok((cipher, filing)),
            None => refuse(CipherError::NotFound),
        }
    }
}

/// The same for many items, in one append. Those the member cannot see, and those that are archived already or not, are left
/// out; when all are, that is the answer.
#[derive(Debug, Clone)]
pub struct FileManyShared {
    /// Who; knows their rights in the items' collections.
    pub by: Standing,
    /// Which items.
    pub ciphers: Vec<CipherId>,
    /// Where they go; `None` leaves them.
    pub folder: Option<Option<FolderId>>,
    /// Whether they are marked; `None` leaves them.
    pub favorite: Option<bool>,
    /// Since when they are archived; `None` leaves them.
    pub archived: Option<Option<Timestamp>>,
}

impl Transaction for FileManyShared {
    /// The items the member can see, with how they are filed now, in the order asked for.
    type Output = Vec<(CipherId, Cipher, Filing)>;
    type Error = CipherError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Self::Output, Stop> {
        let user = self.by.user;
        let mut seen = HashSet::with_capacity(self.ciphers.len());
        let ids: Vec<_> = self.ciphers.iter().copied().filter(|id| seen.insert(*id)).collect();
        let items: Vec<_> = unit
            .load_many::<Cipher>(&ids)
            .await?
            .into_iter()
            .filter(|item| {
                item.state.live().is_some_and(|cipher| {
                    cipher.organization == Some(self.by.organization) && self.by.over_item(&cipher.collections).read
                })
            })
            .collect();
        if items.is_empty() {
            return refuse(CipherError::NotFound);
        }
        let filings: Vec<_> = items.iter().map(|item| FilingId::of(user, item.id)).collect();
        let filings = unit.load_many::<Filing>(&filings).await?;
        let folder = match self.folder {
            Some(folder) if filings.iter().any(|filing| filing.state.folder != folder) => {
                Some(folder_for(unit, user, folder).await?)
            }
            other => other,
        };
        let (mut done, mut refused) = (Vec::with_capacity(items.len()), None);
        for (item, loaded) in items.into_iter().zip(filings) {
            let present = loaded.state;
            // as with an item of one's own
            let refusal = match (self.archived, present.archived) {
                (Some(Some(_)), Some(_)) => Some(CipherError::NotArchivable),
                (Some(None), None) => Some(CipherError::NotUnarchivable),
                _ => None,
            };
            if let Some(refusal) = refusal {
                refused = refused.or(Some(refusal));
                continue;
            }
            let wanted = Filing {
                folder: folder.unwrap_or(present.folder),
                favorite: self.favorite.unwrap_or(present.favorite),
                archived: self.archived.unwrap_or(present.archived),
            };
            let filing = if wanted == present {
                present
            } else {
                let event = filed(user, item.id, wanted, unit.now_for(&loaded));
                unit.append(loaded, vec![event])
            };
            done.push((item.id, item.state, filing));
        }
        match refused {
            Some(refusal) if done.is_empty() => refuse(refusal),
            _ => Ok(done),
        }
    }
}
