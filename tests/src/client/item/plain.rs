//! Items of all eight kinds in clear text.

use serde_json::{Value, json};

/// The kinds of items, by their number in requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Login = 1,
    SecureNote = 2,
    Card = 3,
    Identity = 4,
    SshKey = 5,
    BankAccount = 6,
    DriversLicense = 7,
    Passport = 8,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Login,
        Self::SecureNote,
        Self::Card,
        Self::Identity,
        Self::SshKey,
        Self::BankAccount,
        Self::DriversLicense,
        Self::Passport,
    ];

    /// The field of a request and of an answer that holds what only this kind has.
    pub fn field(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::SecureNote => "secureNote",
            Self::Card => "card",
            Self::Identity => "identity",
            Self::SshKey => "sshKey",
            Self::BankAccount => "bankAccount",
            Self::DriversLicense => "driversLicense",
            Self::Passport => "passport",
        }
    }
}

/// An item of this kind with nothing but a name and what the kind demands.
pub fn minimal(kind: Kind, name: &str) -> Value {
    let inside = match kind {
        Kind::SecureNote => json!({"type": 0}),
        Kind::SshKey => json!({"privateKey": "private", "publicKey": "public", "keyFingerprint": "fingerprint"}),
        Kind::Login => json!({"username": "someone", "password": "hunter2"}),
        _ => json!({}),
    };
    json!({"type": kind as u8, "name": name, "favorite": false, "reprompt": 0, kind.field(): inside})
}

/// An item of this kind with every field filled, own fields of all four types, and old passwords.
pub fn full(kind: Kind, name: &str) -> Value {
    json!({
        "type": kind as u8,
        "name": name,
        "notes": "several\nlines of notes, é ü 漢字 🔑",
        "favorite": true,
        "reprompt": 1,
        kind.field(): inside(kind),
        "fields": [
            {"type": 0, "name": "text", "value": "visible", "linkedId": null},
            {"type": 1, "name": "hidden", "value": "secret", "linkedId": null},
            {"type": 2, "name": "boolean", "value": "true", "linkedId": null},
            {"type": 3, "name": "linked", "value": null, "linkedId": 100},
        ],
        "passwordHistory": [
            {"password": "the one before", "lastUsedDate": "2026-01-02T03:04:05.678Z"},
            {"password": "the first", "lastUsedDate": "2025-01-02T03:04:05.678Z"},
        ],
    })
}

fn inside(kind: Kind) -> Value {
    match kind {
        Kind::Login => login(),
        Kind::SecureNote => json!({"type": 0}),
        Kind::SshKey => {
            json!({"privateKey": "-----BEGIN OPENSSH PRIVATE KEY-----", "publicKey": "ssh-ed25519 AAAA", "keyFingerprint": "SHA256:abc"})
        }
        Kind::Card => texts(&["cardholderName", "brand", "number", "expMonth", "expYear", "code"]),
        Kind::Identity => texts(&[
            "title",
            "firstName",
            "middleName",
            "lastName",
            "address1",
            "address2",
            "address3",
            "city",
            "state",
            "postalCode",
            "country",
            "company",
            "email",
            "phone",
            "ssn",
            "username",
            "passportNumber",
            "licenseNumber",
        ]),
        Kind::BankAccount => texts(&[
            "bankName",
            "nameOnAccount",
            "accountType",
            "accountNumber",
            "routingNumber",
            "branchNumber",
            "pin",
            "swiftCode",
            "iban",
            "bankContactPhone",
        ]),
        Kind::DriversLicense => texts(&[
            "firstName",
            "middleName",
            "lastName",
            "dateOfBirth",
            "licenseNumber",
            "issuingCountry",
            "issuingState",
            "issueDate",
            "issuingAuthority",
            "expirationDate",
            "licenseClass",
        ]),
        Kind::Passport => texts(&[
            "surname",
            "givenName",
            "dateOfBirth",
            "sex",
            "birthPlace",
            "nationality",
            "passportNumber",
            "passportType",
            "issuingCountry",
            "issuingAuthority",
            "issueDate",
            "expirationDate",
            "nationalIdentificationNumber",
        ]),
    }
}

/// One text per field, each different, so that exchanged fields are noticed. Dates are dates: official clients parse them.
fn texts(names: &[&str]) -> Value {
    let text = |name: &str| match name {
        "dateOfBirth" => "1990-01-15".to_owned(),
        "issueDate" => "2020-06-01".to_owned(),
        "expirationDate" => "2030-06-02".to_owned(),
        other => format!("the {other}"),
    };
    names
        .iter()
        .map(|name| ((*name).to_owned(), json!(text(name))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn login() -> Value {
    let mut passkey = texts(&[
        "credentialId",
        "keyType",
        "keyAlgorithm",
        "keyCurve",
        "keyValue",
        "rpId",
        "rpName",
        "userHandle",
        "userName",
        "userDisplayName",
        "counter",
        "discoverable",
    ]);
    passkey["creationDate"] = json!("2026-03-04T05:06:07.891Z");
    json!({
        "username": "someone@example.com",
        "password": "correct horse",
        "passwordRevisionDate": "2026-02-03T04:05:06.789Z",
        "totp": "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ",
        "autofillOnPageLoad": true,
        "uris": [
            {"uri": "https://example.com/login", "uriChecksum": "checksum one", "match": null},
            {"uri": "https://other.example.com", "uriChecksum": "checksum two", "match": 3},
        ],
        "fido2Credentials": [passkey],
    })
}
