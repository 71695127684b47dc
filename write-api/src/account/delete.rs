//! The end of an account.

use super::{
    check::Checks,
    email::LinkRequest,
    limit,
    secret::{Accept, SecretRequest, verification_failed},
};
use crate::WriteApi;
use axum::extract::State;
use commands::{
    account::{DeleteAccount, RequestDeletion, find, secret::Proven},
    context::Context,
    organization::member::{EndMembership, OwnersRemain},
    ports::TokenPurpose,
};
use domain::id::{OrganizationId, UserId};
use serde::Deserialize;
use web::{Answer, Anyone, Body, Caller, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .delete("/accounts", delete)
        .post("/accounts/delete", delete)
        .post("/accounts/delete-recover", request)
        .post("/accounts/delete-recover-token", delete_by_link)
}

/// Why an account is kept that an organization claims.
const CLAIMED: &str =
    "Cannot delete accounts owned by an organization. Contact your organization administrator for additional details.";

async fn carry_out(app: &WriteApi, context: &Context, user: UserId, proven: Proven) -> Answer<()> {
    app.check_unclaimed(user, CLAIMED).await?;
    end_memberships(app, context, user, None).await?;
    // what came meanwhile must not be left without them
    if !app.read.memberships_of(user).await?.is_empty() {
        return Err(Problem::bad_request(
            "You joined another organization meanwhile. Try again.",
        ));
    }
    let devices = app.directory.devices_of(user).await?;
    let command = DeleteAccount { user, proven, devices };
    let done = app.executor.transact(context, &command).await?;
    app.settle(done.position).await?;
    app.end_sessions(user).await;
    Ok(())
}

/// Ends what somebody is in organizations, before the account is deleted. `by` is an organization that deletes it: there the membership
/// stays for the time being, and elsewhere it is none of anybody's business who does it.
///
/// # Errors
/// 400, with nothing ended, if an organization would be left without an owner.
pub(crate) async fn end_memberships(
    app: &WriteApi,
    context: &Context,
    user: UserId,
    by: Option<OrganizationId>,
) -> Answer<()> {
    let memberships = app.read.memberships_of(user).await?;
    // an organization is not left without an owner: then the account stays, and everything it is in
    let ending = memberships
        .iter()
        .map(|(membership, row, _)| (row.organization, *membership));
    let remain = OwnersRemain {
        memberships: ending.collect(),
    };
    app.executor.transact(context, &remain).await?;
    for (membership, row, _) in memberships {
        if Some(row.organization) == by {
            continue;
        }
        let ending = EndMembership {
            organization: row.organization,
            membership,
            by: None,
            user,
            spare_owners: false,
            deleted: by.is_some(),
        };
        let whose = match by {
            Some(_) => Context::system(context.correlation, None),
            None => context.clone(),
        };
        let context = Context {
            organizations: vec![row.organization],
            ..whose
        };
        let done = app.executor.transact(&context, &ending).await?;
        app.settle(done.position).await?;
    }
    Ok(())
}

/// `DELETE /accounts`, and `POST /accounts/delete` for older clients.
async fn delete(caller: Caller, State(app): State<WriteApi>, Body(request): Body<SecretRequest>) -> Answer<()> {
    let secret = request.value()?;
    let user = app.owner(&caller).await?;
    let proven = app
        .prove(&caller, &user, secret, Accept::Either, verification_failed)
        .await?;
    carry_out(&app, &app.context(&caller), caller.id, proven).await
}

/// `DeleteRecoverRequestModel`.
#[derive(Debug, Deserialize)]
struct RecoverRequest {
    email: Option<String>,
}

/// `POST /accounts/delete-recover`: the same answer, as fast, whether there is such an account or not.
async fn request(anyone: Anyone, State(app): State<WriteApi>, Body(request): Body<RecoverRequest>) -> Answer<()> {
    let mut checks = Checks::new();
    let email = checks.email("Email", request.email.as_deref());
    checks.done()?;
    app.account.count(limit::MAIL_FROM, limit::from(anyone.ip)).await?;
    app.account.count(limit::MAIL_TO, email.as_str()).await?;
    let work = app.clone();
    app.account.later(async move {
        let asked = async {
            if let Some(found) = find(&work.executor, work.account.addresses.as_ref(), &email).await? {
                let command = RequestDeletion { user: found.id };
                work.executor.execute(&work.context_of(&anyone), &command).await?;
            }
            Ok::<(), Problem>(())
        };
        if let Err(problem) = asked.await {
            tracing::warn!(status = %problem.status(), "the end of an account was asked for in vain");
        }
    })
}

/// `POST /accounts/delete-recover-token`.
async fn delete_by_link(anyone: Anyone, State(app): State<WriteApi>, Body(request): Body<LinkRequest>) -> Answer<()> {
    app.account.count(limit::ASK_FROM, limit::from(anyone.ip)).await?;
    let (user, proven) = request.proven(&app, TokenPurpose::DeleteAccount).await?;
    carry_out(&app, &app.context_of(&anyone).by(user), user, proven).await
}
