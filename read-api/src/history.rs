//! An organization as it was, and who could read an item of it then: this server's own answers.

use domain::{
    id::{CipherId, UserId},
    organization::{
        grant::{Grantee, Rights},
        moment::{Moment, Owner, Reader, Through},
        role::Role,
    },
    time::Timestamp,
};
use serde_json::{Value, json};
use uuid::Uuid;

fn role(role: Role) -> Value {
    match role {
        Role::Custom(permissions) => json!({ "type": role.number(), "permissions": permissions }),
        Role::Owner | Role::Admin | Role::User => json!({ "type": role.number(), "permissions": null }),
    }
}

fn rights(id: Uuid, rights: Rights) -> Value {
    json!({
        "id": id,
        "readOnly": rights.read_only,
        "hidePasswords": rights.hide_passwords,
        "manage": rights.manage,
    })
}

/// An organization as it was at `at`: ids, roles and rights; names and contents are not in it.
///
/// `members`: `id`, `userId`, `type`, `permissions`, `status`; `groups`: `id`, `memberIds`; `collections`: `id`, `users` and `groups`
/// with their rights; `policies`: `type`, `enabled`; `items`: `id`, `collectionIds`, `trashed`.
pub fn replay(moment: &Moment, at: Timestamp) -> Value {
    let (grants, places) = (moment.grants(), moment.places());
    let members: Vec<Value> = moment
        .members()
        .map(|(id, member)| {
            let mut shown = role(member.role);
            shown["id"] = json!(id);
            shown["userId"] = json!(member.user);
            shown["status"] = json!(member.status());
            shown
        })
        .collect();
    let groups: Vec<Value> = moment
        .groups()
        .map(|id| json!({ "id": id, "memberIds": places.get(&id).cloned().unwrap_or_default() }))
        .collect();
    let collections: Vec<Value> = moment
        .collections()
        .map(|(id, _)| {
            let (mut users, mut groups) = (Vec::new(), Vec::new());
            for (to, has) in grants.get(&id).into_iter().flatten().copied() {
                match to {
                    Grantee::Member(to) => users.push(rights(to.0, has)),
                    Grantee::Group(to) => groups.push(rights(to.0, has)),
                }
            }
            json!({ "id": id, "users": users, "groups": groups })
        })
        .collect();
    let policies: Vec<Value> = moment
        .policies()
        .map(|(kind, enabled)| json!({ "type": kind, "enabled": enabled }))
        .collect();
    let items: Vec<Value> = moment
        .items()
        .map(|(id, item)| json!({ "id": id, "collectionIds": moment.collections_of(item), "trashed": item.trashed }))
        .collect();
    json!({
        "object": "organizationAtTime",
        "organizationId": moment.organization(),
        "at": at.iso(),
        "exists": moment.settings().is_some(),
        "settings": moment.settings().map(|settings| json!({
            "limitCollectionCreation": settings.limit_collection_creation,
            "limitCollectionDeletion": settings.limit_collection_deletion,
            "limitItemDeletion": settings.limit_item_deletion,
            "allowAdminAccessToAllCollectionItems": settings.allow_admin_access_to_all_collection_items,
        })),
        "policies": policies,
        "members": members,
        "groups": groups,
        "collections": collections,
        "items": items,
    })
}

fn way(way: &Through) -> Value {
    let shown = |kind: &str, group: Option<Uuid>, collection: Option<Uuid>, rights: Option<Rights>| {
        json!({
            "kind": kind,
            "groupId": group,
            "collectionId": collection,
            "readOnly": rights.map(|rights| rights.read_only),
            "hidePasswords": rights.map(|rights| rights.hide_passwords),
            "manage": rights.map(|rights| rights.manage),
        })
    };
    match way {
        Through::Collection(collection, rights) => shown("collection", None, Some(collection.0), Some(*rights)),
        Through::Group(group, collection, rights) => shown("group", Some(group.0), Some(collection.0), Some(*rights)),
        Through::Administration => shown("administration", None, None, None),
        Through::Export => shown("export", None, None, None),
    }
}

fn reader(reader: &Reader) -> Value {
    let mut shown = role(reader.role);
    shown["organizationUserId"] = json!(reader.membership);
    shown["userId"] = json!(reader.user);
    shown["through"] = json!(reader.through.iter().map(way).collect::<Vec<_>>());
    shown
}

/// Who could read an item at `at`, and through what: `readers` with `organizationUserId`, `userId`, `type`, `permissions` and
/// `through`, each a `kind` (`owner`, `collection`, `group`, `administration`, `export`) and, where it has them, `groupId`,
/// `collectionId` and rights. `moment` is that of the organization the item was in.
pub fn access(cipher: CipherId, owner: Option<Owner>, moment: Option<&Moment>, at: Timestamp) -> Value {
    let (organization, readers) = match (owner, moment) {
        (Some(Owner::Person(owner)), _) => (None, vec![alone(owner)]),
        (Some(Owner::Organization(organization)), Some(moment)) => {
            (Some(organization), moment.readers(cipher).iter().map(reader).collect())
        }
        (Some(Owner::Organization(_)) | None, _) => (None, Vec::new()),
    };
    json!({
        "object": "itemAccessAtTime",
        "itemId": cipher,
        "organizationId": organization,
        "at": at.iso(),
        "exists": owner.is_some(),
        "readers": readers,
    })
}

/// Who reads an item of their own.
fn alone(owner: UserId) -> Value {
    json!({
        "type": null,
        "permissions": null,
        "organizationUserId": null,
        "userId": owner,
        "through": [{
            "kind": "owner", "groupId": null, "collectionId": null, "readOnly": null, "hidePasswords": null, "manage": null,
        }],
    })
}
