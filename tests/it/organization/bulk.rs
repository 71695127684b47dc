//! Many items at once, of people and of organizations: the same as a loop of single ones.

use super::join;
use serde_json::{Value, json};
use tests::client::Client;
use tests::client::organization::Organization;
use tests::client::vault::{find, id};
use tests::server::Server;
use tests::shape::assert_shape;

struct Scene {
    owner: Client,
    organization: Organization,
    member: Client,
    own: String,
    managed: String,
    seen: String,
    hidden: String,
}

impl Scene {
    /// A member, with an item of their own, one they may change, one they may read and one they do not see.
    async fn new(name: &str) -> Self {
        let server = Server::shared().await;
        let (ann, owner) = server.member(&format!("{name}-ann")).await;
        let organization = owner.found(&ann, "Bulk").await;
        let ann = id(&owner.membership(&organization, &ann.email).await);
        let all = [Organization::selection(&ann, [false, false, true])];
        let open = owner.make_collection(&organization, "open", &all).await;
        let closed = owner.make_collection(&organization, "closed", &all).await;
        let rights = [
            Organization::selection(&open, [false, false, true]),
            Organization::selection(&closed, [true, false, false]),
        ];
        let (ben, member, _) = join(server, &owner, &organization, &format!("{name}-ben"), 2, &rights).await;
        let own = member.create_login(&ben, "own").await;
        let managed = owner.make_shared(&organization, "managed", &[&open]).await;
        let seen = owner.make_shared(&organization, "seen", &[&closed]).await;
        let hidden = owner
            .make_shared(&organization, "hidden", &[&organization.collection])
            .await;
        Self {
            owner,
            organization,
            member,
            own,
            managed,
            seen,
            hidden,
        }
    }

    fn all(&self) -> Value {
        json!({"ids": [self.own, self.hidden, self.managed, self.seen, self.managed]})
    }

    async fn item(&self, id: &str) -> Value {
        find(&self.member.sync().await["ciphers"], id)
            .cloned()
            .unwrap_or_default()
    }

    async fn trashed(&self) -> Vec<bool> {
        let mut trashed = Vec::new();
        for id in [&self.own, &self.managed, &self.seen] {
            trashed.push(self.item(id).await["deletedDate"].is_string());
        }
        let path = format!("/api/ciphers/{}/admin", self.hidden);
        trashed.push(self.owner.get(&path).await.ok()["deletedDate"].is_string());
        trashed
    }
}

/// The ids of a list.
fn ids(list: &Value) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_items_those_that_may_be_deleted_go_and_the_others_stay() {
    let scene = Scene::new("bulk-trash").await;
    let member = &scene.member;
    member.put("/api/ciphers/delete", &scene.all()).await.ok_empty();
    assert_eq!(scene.trashed().await, [true, true, false, false]);
    let restored = member.put("/api/ciphers/restore", &scene.all()).await.ok();
    assert_eq!(ids(&restored), [scene.own.clone(), scene.managed.clone()]);
    for item in restored["data"].as_array().unwrap() {
        assert_shape("CipherMiniResponseModel", item);
    }
    assert_eq!(scene.trashed().await, [false; 4]);

    // where all refuse, the first refusal is the answer
    let none = json!({"ids": [scene.seen, scene.hidden]});
    member
        .put("/api/ciphers/delete", &none)
        .await
        .refused(404, "permission");
    let none = json!({"ids": [scene.hidden]});
    member.put("/api/ciphers/delete", &none).await.refused(404, "not found");

    // of one organization, where one is named
    let mut named = scene.all();
    named["organizationId"] = json!(scene.organization.id);
    member.delete_with("/api/ciphers", &named).await.ok_empty();
    assert_eq!(scene.item(&scene.managed).await, Value::Null);
    assert_eq!(scene.item(&scene.own).await["id"], json!(scene.own));
    member.delete_with("/api/ciphers", &scene.all()).await.ok_empty();
    assert_eq!(scene.item(&scene.own).await, Value::Null);
    assert_eq!(scene.item(&scene.seen).await["id"], json!(scene.seen));
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_files_and_archives_what_they_see_for_themselves() {
    let scene = Scene::new("bulk-file").await;
    let member = &scene.member;
    let name = "2.AAAAAAAAAAAAAAAAAAAAAA==|AAAAAAAAAAAAAAAAAAAAAA==|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let folder = id(&member.post("/api/folders", &json!({"name": name})).await.ok());
    let mut body = scene.all();
    body["folderId"] = json!(folder);
    member.put("/api/ciphers/move", &body).await.ok_empty();
    for item in [&scene.own, &scene.managed, &scene.seen] {
        assert_eq!(scene.item(item).await["folderId"], json!(folder));
    }
    let archived = member.put("/api/ciphers/archive", &scene.all()).await.ok();
    let wanted = [scene.own.clone(), scene.managed.clone(), scene.seen.clone()];
    assert_eq!(ids(&archived), wanted);
    for item in archived["data"].as_array().unwrap() {
        assert_shape("CipherResponseModel", item);
        assert!(item["archivedDate"].is_string());
        assert_eq!(item["folderId"], json!(folder));
    }
    let path = format!("/api/ciphers/{}", scene.seen);
    assert!(scene.owner.get(&format!("{path}/admin")).await.ok()["archivedDate"].is_null());
    member
        .put("/api/ciphers/archive", &scene.all())
        .await
        .refused(400, "archived");
    member.put_empty(&format!("{path}/archive")).await.refused(400, "");
    let back = member.put_empty(&format!("{path}/unarchive")).await.ok();
    assert!(back["archivedDate"].is_null());
    let back = member.put("/api/ciphers/unarchive", &scene.all()).await.ok();
    assert_eq!(ids(&back), [scene.own.clone(), scene.managed.clone()]);
    let hidden = format!("/api/ciphers/{}/archive", scene.hidden);
    member.put_empty(&hidden).await.refused(404, "not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn into_collections_all_go_or_none() {
    let scene = Scene::new("bulk-collections").await;
    let (owner, organization) = (&scene.owner, &scene.organization);
    let body = |ids: &[&String], collection: &str, remove: bool| {
        json!({
            "organizationId": organization.id, "cipherIds": ids, "collectionIds": [collection], "removeCollections": remove,
        })
    };
    let path = "/api/ciphers/bulk-collections";
    let within = async |item: &str| {
        let all = owner
            .get(&format!(
                "/api/ciphers/organization-details?organizationId={}",
                organization.id
            ))
            .await
            .ok();
        find(&all["data"], item).unwrap()["collectionIds"]
            .as_array()
            .unwrap()
            .len()
    };
    // the member may put what they manage nowhere else, and what they only see nowhere at all
    let both = [&scene.managed, &scene.seen];
    scene
        .member
        .post(path, &body(&both, &organization.collection, false))
        .await
        .refused(404, "not found");
    assert_eq!((within(&scene.managed).await, within(&scene.seen).await), (1, 1));
    owner
        .post(path, &body(&both, &organization.collection, false))
        .await
        .ok_empty();
    assert_eq!((within(&scene.managed).await, within(&scene.seen).await), (2, 2));
    owner
        .post(path, &body(&both, &organization.collection, true))
        .await
        .ok_empty();
    assert_eq!((within(&scene.managed).await, within(&scene.seen).await), (1, 1));
    // one that is not the organization's: none
    let mixed = [&scene.managed, &scene.own];
    owner
        .post(path, &body(&mixed, &organization.collection, false))
        .await
        .refused(404, "not found");
    assert_eq!(within(&scene.managed).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_after_all_items_takes_one_out_of_where_they_may_only_edit() {
    let scene = Scene::new("bulk-either").await;
    let (owner, organization) = (&scene.owner, &scene.organization);
    let rules = json!({"allowAdminAccessToAllCollectionItems": true});
    owner
        .put(&organization.path("collection-management"), &rules)
        .await
        .ok();
    // the owner may edit in one collection and has no right in the other
    let members = owner.get(&organization.path("users")).await.ok();
    let all = members["data"].as_array().unwrap();
    let founder = id(all.iter().find(|member| member["type"] == 0).unwrap());
    let member = id(all.iter().find(|member| member["type"] == 2).unwrap());
    let mine = [Organization::selection(&founder, [false, false, false])];
    let theirs = [Organization::selection(&member, [false, false, true])];
    let editing = owner.make_collection(organization, "editing", &mine).await;
    let nothing = owner.make_collection(organization, "nothing", &theirs).await;
    let item = owner.make_shared(organization, "in both", &[&editing, &nothing]).await;
    let body = json!({
        "organizationId": organization.id, "cipherIds": [item], "collectionIds": [editing], "removeCollections": true,
    });
    owner.post("/api/ciphers/bulk-collections", &body).await.ok_empty();
    let path = format!("/api/ciphers/organization-details?organizationId={}", organization.id);
    let all = owner.get(&path).await.ok();
    assert_eq!(find(&all["data"], &item).unwrap()["collectionIds"], json!([nothing]));
}
