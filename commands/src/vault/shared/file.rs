use super::{Stop, refuse};
use crate::{
    execute::{Transaction, Unit},
    vault::cipher::{CipherError, folder_for},
};
use domain::{
    id::{CipherId, FilingId, FolderId},
    organization::access::Standing,
    time::Timestamp,
    vault::{
        cipher::Cipher,
        filing::{Filing, FilingEvent},
    },
};

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

impl Transaction for FileShared {
    type Output = (Cipher, Filing);
    type Error = CipherError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(Cipher, Filing), Stop> {
        let item = unit.load::<Cipher>(self.cipher).await?.state;
        let readable = item.live().is_some_and(|cipher| {
            cipher.organization == Some(self.by.organization) && self.by.over_item(&cipher.collections).read
        });
        if !readable {
            return refuse(CipherError::NotFound);
        }
        let user = self.by.user;
        let loaded = unit.load::<Filing>(FilingId::of(user, self.cipher)).await?;
        let present = loaded.state;
        let folder = match self.folder {
            Some(folder) if folder != present.folder => folder_for(unit, user, folder).await?,
            _ => present.folder,
        };
        let wanted = Filing {
            folder,
            favorite: self.favorite.unwrap_or(present.favorite),
            archived: self.archived.unwrap_or(present.archived),
        };
        if wanted == present {
            return Ok((item, present));
        }
        let event = FilingEvent::Filed {
            user,
            cipher: self.cipher,
            folder: wanted.folder,
            favorite: wanted.favorite,
            archived: wanted.archived,
            at: unit.now_for(&loaded),
        };
        let filing = unit.append(loaded, vec![event]);
        Ok((item, filing))
    }
}
