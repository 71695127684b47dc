//! Refusals of the token endpoint. Source: RFC 6749, section 5.2, and what clients read beside it.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::fault::Fault;
use serde_json::{Map, Value, json};
use web::Problem;

/// What people read after a wrong password; clients compare the whole text.
const WRONG_PASSWORD: &str = "Username or password is incorrect. Try again.";
const TOO_OLD: &str = "Please update your app to continue using Bitwarden";
const VERSION_MISSING: &str = "No client version header found, required to prevent encryption errors. Please confirm your client is supplying the header: \"Bitwarden-Client-Version\"";

/// Why no token is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenError {
    /// The request is not a good OAuth request: 400 with a word for it.
    OAuth(&'static str),
    /// The same, with a text for programs and one for people.
    Explained {
        /// The word.
        error: &'static str,
        /// The text for programs.
        description: &'static str,
        /// The text for people.
        message: &'static str,
    },
    /// Something that has nothing to do with OAuth.
    Other(Problem),
}

impl TokenError {
    /// Clients end the session at exactly this.
    pub const INVALID_GRANT: Self = Self::OAuth("invalid_grant");
    /// The client is not known, or its secret is wrong.
    pub const INVALID_CLIENT: Self = Self::OAuth("invalid_client");
    /// A field is missing.
    pub const INVALID_REQUEST: Self = Self::OAuth("invalid_request");
    /// Something was asked for that is not to be had.
    pub const INVALID_SCOPE: Self = Self::OAuth("invalid_scope");
    /// A way to sign in that there is not.
    pub const UNSUPPORTED_GRANT: Self = Self::OAuth("unsupported_grant_type");
    /// Wrong password, or no such account: nobody is told which.
    pub const WRONG_PASSWORD: Self = Self::Explained {
        error: "invalid_grant",
        description: "invalid_username_or_password",
        message: WRONG_PASSWORD,
    };
    /// The client does not say its version.
    pub const VERSION_MISSING: Self = Self::Explained {
        error: "version_header_missing",
        description: VERSION_MISSING,
        message: VERSION_MISSING,
    };
    /// The client is older than the encryption of the account.
    pub const CLIENT_TOO_OLD: Self = Self::Explained {
        error: "invalid_client_version",
        description: TOO_OLD,
        message: TOO_OLD,
    };
    /// The client does not say what it runs on.
    pub const DEVICE_MISSING: Self = Self::Explained {
        error: "device_error",
        description: "No device information provided",
        message: "no device information provided",
    };
}

impl<E: Fault> From<E> for TokenError {
    fn from(fault: E) -> Self {
        Self::Other(fault.into())
    }
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        let mut body = Map::new();
        match self {
            Self::Other(problem) => return problem.into_response(),
            Self::OAuth(error) => {
                body.insert("error".to_owned(), json!(error));
            }
            Self::Explained {
                error,
                description,
                message,
            } => {
                body.insert("error".to_owned(), json!(error));
                body.insert("error_description".to_owned(), json!(description));
                body.insert(
                    "ErrorModel".to_owned(),
                    json!({ "Message": message, "Object": "error" }),
                );
            }
        }
        not_stored((StatusCode::BAD_REQUEST, Json(Value::Object(body))).into_response())
    }
}

/// Tokens and refusals of them are for nobody's cache. Source: RFC 6749, section 5.1.
pub fn not_stored(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
