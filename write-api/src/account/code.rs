//! Codes that go to the address of an account, in place of its master password.

use super::{check::Checks, limit, secret::SecretRequest};
use crate::WriteApi;
use axum::extract::State;
use commands::account::{RequestOneTimeCode, UseOneTimeCode, secret};
use serde::Deserialize;
use web::{Answer, Anyone, Body, Caller, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/accounts/request-otp", request)
        .post("/accounts/verify-otp", verify)
        .post("/accounts/resend-new-device-otp", resend)
}

/// `POST /accounts/request-otp`: mails a code.
async fn request(caller: Caller, State(app): State<WriteApi>) -> Answer<()> {
    let user = app.owner(&caller).await?;
    app.account.count(limit::MAIL_TO, user.email).await?;
    let command = RequestOneTimeCode {
        user: caller.id,
        nonce: app.executor.new_id(),
    };
    app.change(&caller, &command).await.map(drop)
}

/// `VerifyOTPRequestModel`.
#[derive(Debug, Deserialize)]
struct CodeRequest {
    #[serde(rename = "otp", alias = "oTP")]
    code: Option<String>,
}

/// `POST /accounts/verify-otp`: uses the code up.
async fn verify(caller: Caller, State(app): State<WriteApi>, Body(request): Body<CodeRequest>) -> Answer<()> {
    let mut checks = Checks::new();
    let code = checks.required("OTP", request.code, 100);
    checks.done()?;
    let user = app.owner(&caller).await?;
    let ports = &app.account;
    ports.count(limit::SECRET, caller.id.to_string()).await?;
    let invalid = || Problem::field("Token", "Invalid token");
    let proven =
        secret::by_code(ports.proofs.as_ref(), caller.id, &user, &code, app.executor.now()).map_err(|_| invalid())?;
    ports.forget(limit::SECRET, caller.id.to_string()).await;
    let command = UseOneTimeCode {
        user: caller.id,
        proven,
    };
    app.change(&caller, &command).await.map(drop)
}

/// `UnauthenticatedSecretVerificationRequestModel`.
#[derive(Debug, Deserialize)]
struct ResendRequest {
    email: Option<String>,
    #[serde(flatten)]
    secret: SecretRequest,
}

/// `POST /accounts/resend-new-device-otp`: no login here waits for such a code, so none is mailed; the answer is that for
/// everybody.
async fn resend(anyone: Anyone, State(app): State<WriteApi>, Body(request): Body<ResendRequest>) -> Answer<()> {
    let mut checks = Checks::new();
    checks.email("Email", request.email.as_deref());
    checks.done()?;
    request.secret.value()?;
    app.account.count(limit::MAIL_FROM, limit::from(anyone.ip)).await
}
