//! Personal data in events: typed, so that nobody forgets to seal it, and erasable.
//!
//! In the bytes of a stored event a [`Personal`] value is an envelope `{"$sealed":{"s":subject,"k":key,"n":…,"c":…}}`.
//! Between store and code it is `{"$personal":{"s":subject,"v":value}}`; `infra/sealing` turns one into the other.
//! When the subject's key is gone, it opens to `"v":null`, which is [`Personal::Erased`]. History stays whole: it is
//! only no longer known whom it was about.

use crate::id::SubjectId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, ser::SerializeMap};

/// The key under which an open personal value stands in event JSON.
pub const OPEN_TAG: &str = "$personal";
/// The key under which a sealed one stands.
pub const SEALED_TAG: &str = "$sealed";

/// A value about somebody, sealed under that somebody's data key when stored.
///
/// `T` must not be an `Option`: a null inside means erased. Where a value may be unset, the `Option` stands outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Personal<T> {
    /// The value, and whose it is.
    Known {
        /// Whose key seals it.
        subject: SubjectId,
        /// The value.
        value: T,
    },
    /// The subject was erased.
    Erased {
        /// Whose value it was.
        subject: SubjectId,
    },
}

impl<T> Personal<T> {
    /// `value`, to be sealed under the key of `subject`.
    pub fn of(subject: impl Into<SubjectId>, value: T) -> Self {
        Self::Known {
            subject: subject.into(),
            value,
        }
    }

    /// The value, unless it was erased.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known { value, .. } => Some(value),
            Self::Erased { .. } => None,
        }
    }

    /// Whose value it is.
    pub fn subject(&self) -> SubjectId {
        match self {
            Self::Known { subject, .. } | Self::Erased { subject } => *subject,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Open<T> {
    s: SubjectId,
    v: Option<T>,
}

impl<T: Serialize> Serialize for Personal<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(1))?;
        map.serialize_entry(
            OPEN_TAG,
            &Open {
                s: self.subject(),
                v: self.known(),
            },
        )?;
        map.end()
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Personal<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(bound = "T: DeserializeOwned")]
        struct Tagged<T> {
            #[serde(rename = "$personal")]
            open: Open<T>,
        }
        let Tagged { open } = Tagged::<T>::deserialize(d)?;
        Ok(match open.v {
            Some(value) => Self::Known { subject: open.s, value },
            None => Self::Erased { subject: open.s },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_without_its_key_reads_as_erased() {
        let ann = SubjectId(uuid::Uuid::from_u128(1));
        let json = serde_json::to_string(&Personal::of(ann, "ann@example.org".to_owned())).unwrap();
        assert_eq!(
            json,
            format!(r#"{{"$personal":{{"s":"{ann}","v":"ann@example.org"}}}}"#)
        );
        let gone: Personal<String> =
            serde_json::from_str(&format!(r#"{{"$personal":{{"s":"{ann}","v":null}}}}"#)).unwrap();
        assert_eq!(gone, Personal::Erased { subject: ann });
    }
}
