//! Time as clients keep it: whole milliseconds.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z.
///
/// In events it is stored as that number. Towards clients it is written by [`Timestamp::iso`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// The last moment a [`Timestamp`] can show with a year of four digits: 9999-12-31T23:59:59.999Z.
const MAX_MILLIS: i64 = 253_402_300_799_999;
/// The first: 0000-01-01T00:00:00Z.
const MIN_MILLIS: i64 = -62_167_219_200_000;

impl Timestamp {
    /// The text clients are sent: `2026-11-22T15:34:40.123Z`, always three decimals, always UTC.
    pub fn iso(self) -> String {
        DateTime::<Utc>::from_timestamp_millis(self.0.clamp(MIN_MILLIS, MAX_MILLIS))
            .unwrap_or_default()
            .to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// Reads an ISO 8601 date-time as clients send it: any number of decimals, `Z` or an offset; a date-time without
    /// an offset counts as UTC. Decimals past the third are cut off. `None` for anything else and for years outside
    /// 0 to 9999.
    pub fn parse(text: &str) -> Option<Self> {
        let millis = DateTime::parse_from_rfc3339(text)
            .map(|t| t.timestamp_millis())
            .ok()
            .or_else(|| {
                chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
                    .ok()
                    .map(|t| t.and_utc().timestamp_millis())
            })?;
        (MIN_MILLIS..=MAX_MILLIS).contains(&millis).then_some(Self(millis))
    }

    /// The earliest time an event may carry that follows one at `self`: a millisecond later, or `now` if that is later.
    #[must_use]
    pub fn next(self, now: Timestamp) -> Timestamp {
        now.max(Timestamp(self.0 + 1))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        i64::deserialize(d).map(Self)
    }
}

/// `#[serde(with = "domain::time::iso")]`: a [`Timestamp`] as ISO text, for JSON that clients see.
pub mod iso {
    use super::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes [`Timestamp::iso`].
    pub fn serialize<S: Serializer>(t: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&t.iso())
    }

    /// Reads what [`Timestamp::parse`] reads.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        Timestamp::parse(&text).ok_or_else(|| serde::de::Error::custom("not a date-time"))
    }
}

/// `#[serde(with = "domain::time::iso_option")]`: the same for a value that may be null.
pub mod iso_option {
    use super::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes [`Timestamp::iso`] or null.
    pub fn serialize<S: Serializer>(t: &Option<Timestamp>, s: S) -> Result<S::Ok, S::Error> {
        match t {
            Some(t) => s.serialize_some(&t.iso()),
            None => s.serialize_none(),
        }
    }

    /// Reads what [`Timestamp::parse`] reads, or null.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Timestamp>, D::Error> {
        match Option::<std::borrow::Cow<'_, str>>::deserialize(d)? {
            None => Ok(None),
            Some(text) => Timestamp::parse(&text)
                .map(Some)
                .ok_or_else(|| serde::de::Error::custom("not a date-time")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_clients_are_read_and_written_in_whole_milliseconds() {
        let t = Timestamp::parse("2026-11-22T15:34:40.1234567Z").unwrap();
        assert_eq!(t.iso(), "2026-11-22T15:34:40.123Z");
        assert_eq!(Timestamp::parse("2026-11-22T16:34:40.123+01:00"), Some(t));
        assert_eq!(Timestamp::parse("2026-11-22T15:34:40.123"), Some(t));
        assert_eq!(Timestamp::parse("2026-11-22"), None);
        assert_eq!(Timestamp::parse("+12026-11-22T15:34:40Z"), None);
    }

    #[test]
    fn events_of_a_stream_never_share_a_millisecond() {
        let last = Timestamp(1_000);
        assert_eq!(last.next(Timestamp(900)), Timestamp(1_001));
        assert_eq!(last.next(Timestamp(1_000)), Timestamp(1_001));
        assert_eq!(last.next(Timestamp(5_000)), Timestamp(5_000));
    }
}
