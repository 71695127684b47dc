//! Making an account: a token for the address, then the account.

mod request;

use crate::{
    WriteApi,
    account::{check::Checks, limit},
};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use commands::{
    account::{
        AccountError, proof,
        registration::{Register, RequestRegistration},
    },
    execute::ExecuteError,
    organization::member::invitation,
};
use domain::{
    account::{
        address::Applicant,
        user::{Credentials, Profile},
    },
    id::{MembershipId, OrganizationId, UserId},
    organization::membership::{Membership, Stage},
};
use request::{Allowed, FinishRequest, NewAccount, SingleStepRequest};
use serde::Deserialize;
use serde_json::{Value, json};
use web::{Answer, Anyone, Body, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/accounts/register/send-verification-email", begin)
        .post("/accounts/register/verification-email-clicked", clicked)
        .post("/accounts/register/finish", finish)
        .post("/accounts/register", single_step)
}

fn closed() -> Problem {
    Problem::bad_request("Open registration has been disabled by the system administrator.")
}

/// `RegisterSendVerificationEmailRequestModel`.
#[derive(Debug, Deserialize)]
struct BeginRequest {
    name: Option<String>,
    email: Option<String>,
}

/// `POST /accounts/register/send-verification-email`. Where addresses are verified a mail is sent or not, and the answer
/// is the same; where they are not, the answer is what the mail would have brought.
async fn begin(anyone: Anyone, State(app): State<WriteApi>, Body(request): Body<BeginRequest>) -> Answer<Response> {
    let mut checks = Checks::new();
    let email = checks.email("Email", request.email.as_deref());
    let name = checks.text("Name", request.name, 50);
    checks.done()?;
    let ports = &app.account;
    if !ports.signups.open {
        return Err(closed());
    }
    ports.count(limit::MAIL_FROM, limit::from(anyone.ip)).await?;
    app.check_claimed(email.as_str(), None).await?;
    let command = RequestRegistration {
        address: ports.addresses.id(&email),
        who: Applicant { email, name },
    };
    if !ports.signups.verify {
        return begin_unverified(&app, &anyone, command)
            .await
            .map(IntoResponse::into_response);
    }
    ports.count(limit::MAIL_TO, command.who.email.as_str()).await?;
    let work = app.clone();
    ports.later(async move {
        match work.executor.transact(&work.context_of(&anyone), &command).await {
            Ok(_) | Err(ExecuteError::Refused(AccountError::AddressTaken(_))) => {}
            Err(error) => tracing::warn!(%error, "a registration was begun in vain"),
        }
    })?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The same without a mail: the token at once.
async fn begin_unverified(app: &WriteApi, anyone: &Anyone, command: RequestRegistration) -> Answer<Json<String>> {
    match app.executor.transact(&app.context_of(anyone), &command).await {
        Ok(_) => {}
        Err(ExecuteError::Refused(AccountError::AddressTaken(email))) => {
            return Err(Problem::bad_request(format!("Email {email} is already taken")));
        }
        Err(error) => return Err(error.into()),
    }
    let proofs = app.account.proofs.as_ref();
    Ok(Json(proof::registration_token(
        proofs,
        &command.who,
        app.executor.now(),
    )))
}

/// `RegisterVerificationEmailClickedRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClickedRequest {
    email: Option<String>,
    email_verification_token: Option<String>,
}

/// `POST /accounts/register/verification-email-clicked`: whether the link of the mail is still good.
async fn clicked(anyone: Anyone, State(app): State<WriteApi>, Body(request): Body<ClickedRequest>) -> Answer<()> {
    let mut checks = Checks::new();
    let email = checks.email("Email", request.email.as_deref());
    let token = checks.required("EmailVerificationToken", request.email_verification_token, 4_096);
    checks.done()?;
    app.account.count(limit::ASK_FROM, limit::from(anyone.ip)).await?;
    match proof::applicant_of(app.account.proofs.as_ref(), &token, app.executor.now()) {
        Some(who) if who.email == email => Ok(()),
        _ => Err(Problem::bad_request(
            "Expired link. Please restart registration or try logging in. You may already have an account",
        )),
    }
}

/// `POST /accounts/register/finish`.
async fn finish(
    anyone: Anyone,
    State(app): State<WriteApi>,
    Body(request): Body<FinishRequest>,
) -> Answer<Json<Value>> {
    let (account, allowed) = request.checked()?;
    let signups = app.account.signups;
    let (name, invited) = match allowed {
        Allowed::Mailed(token) => {
            let who = proof::applicant_of(app.account.proofs.as_ref(), &token, app.executor.now());
            let who = who.filter(|who| who.email == account.email);
            let who = who.ok_or_else(|| Problem::bad_request("Invalid email verification token."))?;
            if !signups.open {
                return Err(closed());
            }
            (who.name, None)
        }
        Allowed::Invited(membership, token) => {
            if !signups.invited {
                return Err(closed());
            }
            app.account.count(limit::ASK_FROM, limit::from(anyone.ip)).await?;
            let organization = check_invited(&app, &account.email, membership, &token).await?;
            (None, Some(organization))
        }
    };
    register(&app, &anyone, account, (name, true), invited).await?;
    Ok(Json(json!({ "object": "registerFinish" })))
}

/// The organization that somebody holds an invitation of this address into.
async fn check_invited(app: &WriteApi, email: &str, membership: MembershipId, token: &str) -> Answer<OrganizationId> {
    let now = app.executor.now();
    let invited = invitation::invited(app.account.proofs.as_ref(), membership, token, now);
    let state = app.executor.state::<Membership>(membership).await?;
    let good = invited.zip(state.live()).filter(|(invited, live)| {
        let waits = live.stage == Stage::Invited && !live.revoked && invited.0 >= live.invited.0;
        waits && live.address == Some(app.account.addresses.id(email))
    });
    let good = good.map(|(_, live)| live.organization);
    good.ok_or_else(|| Problem::bad_request("Invalid organization invite token."))
}

/// `POST /accounts/register`: the single step of clients before 2025, where addresses are not verified.
async fn single_step(
    anyone: Anyone,
    State(app): State<WriteApi>,
    Body(request): Body<SingleStepRequest>,
) -> Answer<Json<Value>> {
    let (account, name) = request.checked()?;
    if !app.account.signups.open {
        return Err(closed());
    }
    if app.account.signups.verify {
        return Err(Problem::field("", "No valid registration token provided"));
    }
    register(&app, &anyone, account, (name, false), None).await?;
    Ok(Json(json!({ "object": "register", "captchaBypassToken": "" })))
}

async fn register(
    app: &WriteApi,
    anyone: &Anyone,
    account: NewAccount,
    (name, email_verified): (Option<String>, bool),
    invited: Option<OrganizationId>,
) -> Answer<()> {
    let ports = &app.account;
    ports.count(limit::REGISTER_FROM, limit::from(anyone.ip)).await?;
    app.check_claimed(&account.email, invited).await?;
    let user = UserId(app.executor.new_id());
    let command = Register {
        user,
        address: ports.addresses.id(&account.email),
        email_verified,
        kdf: account.kdf,
        credentials: Credentials {
            verifier: ports.passwords.hash(&account.hash).await?,
            user_key: account.user_key,
            salt: account.email.clone(),
            hint: account.hint,
        },
        profile: Profile {
            email: account.email,
            name,
        },
        keys: account.keys,
        key_id: account.key_id,
        stamp: app.executor.new_id(),
    };
    let context = app.context_of(anyone).by(user);
    let done = app.executor.transact(&context, &command).await?;
    app.settle(done.position).await
}
