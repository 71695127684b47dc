//! The typed parts of an item: read from requests, checked for form, and written as clients will read them.
//!
//! Limits: `models.json`. Every member is always written, null if it was not sent.

use super::check::{Wrong, pascal, sealed};
use domain::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

/// Defines an object of sealed texts: `field: limit in characters`.
macro_rules! sealed_object {
    ($($(#[$doc:meta])* $name:ident { $($key:literal $field:ident: $max:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Deserialize, Serialize)]
        pub struct $name {
            $(#[serde(default, rename = $key)] $field: Option<String>,)*
        }
        impl $name {
            pub(super) fn check(&self, path: &str, wrong: &mut Wrong) {
                $(sealed(self.$field.as_deref(), $max, &format!("{path}{}", pascal($key)), wrong);)*
            }
        }
    )*};
}

sealed_object! {
    /// `CipherCardModel`.
    Card {
        "cardholderName" cardholder_name: 1000, "brand" brand: 1000, "number" number: 1000, "expMonth" exp_month: 1000,
        "expYear" exp_year: 1000, "code" code: 1000,
    }
    /// `CipherIdentityModel`.
    Identity {
        "title" title: 1000, "firstName" first_name: 1000, "middleName" middle_name: 1000, "lastName" last_name: 1000,
        "address1" address1: 1000, "address2" address2: 1000, "address3" address3: 1000, "city" city: 1000,
        "state" state: 1000, "postalCode" postal_code: 1000, "country" country: 1000, "company" company: 1000,
        "email" email: 1000, "phone" phone: 1000, "ssn" ssn: 1000, "username" username: 1000,
        "passportNumber" passport_number: 1000, "licenseNumber" license_number: 1000,
    }
    /// `CipherSSHKeyModel`.
    SshKey { "privateKey" private_key: 5000, "publicKey" public_key: 5000, "keyFingerprint" key_fingerprint: 1000 }
    /// `CipherBankAccountModel`.
    BankAccount {
        "bankName" bank_name: 1000, "nameOnAccount" name_on_account: 1000, "accountType" account_type: 1000,
        "accountNumber" account_number: 1000, "routingNumber" routing_number: 1000, "branchNumber" branch_number: 1000,
        "pin" pin: 1000, "swiftCode" swift_code: 1000, "iban" iban: 1000, "bankContactPhone" bank_contact_phone: 1000,
    }
    /// `CipherDriversLicenseModel`.
    DriversLicense {
        "firstName" first_name: 1000, "middleName" middle_name: 1000, "lastName" last_name: 1000,
        "dateOfBirth" date_of_birth: 1000, "licenseNumber" license_number: 1000, "issuingCountry" issuing_country: 1000,
        "issuingState" issuing_state: 1000, "issueDate" issue_date: 1000, "issuingAuthority" issuing_authority: 1000,
        "expirationDate" expiration_date: 1000, "licenseClass" license_class: 1000,
    }
    /// `CipherPassportModel`.
    Passport {
        "surname" surname: 1000, "givenName" given_name: 1000, "dateOfBirth" date_of_birth: 1000, "sex" sex: 1000,
        "birthPlace" birth_place: 1000, "nationality" nationality: 1000, "passportNumber" passport_number: 1000,
        "passportType" passport_type: 1000, "issuingCountry" issuing_country: 1000,
        "issuingAuthority" issuing_authority: 1000, "issueDate" issue_date: 1000,
        "expirationDate" expiration_date: 1000,
        "nationalIdentificationNumber" national_identification_number: 1000,
    }
}

/// `CipherSecureNoteModel`: there is one type of note.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct SecureNote {
    #[serde(default, rename = "type", deserialize_with = "generic")]
    kind: u8,
}

fn generic<'de, D: Deserializer<'de>>(d: D) -> Result<u8, D::Error> {
    match Option::<u8>::deserialize(d)? {
        None | Some(0) => Ok(0),
        Some(_) => Err(serde::de::Error::custom("no such type of note")),
    }
}

/// `CipherLoginModel`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Login {
    uri: Option<String>,
    uris: Option<Vec<Option<LoginUri>>>,
    username: Option<String>,
    password: Option<String>,
    password_revision_date: Option<String>,
    totp: Option<String>,
    autofill_on_page_load: Option<bool>,
    fido2_credentials: Option<Vec<Fido2Credential>>,
}

impl Login {
    /// Clients read `uris`; `uri` is the first of them, and all there is for the oldest clients.
    pub(super) fn tidy(&mut self) {
        if let Some(uris) = &mut self.uris {
            uris.retain(Option::is_some);
        }
        if self.uris.is_none()
            && let Some(uri) = &self.uri
        {
            self.uris = Some(vec![Some(LoginUri {
                uri: Some(uri.clone()),
                uri_checksum: None,
                matching: None,
            })]);
        }
        self.uri = self
            .uris
            .iter()
            .flatten()
            .flatten()
            .next()
            .and_then(|first| first.uri.clone());
    }

    pub(super) fn check(&self, path: &str, wrong: &mut Wrong) {
        sealed(self.uri.as_deref(), 10_000, &format!("{path}Uri"), wrong);
        sealed(self.username.as_deref(), 1_000, &format!("{path}Username"), wrong);
        sealed(self.password.as_deref(), 5_000, &format!("{path}Password"), wrong);
        sealed(self.totp.as_deref(), 1_000, &format!("{path}Totp"), wrong);
        date(
            self.password_revision_date.as_deref(),
            &format!("{path}PasswordRevisionDate"),
            wrong,
        );
        for (index, uri) in self.uris.iter().flatten().flatten().enumerate() {
            let path = format!("{path}Uris[{index}].");
            sealed(uri.uri.as_deref(), 10_000, &format!("{path}Uri"), wrong);
            sealed(
                uri.uri_checksum.as_deref(),
                10_000,
                &format!("{path}UriChecksum"),
                wrong,
            );
            if uri.matching.is_some_and(|number| number > 5) {
                wrong.push((
                    format!("{path}Match"),
                    "The field Match must be between 0 and 5.".to_owned(),
                ));
            }
        }
        for (index, credential) in self.fido2_credentials.iter().flatten().enumerate() {
            credential.check(&format!("{path}Fido2Credentials[{index}]."), wrong);
        }
    }
}

/// `CipherLoginUriModel`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct LoginUri {
    uri: Option<String>,
    uri_checksum: Option<String>,
    #[serde(default, rename = "match")]
    matching: Option<u8>,
}

/// `CipherFido2CredentialModel`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Fido2Credential {
    #[serde(flatten)]
    sealed: Fido2Sealed,
    creation_date: Option<String>,
}

sealed_object! {
    /// The sealed texts of a passkey.
    Fido2Sealed {
        "credentialId" credential_id: 1000, "keyType" key_type: 1000, "keyAlgorithm" key_algorithm: 1000,
        "keyCurve" key_curve: 1000, "keyValue" key_value: 1000, "rpId" rp_id: 1000, "rpName" rp_name: 1000,
        "userHandle" user_handle: 1000, "userName" user_name: 1000, "userDisplayName" user_display_name: 1000,
        "counter" counter: 1000, "discoverable" discoverable: 1000,
    }
}

impl Fido2Credential {
    fn check(&self, path: &str, wrong: &mut Wrong) {
        self.sealed.check(path, wrong);
        required_date(self.creation_date.as_deref(), path, "CreationDate", wrong);
    }
}

/// `CipherFieldModel`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    #[serde(rename = "type")]
    kind: u8,
    name: Option<String>,
    value: Option<String>,
    linked_id: Option<i32>,
}

impl Field {
    pub(super) fn check(&self, path: &str, wrong: &mut Wrong) {
        if self.kind > 3 {
            wrong.push((
                format!("{path}Type"),
                "The field Type must be between 0 and 3.".to_owned(),
            ));
        }
        sealed(self.name.as_deref(), 1_000, &format!("{path}Name"), wrong);
        sealed(self.value.as_deref(), 5_000, &format!("{path}Value"), wrong);
    }
}

/// `CipherPasswordHistoryModel`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OldPassword {
    password: Option<String>,
    last_used_date: Option<String>,
}

impl OldPassword {
    pub(super) fn check(&self, path: &str, wrong: &mut Wrong) {
        if self.password.is_none() {
            wrong.push((format!("{path}Password"), "The Password field is required.".to_owned()));
        }
        sealed(self.password.as_deref(), 5_000, &format!("{path}Password"), wrong);
        required_date(self.last_used_date.as_deref(), path, "LastUsedDate", wrong);
    }
}

fn required_date(text: Option<&str>, path: &str, field: &str, wrong: &mut Wrong) {
    match text {
        None => wrong.push((format!("{path}{field}"), format!("The {field} field is required."))),
        text => date(text, &format!("{path}{field}"), wrong),
    }
}

fn date(text: Option<&str>, path: &str, wrong: &mut Wrong) {
    if text.is_some_and(|text| Timestamp::parse(text).is_none()) {
        let field = path.rsplit('.').next().unwrap_or(path);
        wrong.push((path.to_owned(), format!("{field} is not a date and time.")));
    }
}
