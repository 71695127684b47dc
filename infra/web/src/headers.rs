//! Headers of every answer.

use axum::{
    http::{HeaderValue, header},
    response::Response,
};

/// Says that an answer is for who asked and nobody's cache, unless its route says otherwise, and that it is what it says
/// it is.
pub fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
