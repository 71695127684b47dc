//! What a person shares in organizations: the part of a body that comes from there.

use super::{
    assemble::{AROUND, json},
    pour::{Pour, Stop},
};
use crate::{
    organization::{
        Membership,
        wire::{self, Former},
    },
    unavailable,
    vault::cipher::{Shape, render_shared},
};
use domain::{
    id::{CipherId, CollectionId, FolderId, OrganizationId, PolicyId, UserId},
    organization::{access::Standing, grant::Rights},
};
use futures::TryStreamExt;
use projections::sync::{
    collection::CollectionRow, filing::FilingRow, folder::FolderRow, policy::PolicyRow, read, shared,
};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Everything of it but the items.
pub(super) struct Shared {
    /// All memberships of the person.
    pub memberships: Vec<Membership>,
    /// Where the person stands, where they are confirmed.
    standings: HashMap<OrganizationId, Standing>,
    collections: Vec<(CollectionId, CollectionRow)>,
    former: Former,
    rights: HashMap<CollectionId, Rights>,
    /// Of organizations the person is confirmed in, or waits to be.
    policies: Vec<(Uuid, PolicyRow)>,
    filings: HashMap<CipherId, FilingRow>,
}

impl Shared {
    /// Reads it; one question for somebody who is in no organization.
    pub async fn read(snapshot: &mut read::Snapshot, user: UserId) -> Result<Self, sqlx::Error> {
        let memberships = shared::memberships_of(&mut **snapshot, user).await?;
        let mut all = Self {
            memberships,
            standings: HashMap::new(),
            collections: Vec::new(),
            former: Former::default(),
            rights: HashMap::new(),
            policies: Vec::new(),
            filings: HashMap::new(),
        };
        let shown = all.memberships.iter().map(|(_, membership, _)| membership);
        let shown = shown.filter(|membership| membership.is_active() || membership.is_accepted());
        let organizations: Vec<_> = shown.map(|membership| membership.organization).collect();
        if organizations.is_empty() {
            return Ok(all);
        }
        all.policies = shared::policies_of(&mut **snapshot, &organizations).await?;
        let active: Vec<_> = all.memberships.iter().filter(|(_, m, _)| m.is_active()).collect();
        if active.is_empty() {
            return Ok(all);
        }
        all.rights = shared::all_rights(&mut **snapshot, user).await?;
        let ids: Vec<_> = all.rights.keys().copied().collect();
        all.collections = shared::collections(&mut **snapshot, &ids).await?;
        all.former = Former::of(shared::former_owners(&mut **snapshot, &all.collections).await?);
        for (id, membership, view) in active {
            let organization = membership.organization;
            let here = all
                .collections
                .iter()
                .filter(|(_, row)| row.organization == organization);
            let rights = here.filter_map(|(id, _)| Some((*id, *all.rights.get(id)?))).collect();
            let standing = Standing {
                user,
                organization,
                membership: *id,
                role: membership.role,
                settings: view.settings,
                rights,
                unmanaged: HashSet::new(),
            };
            all.standings.insert(organization, standing);
        }
        let filings = shared::filings_of(&mut **snapshot, user).await?;
        all.filings = filings.into_iter().map(|row| (row.cipher, row)).collect();
        Ok(all)
    }

    /// Collections and policies.
    pub async fn put(&self, pour: &mut Pour) -> Result<(), Stop> {
        pour.out(0).await?.extend_from_slice(br#","collections":["#);
        for (index, (id, row)) in self.collections.iter().enumerate() {
            let rights = self.rights.get(id).copied().unwrap_or_default();
            let out = pour.out(row.name.len() + AROUND).await?;
            if index > 0 {
                out.push(b',');
            }
            json(out, &wire::collection_details(*id, row, rights, &self.former));
        }
        for member in ["policies", "policiesNew"] {
            let policies: Vec<_> = self
                .policies
                .iter()
                // newer clients are told those of organizations they are on their way to as well
                .filter(|(_, row)| member == "policiesNew" || self.standings.contains_key(&row.organization))
                .map(|(id, row)| wire::policy(PolicyId(*id), row))
                .collect();
            let out = pour.out(AROUND * policies.len() + AROUND).await?;
            out.extend_from_slice(if member == "policies" { b"]" } else { b"" });
            out.extend_from_slice(format!(r#","{member}":"#).as_bytes());
            json(out, &policies);
        }
        Ok(())
    }

    /// The items of organizations the person has rights in. `first`: nothing stands before them in the list.
    pub async fn put_items(
        &self,
        snapshot: &mut read::Snapshot,
        kinds: i16,
        folders: &[(FolderId, FolderRow)],
        mut first: bool,
        pour: &mut Pour,
    ) -> Result<(), Stop> {
        if self.collections.is_empty() {
            return Ok(());
        }
        let present: HashSet<FolderId> = folders.iter().map(|(id, _)| *id).collect();
        let ids: Vec<_> = self.collections.iter().map(|(id, _)| *id).collect();
        let organizations: Vec<_> = self.standings.keys().copied().collect();
        let mut rows = std::pin::pin!(shared::ciphers_in(snapshot, &organizations, &ids, kinds));
        while let Some(row) = rows.try_next().await.map_err(unavailable)? {
            let organization = row.organization().map_err(unavailable)?;
            let Some(standing) = self.standings.get(&organization) else {
                continue;
            };
            let collections: Vec<CollectionId> = row.collections().map_err(unavailable)?.collect();
            let rights = standing.over_item(&collections);
            if !rights.read {
                continue;
            }
            let filing = self.filings.get(&row.id().map_err(unavailable)?);
            let mut line = row.line().map_err(unavailable)?;
            (line.folder, line.favorite, line.archived) = filing.map_or((None, false, None), |filing| {
                (
                    filing.folder.filter(|id| present.contains(id)),
                    filing.favorite,
                    filing.archived,
                )
            });
            let out = pour
                .out(line.content.len() + line.frame.len() + AROUND + 40 * collections.len())
                .await?;
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            let shown = collections.iter().filter(|id| standing.assigned(**id).is_some());
            render_shared(out, &line, Shape::Details, rights, shown);
        }
        Ok(())
    }
}
