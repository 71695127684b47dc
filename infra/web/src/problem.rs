//! Errors as clients know them.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::fault::{Fault, FaultKind};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// What a handler gives: an answer or a problem.
pub type Answer<T> = Result<T, Problem>;

/// A refusal in the shape of the API error object:
/// `{object:"error", message, validationErrors, exceptionMessage, exceptionStackTrace, innerExceptionMessage}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    message: String,
    /// Field (as the client's form knows it) and what is wrong with it.
    validation: Vec<(String, String)>,
    retry_after_seconds: Option<u64>,
    /// A 400 that is a refusal of the caller, and not of the form of the request.
    refused: bool,
}

/// Goes with an answer of 400 that refuses a caller something, as 404 does elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

/// What people read when a body or a parameter is not as it must be.
pub const MODEL_STATE_INVALID: &str = "The model state is invalid.";

impl Problem {
    /// Whether somebody was refused what they may not have, or what is not there for them.
    pub fn is_refusal(&self) -> bool {
        self.refused || self.status() == StatusCode::NOT_FOUND
    }

    /// A refusal with a message for people.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            validation: vec![],
            retry_after_seconds: None,
            refused: false,
        }
    }

    /// 400 with a message for people.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 400 about one field. The empty field is the request as a whole.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut problem = Self::bad_request(MODEL_STATE_INVALID);
        problem.validation.push((field.into(), message.into()));
        problem
    }

    /// 400 about several fields; `None` if nothing is wrong.
    pub fn fields(wrong: Vec<(String, String)>) -> Option<Self> {
        if wrong.is_empty() {
            return None;
        }
        let mut problem = Self::bad_request(MODEL_STATE_INVALID);
        problem.validation = wrong;
        Some(problem)
    }

    /// 404: no such thing, or not for this caller.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Resource not found.")
    }

    /// 409: something is so already that excludes it.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// 404 that says why: the caller is known, and may not do this. Neither 401 nor 403: official clients take both for the end of their
    /// session, and log their user out.
    pub fn forbidden() -> Self {
        Self::new(StatusCode::NOT_FOUND, "You do not have permission to do this.")
    }

    /// 401: sign in again.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized.")
    }

    /// 413: larger than the bound.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    /// 429: too many tries.
    pub fn too_many(retry_after_seconds: u64) -> Self {
        let mut problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Slow down! Too many requests. Try again soon.",
        );
        problem.retry_after_seconds = Some(retry_after_seconds.max(1));
        problem
    }

    /// 503: may pass later.
    pub fn unavailable() -> Self {
        let mut problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The server cannot do this right now. Try again soon.",
        );
        problem.retry_after_seconds = Some(1);
        problem
    }

    /// 500: a fault of ours.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "An unhandled server error has occurred.",
        )
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The message for people: that of the first field at fault, else its own.
    pub fn message(&self) -> &str {
        self.validation.first().map_or(&self.message, |(_, message)| message)
    }
}

impl<E: Fault> From<E> for Problem {
    fn from(fault: E) -> Self {
        match fault.kind() {
            FaultKind::Invalid => Self {
                refused: fault.is_refusal(),
                ..match fault.field() {
                    Some(field) => Self::field(field, fault.to_string()),
                    None => Self::bad_request(fault.to_string()),
                }
            },
            FaultKind::Unauthenticated => Self::unauthorized(),
            FaultKind::Forbidden => Self::forbidden(),
            FaultKind::NotFound => Self::not_found(),
            FaultKind::Conflict => Self::new(StatusCode::CONFLICT, fault.to_string()),
            FaultKind::TooLarge => Self::too_large(fault.to_string()),
            FaultKind::TooMany => Self::too_many(60),
            FaultKind::Unavailable => {
                tracing::warn!(error = %fault, "answered 503");
                Self::unavailable()
            }
            FaultKind::Internal => {
                tracing::error!(error = %fault, "answered 500");
                Self::internal()
            }
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<'a> {
    object: &'static str,
    message: &'a str,
    validation_errors: Value,
    exception_message: Option<()>,
    exception_stack_trace: Option<()>,
    inner_exception_message: Option<()>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut fields = Map::new();
        for (field, message) in &self.validation {
            let list = fields.entry(field.clone()).or_insert_with(|| json!([]));
            if let Value::Array(list) = list {
                list.push(json!(message));
            }
        }
        let body = ErrorBody {
            object: "error",
            message: &self.message,
            validation_errors: if fields.is_empty() {
                Value::Null
            } else {
                Value::Object(fields)
            },
            exception_message: None,
            exception_stack_trace: None,
            inner_exception_message: None,
        };
        let mut response = (self.status, axum::Json(body)).into_response();
        if self.refused {
            response.extensions_mut().insert(Refused);
        }
        if let Some(seconds) = self.retry_after_seconds {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
