//! The address of an account: changed, verified.

use super::{
    check::{Checks, MAX_HASH},
    limit,
    secret::{Accept, SecretRequest, incorrect_password, invalid_password},
};
use crate::WriteApi;
use axum::extract::State;
use commands::{
    account::{
        AccountError,
        email::{ChangeEmail, RequestEmailChange, RequestEmailVerification, VerifyEmail},
        keys::NewSecret,
        proof,
        secret::{Proven, Way},
    },
    ports::TokenPurpose,
};
use domain::{
    account::user::{LiveUser, User},
    id::UserId,
};
use serde::Deserialize;
use web::{Answer, Anyone, Body, Caller, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/accounts/email-token", request_change)
        .post("/accounts/email", change)
        .post("/accounts/verify-email", request_verification)
        .post("/accounts/verify-email-token", verify)
}

/// `EmailTokenRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EmailTokenRequest {
    new_email: Option<String>,
    #[serde(flatten)]
    secret: SecretRequest,
}

/// `POST /accounts/email-token`: mails a code; the answer does not tell whether the address is taken.
async fn request_change(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<EmailTokenRequest>,
) -> Answer<()> {
    let mut checks = Checks::new();
    let email = checks.email("NewEmail", request.new_email.as_deref());
    checks.done()?;
    let secret = request.secret.value()?;
    let user = app.owner(&caller).await?;
    let proven = app
        .prove(&caller, &user, secret, Accept::Password, invalid_password)
        .await?;
    app.account.count(limit::MAIL_TO, email.as_str()).await?;
    check_domain(&app, &caller, &email).await?;
    let command = RequestEmailChange {
        user: caller.id,
        proven,
        address: app.account.addresses.id(&email),
        email,
    };
    let done = app.executor.transact(&app.context(&caller), &command).await?;
    app.settle(done.position).await
}

/// `EmailRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EmailRequest {
    new_email: Option<String>,
    new_master_password_hash: Option<String>,
    token: Option<String>,
    key: Option<String>,
    #[serde(flatten)]
    secret: SecretRequest,
}

/// `POST /accounts/email`.
async fn change(caller: Caller, State(app): State<WriteApi>, Body(request): Body<EmailRequest>) -> Answer<()> {
    let mut checks = Checks::new();
    let email = checks.email("NewEmail", request.new_email.as_deref());
    let code = checks.required("Token", request.token, 100);
    checks.done()?;
    let secret = request.secret.value()?;
    let given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    if !given(&request.new_master_password_hash) || !given(&request.key) {
        return Err(Problem::field("", "NewMasterPasswordHash and Key are required."));
    }
    let mut checks = Checks::new();
    let hash = checks.new_hash("NewMasterPasswordHash", request.new_master_password_hash, MAX_HASH);
    let user_key = checks.sealed("Key", request.key);
    checks.done()?;
    let user_key = user_key.ok_or_else(|| Problem::field("Key", "The Key field is required."))?;

    let user = app.owner(&caller).await?;
    let proven = app
        .prove(&caller, &user, secret, Accept::Password, incorrect_password)
        .await?;
    check_code(&app, &caller, &user, &email, &code).await?;
    check_domain(&app, &caller, &email).await?;
    let command = ChangeEmail {
        user: caller.id,
        proven,
        address: app.account.addresses.id(&email),
        email,
        secret: NewSecret {
            verifier: app.account.passwords.hash(&hash).await?,
            user_key,
            salt: None,
            key_id: None,
        },
        stamp: app.executor.new_id(),
    };
    let done = app.executor.transact(&app.context(&caller), &command).await?;
    app.settle(done.position).await?;
    app.end_sessions(caller.id).await;
    Ok(())
}

/// That a claimed account stays claimed, and nobody takes an address that is for people of an organization.
async fn check_domain(app: &WriteApi, caller: &Caller, email: &str) -> Answer<()> {
    match app.claimant(caller.id).await? {
        Some((_, organization)) if !organization.claims(email) => Err(Problem::bad_request(
            "Your new email must match your organization domain.",
        )),
        Some(_) => Ok(()),
        None => app.check_claimed(email, None).await,
    }
}

/// The code that went to the new address.
async fn check_code(app: &WriteApi, caller: &Caller, user: &LiveUser, email: &str, code: &str) -> Answer<()> {
    let ports = &app.account;
    let who = caller.id.to_string();
    ports.count(limit::EMAIL_CODE, who.as_str()).await?;
    let now = app.executor.now();
    if !proof::is_email_change_code(ports.proofs.as_ref(), caller.id, user.stamp, email, code, now) {
        return Err(AccountError::InvalidToken.into());
    }
    ports.forget(limit::EMAIL_CODE, who.as_str()).await;
    Ok(())
}

/// `POST /accounts/verify-email`: mails a link.
async fn request_verification(caller: Caller, State(app): State<WriteApi>) -> Answer<()> {
    let user = app.owner(&caller).await?;
    app.account.count(limit::MAIL_TO, user.email).await?;
    let command = RequestEmailVerification { user: caller.id };
    app.change(&caller, &command).await.map(drop)
}

/// `VerifyEmailRequestModel` and `VerifyDeleteRecoverRequestModel`: a link of a mail.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LinkRequest {
    user_id: Option<String>,
    token: Option<String>,
}

impl LinkRequest {
    /// Whose link it is, and what it proves.
    ///
    /// # Errors
    /// 401 if there is no such account, 400 for a link that is not good.
    pub(super) async fn proven(self, app: &WriteApi, purpose: TokenPurpose) -> Answer<(UserId, Proven)> {
        let mut checks = Checks::new();
        let id = checks.required("UserId", self.user_id, 100);
        let token = checks.required("Token", self.token, 4_096);
        checks.done()?;
        let id = id.parse::<UserId>().map_err(|_| Problem::unauthorized())?;
        let User::Live(user) = app.executor.state::<User>(id).await? else {
            return Err(Problem::unauthorized());
        };
        let now = app.executor.now();
        if !proof::is_account_token(app.account.proofs.as_ref(), purpose, id, user.stamp, &token, now) {
            return Err(AccountError::InvalidToken.into());
        }
        Ok((
            id,
            Proven {
                way: Way::Link,
                stamp: user.stamp,
            },
        ))
    }
}

/// `POST /accounts/verify-email-token`.
async fn verify(anyone: Anyone, State(app): State<WriteApi>, Body(request): Body<LinkRequest>) -> Answer<()> {
    app.account.count(limit::ASK_FROM, limit::from(anyone.ip)).await?;
    let (user, proven) = request.proven(&app, TokenPurpose::VerifyEmail).await?;
    let command = VerifyEmail { user, proven };
    let context = app.context_of(&anyone).by(user);
    let done = app.executor.execute(&context, &command).await?;
    app.settle(done.position).await
}
