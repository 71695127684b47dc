//! The request that makes or replaces an item.

use super::{
    check::{Wrong, folder_id, sealed},
    content::{BankAccount, Card, DriversLicense, Field, Identity, Login, OldPassword, Passport, SecureNote, SshKey},
};
use crate::WriteApi;
use commands::vault::cipher::{KnownRevision, NewCipher};
use domain::{
    account::user::User,
    crypto::is_key_id,
    id::{OrganizationId, UserId},
    time::Timestamp,
    vault::cipher::{CipherKind, Content},
};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;
use web::{Answer, Problem};

/// The most characters of an item that is sealed as a whole.
const MAX_DATA: usize = 500_000;
/// The most characters of an item's own sealed key.
const MAX_KEY: usize = 1_000;
/// What people read about a kind of item that there is not.
const UNKNOWN_KIND: &str = "The Type field is not a known type of item.";

/// `CipherRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CipherRequest {
    #[serde(rename = "type")]
    kind: i64,
    encrypted_for: Option<Uuid>,
    encrypted_by_key_id: Option<String>,
    organization_id: Option<String>,
    folder_id: Option<String>,
    #[serde(default)]
    favorite: Option<bool>,
    #[serde(default)]
    reprompt: Option<u8>,
    key: Option<String>,
    name: Option<String>,
    notes: Option<String>,
    fields: Option<Vec<Field>>,
    password_history: Option<Vec<OldPassword>>,
    login: Option<Login>,
    card: Option<Card>,
    identity: Option<Identity>,
    secure_note: Option<SecureNote>,
    ssh_key: Option<SshKey>,
    bank_account: Option<BankAccount>,
    drivers_license: Option<DriversLicense>,
    passport: Option<Passport>,
    data: Option<String>,
    last_known_revision_date: Option<String>,
    archived_date: Option<String>,
}

/// A request whose form is right.
#[derive(Debug)]
pub struct Sealed {
    /// The item.
    pub new: NewCipher,
    /// The revision the client had before it.
    pub known: Option<KnownRevision>,
    /// The organization it shall belong to, or belongs to.
    pub organization: Option<OrganizationId>,
    encrypted_for: Option<UserId>,
    encrypted_by_key_id: Option<String>,
}

/// What is in an item, in the order in which it is kept.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    #[serde(rename = "type")]
    kind: CipherKind,
    data: Option<&'a str>,
    name: Option<&'a str>,
    notes: Option<&'a str>,
    login: Option<&'a Login>,
    card: Option<&'a Card>,
    identity: Option<&'a Identity>,
    secure_note: Option<&'a SecureNote>,
    ssh_key: Option<&'a SshKey>,
    bank_account: Option<&'a BankAccount>,
    drivers_license: Option<&'a DriversLicense>,
    passport: Option<&'a Passport>,
    fields: Option<&'a [Field]>,
    password_history: Option<&'a [OldPassword]>,
    reprompt: u8,
    key: Option<&'a str>,
}

impl CipherRequest {
    /// Checks the form. `path` stands before the names of fields: `Ciphers[3].`.
    ///
    /// # Errors
    /// 400 that names every field at fault; 404 for an organization that is none.
    pub fn checked(mut self, path: &str) -> Answer<Sealed> {
        let mut wrong = Wrong::new();
        let kind = CipherKind::from_number(self.kind);
        if kind.is_none() {
            wrong.push((format!("{path}Type"), UNKNOWN_KIND.to_owned()));
        }
        if let Some(login) = &mut self.login {
            login.tidy();
        }
        self.check(path, &mut wrong);
        let blob = self.data.as_deref().filter(|data| is_sealed_whole(data));
        if let Some(kind) = kind
            && blob.is_none()
            && !self.has_part(kind)
        {
            wrong.push((
                format!("{path}Type"),
                "The details for this type of item are missing.".to_owned(),
            ));
        }
        let known = self.date(
            &self.last_known_revision_date,
            path,
            "LastKnownRevisionDate",
            KnownRevision::parse,
            &mut wrong,
        );
        let archived = self.date(&self.archived_date, path, "ArchivedDate", Timestamp::parse, &mut wrong);
        if let Some(problem) = Problem::fields(wrong) {
            return Err(problem);
        }
        let kind = kind.ok_or_else(|| Problem::field(format!("{path}Type"), UNKNOWN_KIND))?;
        let organization = match self.organization_id.as_deref().map(str::trim) {
            None | Some("") => None,
            Some(id) => Some(id.parse::<OrganizationId>().map_err(|_| Problem::not_found())?),
        };
        let folder = folder_id(self.folder_id.as_deref())?;
        Ok(Sealed {
            new: NewCipher {
                kind,
                content: self.content(kind, blob),
                folder,
                favorite: self.favorite.unwrap_or(false),
                archived,
            },
            known,
            organization,
            encrypted_for: self.encrypted_for.map(UserId),
            encrypted_by_key_id: self.encrypted_by_key_id.clone(),
        })
    }

    fn date<T>(
        &self,
        text: &Option<String>,
        path: &str,
        field: &str,
        parse: impl Fn(&str) -> Option<T>,
        wrong: &mut Wrong,
    ) -> Option<T> {
        let text = text.as_deref()?;
        let parsed = parse(text);
        if parsed.is_none() {
            wrong.push((format!("{path}{field}"), format!("{field} is not a date and time.")));
        }
        parsed
    }

    fn check(&self, path: &str, wrong: &mut Wrong) {
        if self.name.as_deref().unwrap_or_default().is_empty() {
            wrong.push((format!("{path}Name"), "The Name field is required.".to_owned()));
        } else {
            sealed(self.name.as_deref(), 1_000, &format!("{path}Name"), wrong);
        }
        sealed(self.notes.as_deref(), 10_000, &format!("{path}Notes"), wrong);
        let key = self.key.as_deref().filter(|key| !key.is_empty());
        sealed(key, MAX_KEY, &format!("{path}Key"), wrong);
        if self.reprompt.unwrap_or(0) > 1 {
            wrong.push((
                format!("{path}Reprompt"),
                "The field Reprompt must be between 0 and 1.".to_owned(),
            ));
        }
        if self.encrypted_by_key_id.as_deref().is_some_and(|id| !is_key_id(id)) {
            wrong.push((
                format!("{path}EncryptedByKeyId"),
                "EncryptedByKeyId is not a valid key id.".to_owned(),
            ));
        }
        if self.data.as_deref().is_some_and(|data| data.chars().count() > MAX_DATA) {
            let text = format!("The field Data must be a string with a maximum length of {MAX_DATA}.");
            wrong.push((format!("{path}Data"), text));
        }
        for (index, field) in self.fields.iter().flatten().enumerate() {
            field.check(&format!("{path}Fields[{index}]."), wrong);
        }
        for (index, old) in self.password_history.iter().flatten().enumerate() {
            old.check(&format!("{path}PasswordHistory[{index}]."), wrong);
        }
        macro_rules! parts {
            ($($part:ident $name:literal),*) => {$(
                if let Some(part) = &self.$part {
                    part.check(&format!("{path}{}.", $name), wrong);
                }
            )*};
        }
        parts!(login "Login", card "Card", identity "Identity", ssh_key "SshKey", bank_account "BankAccount",
            drivers_license "DriversLicense", passport "Passport");
    }

    /// Whether the object for the kind of item was sent.
    fn has_part(&self, kind: CipherKind) -> bool {
        match kind {
            CipherKind::Login => self.login.is_some(),
            CipherKind::SecureNote => self.secure_note.is_some(),
            CipherKind::Card => self.card.is_some(),
            CipherKind::Identity => self.identity.is_some(),
            CipherKind::SshKey => self.ssh_key.is_some(),
            CipherKind::BankAccount => self.bank_account.is_some(),
            CipherKind::DriversLicense => self.drivers_license.is_some(),
            CipherKind::Passport => self.passport.is_some(),
        }
    }

    /// What is kept: of an item that is sealed as a whole nothing but the whole; of another the object of its kind.
    fn content(&self, kind: CipherKind, blob: Option<&str>) -> Content {
        fn only<T>(part: &Option<T>, wanted: bool) -> Option<&T> {
            part.as_ref().filter(|_| wanted)
        }
        let typed = blob.is_none();
        let is = |wanted: CipherKind| typed && kind == wanted;
        let members = Members {
            kind,
            data: blob,
            name: self.name.as_deref().filter(|_| typed),
            notes: self.notes.as_deref().filter(|_| typed),
            login: only(&self.login, is(CipherKind::Login)),
            card: only(&self.card, is(CipherKind::Card)),
            identity: only(&self.identity, is(CipherKind::Identity)),
            secure_note: only(&self.secure_note, is(CipherKind::SecureNote)),
            ssh_key: only(&self.ssh_key, is(CipherKind::SshKey)),
            bank_account: only(&self.bank_account, is(CipherKind::BankAccount)),
            drivers_license: only(&self.drivers_license, is(CipherKind::DriversLicense)),
            passport: only(&self.passport, is(CipherKind::Passport)),
            fields: self.fields.as_deref().filter(|_| typed),
            password_history: self.password_history.as_deref().filter(|_| typed),
            reprompt: self.reprompt.unwrap_or(0),
            key: self.key.as_deref().filter(|key| !key.is_empty()),
        };
        Content::new(to_raw_value(&members).expect("items hold nothing that JSON cannot"))
    }
}

/// Whether `data` is an item sealed as a whole: a JSON object that names its format. Some clients send back other texts
/// they were once sent; those say nothing.
fn is_sealed_whole(data: &str) -> bool {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow, rename = "format_version")]
        _format_version: &'a RawValue,
    }
    serde_json::from_str::<Named<'_>>(data).is_ok()
}

impl Sealed {
    /// A personal item and nothing else.
    ///
    /// # Errors
    /// 404 if it names an organization, where there is none to belong to.
    pub fn personal(self) -> Answer<Self> {
        match self.organization {
            None => Ok(self),
            Some(_) => Err(Problem::not_found()),
        }
    }

    /// Whether it was sealed by `user` with the present key, as far as the request says.
    ///
    /// # Errors
    /// 400 if it was sealed for somebody else or with an old key.
    pub async fn check_for(&self, app: &WriteApi, user: UserId) -> Answer<()> {
        // what belongs to an organization is sealed with its key
        if self.organization.is_some() {
            return Ok(());
        }
        if self.encrypted_for.is_some_and(|id| id != user) {
            return Err(Problem::bad_request(
                "Cipher was not encrypted for the current user. Please try again.",
            ));
        }
        let Some(key_id) = &self.encrypted_by_key_id else {
            return Ok(());
        };
        let account = app.executor.state::<User>(user).await?;
        let present = account.live().and_then(|account| account.key_id.as_ref());
        if present.is_some_and(|present| !present.eq_ignore_ascii_case(key_id)) {
            return Err(Problem::bad_request(
                "Cipher was not encrypted with the current user key. Please try again.",
            ));
        }
        Ok(())
    }
}
