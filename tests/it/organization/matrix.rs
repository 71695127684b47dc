//! Every role, with every single permission, with every right in a collection, asks every route; what should come of it is
//! said here a second time, more simply than in the program.

mod rules;
mod stage;

use super::{accept, invite, join};
use futures::future::join_all;
use rules::{ABOUT_ITEMS, ABOUT_THE_REST, Case};
use serde_json::Value;
use stage::{Asking, Stage};
use tests::client::Answer;
use tests::client::organization::Organization;
use tests::client::vault::id;
use tests::server::Server;

/// Permissions of a role of one's own, and the other roles.
const ROLES: [&str; 16] = [
    "owner",
    "admin",
    "user",
    "accessEventLogs",
    "accessImportExport",
    "accessReports",
    "createNewCollections",
    "editAnyCollection",
    "deleteAnyCollection",
    "manageGroups",
    "managePolicies",
    "manageSso",
    "manageUsers",
    "manageResetPassword",
    "manageScim",
    "manageAccessRules",
];

/// What somebody has in the collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    Nothing,
    Read,
    ReadHidden,
    Edit,
    EditHidden,
    Manage,
}

const RIGHTS: [Right; 6] = [
    Right::Nothing,
    Right::Read,
    Right::ReadHidden,
    Right::Edit,
    Right::EditHidden,
    Right::Manage,
];

impl Right {
    fn selection(self, of: &str) -> Vec<Value> {
        let flags = match self {
            Self::Nothing => return vec![],
            Self::Read => [true, false, false],
            Self::ReadHidden => [true, true, false],
            Self::Edit => [false, false, false],
            Self::EditHidden => [false, true, false],
            Self::Manage => [false, false, true],
        };
        vec![Organization::selection(of, flags)]
    }
}

/// What is wrong with an answer.
fn wrong(case: Case, name: &str, allowed: bool, answer: &Answer) -> Option<String> {
    let fine = match answer.status {
        200 => allowed,
        400 | 409 if name.starts_with("may ") => allowed,
        404 => !allowed,
        _ => false,
    };
    let text: String = answer.text.chars().take(120).collect();
    (!fine).then(|| format!("{name} by {case:?}: {} {text}, allowed {allowed}", answer.status))
}

/// All questions of all roles in one organization.
async fn every_role(name: &str, ruled: bool) {
    let server = Server::shared().await;
    let stage = &Stage::new(server, name, ruled).await;
    let mut asking = Vec::new();
    for role in ROLES {
        let (account, client, membership) = join(
            server,
            &stage.owner,
            &stage.organization,
            &format!("{name}-{}", role.to_lowercase()),
            2,
            &[],
        )
        .await;
        asking.push(Asking {
            role,
            account,
            client,
            membership,
        });
    }
    let mut faults = Vec::new();
    for asking in &asking {
        for right in RIGHTS {
            stage.give(asking, right).await;
            let case = Case {
                role: asking.role,
                right,
                ruled,
            };
            let answers = ABOUT_ITEMS.iter().map(async |(name, may)| {
                let answer = stage.ask(asking, right, name).await;
                wrong(case, name, may(&case), &answer)
            });
            faults.extend(join_all(answers).await.into_iter().flatten());
        }
        stage.give(asking, Right::Nothing).await;
        let case = Case {
            role: asking.role,
            right: Right::Nothing,
            ruled,
        };
        for (name, may) in ABOUT_THE_REST {
            let answer = stage.ask(asking, Right::Nothing, name).await;
            faults.extend(wrong(case, name, may(&case), &answer));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_may_do_what_it_may_where_the_rules_are_on() {
    every_role("ruled", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_may_do_what_it_may_where_the_rules_are_off() {
    every_role("unruled", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_confirmed_member_finds_nothing() {
    let server = Server::shared().await;
    let stage = &Stage::new(server, "unconfirmed", true).await;
    let mut asking = Vec::new();
    // revoked from the top, and with a right in the collection
    for role in ["owner", "admin", "user", "editAnyCollection"] {
        let (account, client, membership) = join(
            server,
            &stage.owner,
            &stage.organization,
            &format!("revoked-{}", role.to_lowercase()),
            2,
            &[],
        )
        .await;
        let revoked = Asking {
            role,
            account,
            client,
            membership,
        };
        stage.give(&revoked, Right::Manage).await;
        let path = stage.path(&format!("users/{}/revoke", revoked.membership));
        stage.owner.put_empty(&path).await.ok_empty();
        asking.push(revoked);
    }
    // accepted and not confirmed, invited as admin and with a right
    let (account, client) = server.member("accepted").await;
    let rights = Right::Manage.selection(&stage.collection);
    let membership = invite(&stage.owner, &stage.organization, &account, 1, &rights).await;
    accept(server, &client, &stage.organization, &account, &membership).await;
    asking.push(Asking {
        role: "accepted",
        account,
        client,
        membership: id(&membership),
    });
    // invited only
    let (account, client) = server.member("only-invited").await;
    let membership = invite(&stage.owner, &stage.organization, &account, 0, &[]).await;
    asking.push(Asking {
        role: "invited",
        account,
        client,
        membership: id(&membership),
    });
    // an owner of another organization
    let (account, client) = server.member("owner-elsewhere").await;
    client.found(&account, "Elsewhere").await;
    asking.push(Asking {
        role: "outsider",
        account,
        client,
        membership: stage.founder.clone(),
    });
    let mut faults = Vec::new();
    for asking in &asking {
        for (name, _) in ABOUT_ITEMS.iter().chain(ABOUT_THE_REST) {
            let answer = stage.ask(asking, Right::Nothing, name).await;
            if answer.status != 404 {
                faults.push(format!("{name} by {}: {} {}", asking.role, answer.status, answer.text));
            }
        }
        let sync = asking.client.sync().await.to_string();
        assert!(
            !sync.contains(&stage.collection) && !sync.contains(&stage.item),
            "{sync}"
        );
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
