//! Security tasks: given by who sees reports, seen and done by who may change the item.

use super::join;
use serde_json::{Value, json};
use tests::client::organization::Organization;
use tests::client::vault::id;
use tests::server::Server;
use tests::shape::assert_shape;

fn ids(list: &Value) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_seen_and_done_by_who_may_change_the_item() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("task-ann").await;
    let organization = anns.found(&ann, "Tasks").await;
    let collection = anns.make_collection(&organization, "logins", &[]).await;
    let select = |rights| [Organization::selection(&collection, rights)];
    let (_, bens, _) = join(
        server,
        &anns,
        &organization,
        "task-ben",
        2,
        &select([false, false, false]),
    )
    .await;
    let (_, cids, _) = join(
        server,
        &anns,
        &organization,
        "task-cid",
        2,
        &select([true, false, false]),
    )
    .await;
    let (_, dans, _) = join(server, &anns, &organization, "task-dan", 2, &[]).await;
    let (eve, eves) = server.member("task-eve").await;
    let [one, two] = [
        anns.make_shared(&organization, "one", &[&collection]).await,
        anns.make_shared(&organization, "two", &[&collection]).await,
    ];
    let give = format!("/api/tasks/{}/bulk-create", organization.id);
    let body = json!({"tasks": [{"type": 0, "cipherId": one}, {"type": 0, "cipherId": two}]});
    let given = anns.post(&give, &body).await.ok();
    assert_eq!(ids(&given).len(), 2);
    let about = |cipher: &str| {
        let all = given["data"].as_array().unwrap();
        id(all.iter().find(|task| task["cipherId"] == cipher).unwrap())
    };
    let tasks = [about(&one), about(&two)];
    for task in given["data"].as_array().unwrap() {
        assert_shape("SecurityTasksResponseModel", task);
        assert_eq!(
            (&task["status"], &task["organizationId"]),
            (&json!(0), &json!(organization.id))
        );
    }

    // all of them or none, of this organization, by who may
    let (_, own) = eves.create(&eve, tests::client::item::Kind::Login, "own").await;
    for (wrong, status) in [
        (json!({"tasks": []}), 400),
        (json!({"tasks": [{"type": 0, "cipherId": null}]}), 400),
        (json!({"tasks": [{"type": 9, "cipherId": one}]}), 400),
        (
            json!({"tasks": [{"type": 0, "cipherId": one}, {"type": 0, "cipherId": id(&own)}]}),
            404,
        ),
        (json!({"tasks": [{"type": 0, "cipherId": uuid::Uuid::new_v4()}]}), 404),
    ] {
        assert_eq!(anns.post(&give, &wrong).await.status, status, "{wrong}");
    }
    bens.post(&give, &body).await.refused(404, "permission");
    eves.post(&give, &body).await.refused(404, "not found");

    // who may change the item has them to do; who may only read it, or nothing, has none
    for (client, count) in [(&anns, 0), (&bens, 2), (&cids, 0), (&dans, 0), (&eves, 0)] {
        assert_eq!(ids(&client.get("/api/tasks?status=0").await.ok()).len(), count);
    }
    let complete = |task: &str| format!("/api/tasks/{task}/complete");
    let patch = async |client: &tests::client::Client, task: &str| {
        let request = client.request(reqwest::Method::PATCH, &complete(task));
        client.send(request).await
    };
    patch(&cids, &tasks[0]).await.refused(404, "not found");
    patch(&dans, &tasks[0]).await.refused(404, "not found");
    patch(&eves, &tasks[0]).await.refused(404, "not found");
    patch(&bens, &uuid::Uuid::new_v4().to_string())
        .await
        .refused(404, "not found");
    patch(&bens, &tasks[0]).await.ok_empty();
    patch(&bens, &tasks[0]).await.refused(400, "already completed");
    assert_eq!(ids(&bens.get("/api/tasks?status=0").await.ok()), tasks[1..]);
    assert_eq!(ids(&bens.get("/api/tasks?status=1").await.ok()), tasks[..1]);
    assert_eq!(ids(&bens.get("/api/tasks").await.ok()).len(), 2);

    let of_organization = format!("/api/tasks/organization?organizationId={}", organization.id);
    let metrics = format!("/api/tasks/{}/metrics", organization.id);
    assert_eq!(ids(&anns.get(&of_organization).await.ok()).len(), 2);
    assert_eq!(
        ids(&anns.get(&format!("{of_organization}&status=1")).await.ok()),
        tasks[..1]
    );
    let counted = anns.get(&metrics).await.ok();
    assert_shape("SecurityTaskMetricsResponseModel", &counted);
    assert_eq!(
        (&counted["completedTasks"], &counted["totalTasks"]),
        (&json!(1), &json!(2))
    );
    for path in [&of_organization, &metrics] {
        bens.get(path).await.refused(404, "permission");
        eves.get(path).await.refused(404, "not found");
    }
    anns.get("/api/tasks/organization").await.refused(400, "OrganizationId");

    // an item in the trash asks for nothing, and one that is gone takes its tasks with it
    bens.put_empty(&format!("/api/ciphers/{two}/delete")).await.ok_empty();
    assert_eq!(ids(&bens.get("/api/tasks?status=0").await.ok()).len(), 0);
    anns.delete(&format!("/api/ciphers/{two}/admin")).await.ok_empty();
    assert_eq!(ids(&anns.get(&of_organization).await.ok()), tasks[..1]);
}
