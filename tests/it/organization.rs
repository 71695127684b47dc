//! Organizations over HTTP: people with real keys who found, invite, share, lose and regain.

mod bulk;
mod claim;
mod concurrent;
mod crash;
mod events;
mod gone;
mod history;
mod import;
mod item;
mod journey;
mod keys;
mod link;
mod matrix;
mod member;
mod own;
mod public;
mod raise;
mod recovery;
mod scale;
mod standing;
mod stranger;
mod taken_up;
mod task;

use serde_json::{Value, json};
use tests::client::organization::Organization;
use tests::client::vault::id;
use tests::client::{Account, Client};
use tests::server::Server;

/// The token of the link that invites `email`: where there is no mail server, the log shows it.
pub async fn invitation(server: &Server, email: &str) -> String {
    link(server, &format!("email={}&", encoded(email))).await
}

fn encoded(text: &str) -> String {
    text.replace('-', "%2D").replace('.', "%2E").replace('@', "%40")
}

/// The token of the last link to accept an invitation that has this in it.
async fn link(server: &Server, named: &str) -> String {
    for _ in 0..600 {
        let log = std::fs::read_to_string(server.log_path()).unwrap();
        let link = log
            .lines()
            .rev()
            .find(|line| line.contains("accept-organization") && line.contains(named));
        if let Some(token) = link.and_then(|link| link.split("token=").nth(1)) {
            let token: String = token
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '%')
                .collect();
            return percent(&token);
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("no invitation with {named} within 60 s");
}

/// Undoes percent encoding.
fn percent(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).unwrap()
}

/// Invites `account` as `role` with these rights; gives the membership.
pub async fn invite(
    admin: &Client,
    organization: &Organization,
    account: &Account,
    role: u8,
    collections: &[Value],
) -> Value {
    let body = json!({
        "emails": [account.email], "type": role, "accessSecretsManager": false,
        "permissions": {}, "collections": collections, "groups": [],
    });
    admin.post(&organization.path("users/invite"), &body).await.ok_empty();
    admin.membership(organization, &account.email).await
}

/// Lets `account` accept their invitation.
pub async fn accept(server: &Server, client: &Client, organization: &Organization, _: &Account, membership: &Value) {
    let token = link(server, &format!("organizationUserId={}&", encoded(&id(membership)))).await;
    let path = organization.path(&format!("users/{}/accept", id(membership)));
    client.post(&path, &json!({"token": token})).await.ok_empty();
}

/// A new person, confirmed as `role` with these rights: account, client, membership.
async fn join(
    server: &Server,
    admin: &Client,
    organization: &Organization,
    name: &str,
    role: u8,
    collections: &[Value],
) -> (Account, Client, String) {
    let (account, client) = server.member(name).await;
    let membership = invite(admin, organization, &account, role, collections).await;
    accept(server, &client, organization, &account, &membership).await;
    let membership = admin.membership(organization, &account.email).await;
    admin.confirm(organization, &membership).await;
    let id = id(&membership);
    (account, client, id)
}
