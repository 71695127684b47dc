//! Where somebody stands is as new as the last change anybody was told was done, however often it was asked before.

use super::join;
use serde_json::{Value, json};
use tests::client::organization::Organization;
use tests::client::vault::id;
use tests::client::{Answer, Client};
use tests::server::Server;

/// A member, and an item they are asked about.
struct Seen<'a> {
    member: &'a Client,
    item: String,
}

/// What a member has over an item: change it, see its passwords, delete it.
type Over = Option<[bool; 3]>;

impl Seen<'_> {
    async fn ask(&self) -> Over {
        let answer = self.member.get(&format!("/api/ciphers/{}", self.item)).await;
        if answer.status == 404 {
            return None;
        }
        let item = answer.ok();
        let rights = [&item["edit"], &item["viewPassword"], &item["permissions"]["delete"]];
        Some(rights.map(|right| right.as_bool().unwrap()))
    }

    /// After a change that was answered with `done`, at once and again, what the member has is `expected`.
    async fn is(&self, what: &str, done: Answer, expected: Over) {
        assert!(done.status == 200 || done.status == 204, "{what}: {}", done.text);
        for _ in 0..3 {
            assert_eq!(self.ask().await, expected, "{what}");
        }
    }
}

const ALL: Over = Some([true, true, true]);
const READ: Over = Some([false, true, false]);

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_may_do_follows_each_change_at_once_however_often_it_was_asked() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("standing-ann").await;
    let organization = anns.found(&ann, "Standing").await;
    let (_, bens, ben) = join(server, &anns, &organization, "standing-ben", 2, &[]).await;
    let own = id(&anns.membership(&organization, &ann.email).await);
    let collection = anns.make_collection(&organization, "Shared", &[]).await;
    let item = anns.make_shared(&organization, "shared", &[&collection]).await;
    let seen = Seen {
        member: &bens,
        item: item.clone(),
    };
    let of = |rights: [bool; 3]| Organization::selection(&ben, rights);
    let within = organization.path(&format!("collections/{collection}"));
    let given = async |users: &[Value]| {
        let mut users = users.to_vec();
        users.push(Organization::selection(&own, [false, false, true]));
        let body = json!({"name": organization.key.seal("Shared"), "groups": [], "users": users});
        anns.put(&within, &body).await
    };
    assert_eq!(seen.ask().await, None);

    // as a member's own
    seen.is("given", given(&[of([false, false, false])]).await, ALL).await;
    seen.is("to read", given(&[of([true, false, false])]).await, READ).await;
    let hidden = Some([true, false, true]);
    seen.is("hidden", given(&[of([false, true, false])]).await, hidden)
        .await;
    seen.is("taken", given(&[]).await, None).await;

    // by a group
    let groups = organization.path("groups");
    let grant = Organization::selection(&collection, [true, false, false]);
    let body = |grants: &[&Value], users: &[&String]| json!({"name": "Readers", "collections": grants, "users": users});
    let made = anns.post(&groups, &body(&[&grant], &[&ben])).await;
    let group = format!("{groups}/{}", id(&made.body));
    seen.is("group", made, READ).await;
    let (with, without) = (body(&[&grant], &[&ben]), body(&[], &[&ben]));
    seen.is("group without", anns.put(&group, &without).await, None).await;
    seen.is("group with", anns.put(&group, &with).await, READ).await;
    let place = format!("{group}/user/{ben}");
    seen.is("out of the group", anns.delete(&place).await, None).await;
    seen.is("back in it", anns.put(&group, &with).await, READ).await;
    seen.is("no group", anns.delete(&group).await, None).await;

    // as a member
    let member = organization.path(&format!("users/{ben}"));
    let as_role = |role: u8, collections: &[Value]| {
        json!({
            "type": role, "accessSecretsManager": false, "permissions": {}, "collections": collections, "groups": [],
        })
    };
    let manage = Organization::selection(&collection, [false, false, true]);
    let managing = std::slice::from_ref(&manage);
    seen.is("member", anns.put(&member, &as_role(2, managing)).await, ALL)
        .await;
    let admins = format!("/api/ciphers/{item}/admin");
    for (role, status) in [(2, 404), (1, 200), (2, 404)] {
        seen.is("role", anns.put(&member, &as_role(role, managing)).await, ALL)
            .await;
        for _ in 0..2 {
            assert_eq!(bens.get(&admins).await.status, status, "as {role}");
        }
    }
    let revoke = format!("{member}/revoke");
    seen.is("revoked", anns.put(&revoke, &json!({})).await, None).await;
    let restore = format!("{member}/restore");
    seen.is("restored", anns.put(&restore, &json!({})).await, ALL).await;

    // by the rules of the organization
    let writing = [Organization::selection(&collection, [false, false, false])];
    seen.is("writing", anns.put(&member, &as_role(2, &writing)).await, ALL)
        .await;
    let kept = Some([true, true, false]);
    for (limited, expected) in [(true, kept), (false, ALL)] {
        let rules = json!({
            "limitCollectionCreation": false, "limitCollectionDeletion": false, "limitItemDeletion": limited,
            "allowAdminAccessToAllCollectionItems": true,
        });
        let done = anns.put(&organization.path("collection-management"), &rules).await;
        seen.is("rules", done, expected).await;
    }

    // what is elsewhere
    let second = anns.make_collection(&organization, "Second", &[]).await;
    let moved = async |to: &str| {
        let path = format!("/api/ciphers/{item}/collections-admin");
        anns.put(&path, &json!({"collectionIds": [to]})).await
    };
    seen.is("moved away", moved(&second).await, None).await;
    seen.is("moved back", moved(&collection).await, ALL).await;
    seen.is("collection gone", anns.delete(&within).await, None).await;
    let second_given = [Organization::selection(&second, [false, false, false])];
    assert_eq!(anns.put(&member, &as_role(2, &second_given)).await.status, 200);
    seen.is("moved on", moved(&second).await, ALL).await;
    seen.is("removed", anns.delete(&member).await, None).await;
}
