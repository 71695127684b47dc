//! A directory that says who is there.

use super::super::join;
use super::{founded, refused, shaped};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::client::vault::id;
use tests::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_says_who_is_there_and_in_which_groups() {
    let server = Server::shared().await;
    let (ann, anns, organization, public) = founded(server, "directory").await;
    let (ben, _, ben_id) = join(server, &anns, &organization, "directory-ben", 2, &[]).await;
    let member = |external: &str, email: &str| json!({"externalId": external, "email": email, "deleted": false});
    let import = async |members: Value, groups: Value, overwrite: bool| {
        let body = json!({"members": members, "groups": groups, "overwriteExisting": overwrite, "largeImport": false});
        public.post("/api/public/organization/import", &body).await
    };
    let [cid, dan] = ["cid", "dan"].map(|name| format!("{name}-{}@example.com", uuid::Uuid::new_v4()));
    let members = json!([
        member("b", &ben.email.to_uppercase()),
        member("c", &cid),
        member("d", &dan)
    ]);
    let groups = json!([
        {"externalId": "g", "name": "Everybody", "memberExternalIds": ["b", "c", "nobody"]},
        {"externalId": "h", "name": "Nobody", "memberExternalIds": []},
    ]);
    for _ in 0..2 {
        import(members.clone(), groups.clone(), false).await.ok_empty();
        let there = shaped(
            "Public.MemberResponseModel",
            &public.get("/api/public/members").await.ok(),
        );
        let named: BTreeSet<_> = there
            .iter()
            .map(|one| (one["email"].as_str().unwrap(), one["externalId"].as_str()))
            .collect();
        let expected = [
            (ann.email.as_str(), None),
            (ben.email.as_str(), Some("b")),
            (cid.as_str(), Some("c")),
            (dan.as_str(), Some("d")),
        ];
        assert_eq!(named, BTreeSet::from(expected));
        let groups = shaped(
            "Public.GroupResponseModel",
            &public.get("/api/public/groups").await.ok(),
        );
        assert_eq!(groups.len(), 2, "the same again changes nothing");
        let everybody = groups.iter().find(|group| group["externalId"] == "g").unwrap();
        let inside = public
            .get(&format!("/api/public/groups/{}/member-ids", id(everybody)))
            .await
            .ok();
        assert_eq!(inside.as_array().unwrap().len(), 2);
    }
    let updated = public.get("/api/public/events").await.ok();
    let updated = updated["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == 1401);
    assert_eq!(updated.count(), 0, "what is as it shall be is left alone");
    // who was revoked is not restored by being there
    anns.put_empty(&organization.path(&format!("users/{ben_id}/revoke")))
        .await
        .ok_empty();
    let gone = json!([member("b", &ben.email), {"externalId": "c", "deleted": true}]);
    let renamed = json!([{"externalId": "g", "name": "Some", "memberExternalIds": ["b"]}]);
    import(gone, renamed, false).await.ok_empty();
    let there = shaped(
        "Public.MemberResponseModel",
        &public.get("/api/public/members").await.ok(),
    );
    let emails: BTreeSet<_> = there.iter().map(|one| one["email"].as_str().unwrap()).collect();
    assert_eq!(
        emails,
        BTreeSet::from([ann.email.as_str(), ben.email.as_str(), dan.as_str()])
    );
    let bens = there.iter().find(|one| one["email"] == ben.email.as_str()).unwrap();
    assert_eq!(bens["status"], -1);
    // what the directory does not name is gone if it is to overwrite; the owner is not
    import(json!([member("e", &cid)]), json!([]), true).await.ok_empty();
    let there = shaped(
        "Public.MemberResponseModel",
        &public.get("/api/public/members").await.ok(),
    );
    let emails: BTreeSet<_> = there.iter().map(|one| one["email"].as_str().unwrap()).collect();
    assert_eq!(emails, BTreeSet::from([ann.email.as_str(), cid.as_str()]));
    // the directory gives the same person another id: they are still the same
    let before = id(there.iter().find(|one| one["email"] == cid.as_str()).unwrap());
    let again = json!([member("e2", &cid), {"externalId": "e", "deleted": true}]);
    import(again, json!([]), true).await.ok_empty();
    let there = public.get(&format!("/api/public/members/{before}")).await.ok();
    assert_eq!(there["externalId"], "e2");
    // the same person under a second name, while the directory still knows the first: they keep that
    let both = json!([member("e2", &dan), member("e3", &cid)]);
    import(both, json!([]), false).await.ok_empty();
    let there = public.get(&format!("/api/public/members/{before}")).await.ok();
    assert_eq!(there["externalId"], "e2");
    import(json!([member("e4", &cid)]), json!([]), false).await.ok_empty();
    let there = public.get(&format!("/api/public/members/{before}")).await.ok();
    assert_eq!(there["externalId"], "e2");
    // it need not call itself large
    let many = |n: usize| json!(vec![member("e2", &cid); n]);
    import(many(2_001), json!([]), false).await.ok_empty();
    refused(&import(many(20_001), json!([]), false).await, 400, "this much data");
}
