//! Items of organizations. Nobody is a member of one here so far, so whatever is asked for does not exist: the answer is
//! the one for an organization that is somebody else's, and not that of a path nobody knows.

use crate::WriteApi;
use web::{Caller, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    let routes = Routes::new()
        .get("/ciphers/organization-details", no_member)
        .get("/ciphers/organization-details/assigned", no_member)
        .post("/ciphers/import-organization", no_member)
        .post("/ciphers/bulk-collections", no_member)
        .post("/ciphers/admin", no_member)
        .delete("/ciphers/admin", no_member)
        .put_or_post("/ciphers/delete-admin", no_member)
        .put("/ciphers/restore-admin", no_member)
        .put_or_post("/ciphers/share", no_member)
        .get("/ciphers/{id}/admin", no_member)
        .delete("/ciphers/{id}/admin", no_member);
    [
        "/ciphers/{id}/admin",
        "/ciphers/{id}/collections",
        "/ciphers/{id}/collections_v2",
        "/ciphers/{id}/collections-admin",
        "/ciphers/{id}/delete-admin",
        "/ciphers/{id}/share",
    ]
    .into_iter()
    .fold(routes.put("/ciphers/{id}/restore-admin", no_member), |routes, path| {
        routes.put_or_post(path, no_member)
    })
}

async fn no_member(_: Caller) -> Problem {
    Problem::not_found()
}
