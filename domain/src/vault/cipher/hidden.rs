//! What somebody may not see of an item stays as it is when they change the rest.

use super::Content;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

type Part = Option<Box<RawValue>>;

/// The members of [`Content`], in its order. With one that is not among them nothing is merged: it would be lost.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Members {
    #[serde(rename = "type")]
    kind: Part,
    data: Part,
    name: Part,
    notes: Part,
    login: Option<Login>,
    card: Part,
    identity: Part,
    secure_note: Part,
    ssh_key: Part,
    bank_account: Part,
    drivers_license: Part,
    passport: Part,
    fields: Option<Vec<Box<RawValue>>>,
    password_history: Part,
    reprompt: Part,
    key: Part,
}

/// `CipherLoginModel`.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Login {
    uri: Part,
    uris: Part,
    username: Part,
    password: Part,
    password_revision_date: Part,
    totp: Part,
    autofill_on_page_load: Part,
    fido2_credentials: Part,
}

/// Whether a field of one's own is of the type that is shown as dots (`FieldType.Hidden`).
fn is_hidden(field: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: Option<i64>,
    }
    serde_json::from_str::<Typed>(field.get()).is_ok_and(|field| field.kind == Some(1))
}

impl Content {
    /// This content with what is hidden from who may not see passwords as it is in `stored`: password, one-time code, passkeys, hidden
    /// fields, former passwords and the item's own key. `None` if that cannot be told apart: one of them is sealed as a whole,
    /// or has a key of its own and the other has none.
    pub fn keeping_hidden(&self, stored: &Self) -> Option<Self> {
        let mut new: Members = serde_json::from_str(self.0.get()).ok()?;
        let old: Members = serde_json::from_str(stored.0.get()).ok()?;
        if new.data.is_some() || old.data.is_some() || new.key.is_some() != old.key.is_some() {
            return None;
        }
        // the same key, sealed anew: what is kept is under it as well
        new.key = old.key;
        match (&mut new.login, old.login) {
            (Some(new), Some(old)) => {
                new.password = old.password;
                new.password_revision_date = old.password_revision_date;
                new.totp = old.totp;
                new.fido2_credentials = old.fido2_credentials;
            }
            (None, None) => {}
            _ => return None,
        }
        let shown = new.fields.unwrap_or_default().into_iter();
        let kept = old.fields.unwrap_or_default().into_iter();
        let fields: Vec<_> = shown
            .filter(|field| !is_hidden(field))
            .chain(kept.filter(|field| is_hidden(field)))
            .collect();
        new.fields = (!fields.is_empty()).then_some(fields);
        new.password_history = old.password_history;
        to_raw_value(&new).ok().map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str) -> Content {
        Content::new(RawValue::from_string(text.to_owned()).unwrap())
    }

    const STORED: &str = r#"{"type":1,"data":null,"name":"n","notes":null,"login":{"uri":"u","uris":[{"uri":"u"}],"username":"ann","password":"p","passwordRevisionDate":null,"totp":"t","autofillOnPageLoad":null,"fido2Credentials":[{"a":1}]},"card":null,"identity":null,"secureNote":null,"sshKey":null,"bankAccount":null,"driversLicense":null,"passport":null,"fields":[{"type":1,"value":"hidden"},{"type":0,"value":"shown"}],"passwordHistory":[{"password":"old"}],"reprompt":0,"key":"k1"}"#;

    #[test]
    fn what_is_hidden_stays_and_the_rest_changes() {
        let new = STORED
            .replace(r#""name":"n""#, r#""name":"other""#)
            .replace(r#""username":"ann""#, r#""username":"ben""#)
            .replace(r#""password":"p""#, r#""password":"guessed""#)
            .replace(r#""totp":"t""#, r#""totp":null"#)
            .replace(r#"[{"a":1}]"#, "null")
            .replace(
                r#"[{"type":1,"value":"hidden"},{"type":0,"value":"shown"}]"#,
                r#"[{"type":0,"value":"more"},{"type":1,"value":"put in"}]"#,
            )
            .replace(r#"[{"password":"old"}]"#, "[]")
            .replace("k1", "k2");
        let merged = content(&new).keeping_hidden(&content(STORED)).unwrap();
        let expected = STORED
            .replace(r#""name":"n""#, r#""name":"other""#)
            .replace(r#""username":"ann""#, r#""username":"ben""#)
            .replace(
                r#"[{"type":1,"value":"hidden"},{"type":0,"value":"shown"}]"#,
                r#"[{"type":0,"value":"more"},{"type":1,"value":"hidden"}]"#,
            );
        assert_eq!(merged, content(&expected));
        // who changes nothing changes nothing, but for where hidden fields stand
        let again = merged.keeping_hidden(&merged).unwrap();
        assert_eq!(again, merged);
    }

    #[test]
    fn what_cannot_be_told_apart_is_not_merged() {
        let whole = STORED.replace(r#""data":null"#, r#""data":"{\"format_version\":1}""#);
        let without_a_key = STORED.replace(r#""key":"k1""#, r#""key":null"#);
        for (new, stored) in [
            (whole.as_str(), STORED),
            (STORED, whole.as_str()),
            (without_a_key.as_str(), STORED),
            (STORED, without_a_key.as_str()),
        ] {
            assert_eq!(content(new).keeping_hidden(&content(stored)), None);
        }
        let kept = content(&without_a_key).keeping_hidden(&content(&without_a_key));
        assert!(kept.is_some());
    }
}
