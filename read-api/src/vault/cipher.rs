//! Items as clients read them: ready-made parts put together, never parsed.

use crate::{ReadApi, unavailable};
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use domain::{
    id::{CipherId, CollectionId, FolderId, OrganizationId, UserId},
    organization::access::{ItemRights, Standing},
};
use projections::sync::{
    cipher::{CipherLine, CipherRow, Holder},
    filing::FilingRow,
    read, shared,
};
use std::collections::{HashMap, HashSet};
use web::{Answer, Caller, PathId, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    Routes::new()
        .get("/ciphers/{id}", one)
        .get("/ciphers/{id}/details", details)
        .get("/ciphers/{id}/full-details", details)
}

/// How much of an item an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `cipherMini`: nothing that differs from person to person.
    Mini,
    /// `cipher`: with filing and rights.
    Full,
    /// `cipherDetails`: with collections too.
    Details,
}

impl Shape {
    fn object(self) -> &'static str {
        match self {
            Self::Mini => "cipherMini",
            Self::Full => "cipher",
            Self::Details => "cipherDetails",
        }
    }
}

/// What of a personal item does not depend on it: its owner may do everything.
const OWN: &str = r#","edit":true,"viewPassword":true,"permissions":{"delete":true,"restore":true}"#;

/// Appends a person's own item as JSON. `folder` is where the owner files it, if that folder is there.
pub fn render(out: &mut Vec<u8>, row: &CipherLine<'_>, shape: Shape, folder: Option<FolderId>) {
    begin(out, row, shape);
    if shape != Shape::Mini {
        put_filing(out, row, folder);
        out.extend_from_slice(OWN.as_bytes());
    }
    if shape == Shape::Details {
        out.extend_from_slice(br#","collectionIds":[]"#);
    }
    out.push(b'}');
}

/// Appends an organization's item as JSON (`cipherDetails`), for somebody with `rights` to whom it is in `collections`.
/// Filed as `row` says.
pub fn render_shared<'c>(
    out: &mut Vec<u8>,
    row: &CipherLine<'_>,
    shape: Shape,
    rights: ItemRights,
    collections: impl Iterator<Item = &'c CollectionId>,
) {
    begin(out, row, shape);
    if shape != Shape::Mini {
        put_filing(out, row, row.folder);
        let word = |yes: bool| if yes { "true" } else { "false" };
        let (edit, view, delete) = (word(rights.edit), word(rights.view_password), word(rights.delete));
        let text =
            format!(r#","edit":{edit},"viewPassword":{view},"permissions":{{"delete":{delete},"restore":{delete}}}"#);
        out.extend_from_slice(text.as_bytes());
    }
    if shape == Shape::Details {
        out.extend_from_slice(br#","collectionIds":["#);
        for (index, id) in collections.enumerate() {
            out.extend_from_slice(if index > 0 { b",\"" } else { b"\"" });
            out.extend_from_slice(id.0.hyphenated().encode_lower(&mut [0; 36]).as_bytes());
            out.push(b'"');
        }
        out.push(b']');
    }
    out.push(b'}');
}

/// What every shape has.
fn begin(out: &mut Vec<u8>, row: &CipherLine<'_>, shape: Shape) {
    let mut put = |text: &str| out.extend_from_slice(text.as_bytes());
    put(r#"{"object":""#);
    put(shape.object());
    put(r#"","#);
    put(row.frame);
    put(",");
    put(row.content);
}

fn put_filing(out: &mut Vec<u8>, row: &CipherLine<'_>, folder: Option<FolderId>) {
    let mut put = |text: &str| out.extend_from_slice(text.as_bytes());
    put(r#","folderId":"#);
    match folder {
        Some(id) => {
            put("\"");
            put(id.0.hyphenated().encode_lower(&mut [0; 36]));
            put("\"");
        }
        None => put("null"),
    }
    put(if row.favorite {
        r#","favorite":true"#
    } else {
        r#","favorite":false"#
    });
    put(r#","archivedDate":"#);
    match row.archived {
        Some(at) => {
            put("\"");
            put(&at.iso());
            put("\"");
        }
        None => put("null"),
    }
}

/// Ready-made JSON as an answer.
pub fn json_response(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

impl ReadApi {
    /// An item of `user`.
    ///
    /// # Errors
    /// 404 if there is none or it is somebody else's.
    pub async fn cipher(&self, user: UserId, id: CipherId) -> Answer<CipherRow> {
        let row = self.any_cipher(user, id).await?;
        if row.owner == Holder::Person(user) {
            Ok(row)
        } else {
            Err(Problem::not_found())
        }
    }

    /// An item that `user` may read, theirs or an organization's, as an answer.
    ///
    /// # Errors
    /// 404 if there is none, or not for them.
    pub async fn cipher_answer(&self, user: UserId, id: CipherId, shape: Shape) -> Answer<Response> {
        let row = self.any_cipher(user, id).await?;
        match row.owner {
            Holder::Person(owner) if owner == user => self.row_answer(user, &row, shape).await,
            Holder::Person(_) => Err(Problem::not_found()),
            Holder::Organization(organization) => {
                let pool = self.fresh(user).await?;
                let about = shared::About::Collections(&row.collections);
                let standing = self.stands(user, organization, about).await?;
                let standing = standing.ok_or_else(Problem::not_found)?;
                let filing = shared::filing(pool, user, id).await.map_err(unavailable)?;
                self.shared_answer(&standing, &row, filing.as_ref(), shape).await
            }
        }
    }

    /// An item of an organization as an answer for one of its members.
    ///
    /// # Errors
    /// 404 if it is not for them to read.
    pub async fn shared_answer(
        &self,
        standing: &Standing,
        row: &CipherRow,
        filing: Option<&FilingRow>,
        shape: Shape,
    ) -> Answer<Response> {
        let rights = standing.over_item(&row.collections);
        if !rights.read {
            return Err(Problem::not_found());
        }
        self.answer_with(standing, row, filing, shape, rights).await
    }

    /// An item as an answer to who just put it where they stand above collections: what collections give them may be nothing.
    ///
    /// # Errors
    /// 503 if its folder cannot be looked up.
    pub async fn placed_answer(
        &self,
        standing: &Standing,
        row: &CipherRow,
        filing: Option<&FilingRow>,
        shape: Shape,
    ) -> Answer<Response> {
        let mut rights = standing.over_item(&row.collections);
        if !rights.read {
            rights = standing.over_item_as_admin(&row.collections);
        }
        self.answer_with(standing, row, filing, shape, rights).await
    }

    async fn answer_with(
        &self,
        standing: &Standing,
        row: &CipherRow,
        filing: Option<&FilingRow>,
        shape: Shape,
        rights: ItemRights,
    ) -> Answer<Response> {
        let mut line = row.line();
        if let Some(filing) = filing {
            line.folder = self.present(standing.user, filing.folder).await?;
            (line.favorite, line.archived) = (filing.favorite, filing.archived);
        }
        let shown = row.collections.iter().filter(|id| standing.assigned(**id).is_some());
        let mut body = Vec::with_capacity(row.content.len() + 1024);
        render_shared(&mut body, &line, shape, rights, shown);
        Ok(json_response(body))
    }

    /// An item, whosever it is.
    async fn any_cipher(&self, user: UserId, id: CipherId) -> Answer<CipherRow> {
        let pool = self.fresh(user).await?;
        let row = match self.live.cipher(id.0) {
            Some(known) => known,
            None => shared::cipher(pool, id).await.map_err(unavailable)?,
        };
        row.ok_or_else(Problem::not_found)
    }

    /// A row as an answer.
    ///
    /// # Errors
    /// 503 if its folder cannot be looked up.
    pub async fn row_answer(&self, user: UserId, row: &CipherRow, shape: Shape) -> Answer<Response> {
        let folder = self.present(user, row.folder).await?;
        let mut body = Vec::with_capacity(row.content.len() + 1024);
        render(&mut body, &row.line(), shape, folder);
        Ok(json_response(body))
    }

    /// Several items of `user` as a list, in the order asked for; those that are not there are left out.
    ///
    /// # Errors
    /// 503 if the database cannot be asked.
    pub async fn cipher_list(&self, user: UserId, ids: &[CipherId], shape: Shape) -> Answer<Response> {
        let uuids: Vec<_> = ids.iter().map(|id| id.0).collect();
        let rows: std::collections::HashMap<_, _> = read::ciphers(self.fresh(user).await?, &uuids)
            .await
            .map_err(unavailable)?
            .into_iter()
            .collect();
        let folders = self.folder_ids(user).await?;
        let (standings, filings) = self.around(user, rows.values()).await?;
        let mut list = ListWriter::new();
        for (id, row) in ids.iter().filter_map(|id| Some((id, rows.get(id)?))) {
            let mut line = row.line();
            match row.owner {
                Holder::Person(owner) if owner == user => {
                    let folder = row.folder.filter(|id| folders.contains(id));
                    list.push(|out| render(out, &line, shape, folder));
                }
                Holder::Person(_) => {}
                Holder::Organization(organization) => {
                    let Some(standing) = standings.get(&organization) else {
                        continue;
                    };
                    let rights = standing.over_item(&row.collections);
                    if !rights.read {
                        continue;
                    }
                    if let Some(filing) = filings.get(id) {
                        line.folder = filing.folder.filter(|id| folders.contains(id));
                        (line.favorite, line.archived) = (filing.favorite, filing.archived);
                    }
                    let shown = row.collections.iter().filter(|id| standing.assigned(**id).is_some());
                    list.push(|out| render_shared(out, &line, shape, rights, shown));
                }
            }
        }
        Ok(json_response(list.finish()))
    }

    /// Where somebody stands towards those of some items that are of organizations, and how they file them.
    async fn around<'r>(
        &self,
        user: UserId,
        rows: impl Iterator<Item = &'r CipherRow>,
    ) -> Answer<(HashMap<OrganizationId, Standing>, HashMap<CipherId, FilingRow>)> {
        let mut within: HashMap<OrganizationId, Vec<CollectionId>> = HashMap::new();
        for row in rows {
            if let Holder::Organization(organization) = row.owner {
                within
                    .entry(organization)
                    .or_default()
                    .extend(row.collections.iter().copied());
            }
        }
        let mut standings = HashMap::new();
        if within.is_empty() {
            return Ok((standings, HashMap::new()));
        }
        let pool = self.fresh(user).await?;
        for (organization, mut collections) in within {
            collections.sort_unstable();
            collections.dedup();
            let about = shared::About::Collections(&collections);
            let found = self.stands(user, organization, about).await?;
            standings.extend(found.map(|standing| (organization, standing)));
        }
        let filings = shared::filings_of(pool, user).await.map_err(unavailable)?;
        Ok((
            standings,
            filings.into_iter().map(|filing| (filing.cipher, filing)).collect(),
        ))
    }

    /// Which of some items are of organizations, and in which collections they are.
    ///
    /// # Errors
    /// 503 if the read models cannot be asked.
    pub async fn shared_among(
        &self,
        user: UserId,
        ids: &[CipherId],
    ) -> Answer<HashMap<CipherId, (OrganizationId, Vec<CollectionId>)>> {
        let found = shared::located(self.fresh(user).await?, ids)
            .await
            .map_err(unavailable)?;
        Ok(found
            .into_iter()
            .map(|(id, organization, within)| (id, (organization, within)))
            .collect())
    }

    /// `folder` if it is there.
    async fn present(&self, user: UserId, folder: Option<FolderId>) -> Answer<Option<FolderId>> {
        let Some(id) = folder else { return Ok(None) };
        match self.folder(user, id).await {
            Ok(_) => Ok(Some(id)),
            Err(problem) if problem == Problem::not_found() => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    async fn folder_ids(&self, user: UserId) -> Answer<HashSet<FolderId>> {
        Ok(self.folders_of(user).await?.into_iter().map(|(id, _)| id).collect())
    }
}

/// Puts a list together: `{"object":"list","data":[…],"continuationToken":null}`.
struct ListWriter {
    out: Vec<u8>,
    empty: bool,
}

impl ListWriter {
    fn new() -> Self {
        Self {
            out: br#"{"object":"list","data":["#.to_vec(),
            empty: true,
        }
    }

    fn push(&mut self, item: impl FnOnce(&mut Vec<u8>)) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        item(&mut self.out);
    }

    fn finish(mut self) -> Vec<u8> {
        self.out.extend_from_slice(br#"],"continuationToken":null}"#);
        self.out
    }
}

/// `GET /ciphers/{id}`.
async fn one(caller: Caller, State(api): State<ReadApi>, id: PathId<CipherId>) -> Answer<Response> {
    api.cipher_answer(caller.id, id.0, Shape::Full).await
}

/// `GET /ciphers/{id}/details`, and `/full-details` for older clients.
async fn details(caller: Caller, State(api): State<ReadApi>, id: PathId<CipherId>) -> Answer<Response> {
    api.cipher_answer(caller.id, id.0, Shape::Details).await
}
