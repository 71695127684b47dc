//! The OpenAPI document of the public API.

use crate::WriteApi;
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use web::{Anyone, Routes};

/// What the document says beside the address of the server.
const DOCUMENT: &str = include_str!("openapi.json");

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .get("/specs", document)
        .get("/specs/public/swagger.json", document)
}

/// `GET /specs`, and under the name that other servers have it: OpenAPI 3.0.
async fn document(_: Anyone, State(app): State<WriteApi>) -> Response {
    let mut document: Value = serde_json::from_str(DOCUMENT).expect("the document is JSON, as a test says");
    let url = &app.read.about.public_url;
    document["servers"] = json!([{ "url": format!("{url}/api") }]);
    document["components"]["securitySchemes"]["organization"]["flows"]["clientCredentials"]["tokenUrl"] =
        json!(format!("{url}/identity/connect/token"));
    ([(header::CONTENT_TYPE, "application/json")], document.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_json_and_names_no_schema_it_does_not_have() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for reference in DOCUMENT.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name}");
        }
        assert!(document["paths"].as_object().unwrap().len() >= 15);
    }
}
