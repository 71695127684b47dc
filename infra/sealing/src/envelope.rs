//! The two shapes a personal value has in event JSON, byte by byte, and what an envelope is bound to.

use crate::data_key::{DataKey, NonceBytes, Refused, nonces};
use crate::json::value_end;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::event::StreamName;
use domain::id::SubjectId;
use std::io::Write as _;
use std::ops::Range;
use uuid::Uuid;

const OPEN: &[u8] = b"{\"$personal\":{\"s\":\"";
const SEALED: &[u8] = b"{\"$sealed\":{\"s\":\"";
/// How the object of an envelope begins, whatever follows.
pub const SEALED_START: &[u8] = b"{\"$sealed\":";

/// A value to be sealed.
#[derive(Debug, PartialEq, Eq)]
pub struct Open {
    pub subject: SubjectId,
    /// Where the value stands.
    pub value: Range<usize>,
}

/// A value to be opened.
#[derive(Debug, PartialEq, Eq)]
pub struct Sealed {
    pub subject: SubjectId,
    pub key_no: i32,
    nonce: NonceBytes,
    /// Where the ciphertext stands, in base64url without padding.
    ciphertext: Range<usize>,
}

/// Which part of an event a value stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Data,
    Meta,
}

/// Takes `{"$personal":{"s":…,"v":…}}` at `i` apart; its end, and what is in it. `None` for anything else, and for the
/// value null, which says that it was erased before: there is nothing left to seal.
pub fn open_at(json: &[u8], i: usize) -> Option<(usize, Open)> {
    let (subject, i) = subject_at(json, skip(json, i, OPEN)?)?;
    let start = skip(json, i, b"\",\"v\":")?;
    let end = value_end(json, start)?;
    if &json[start..end] == b"null" {
        return None;
    }
    Some((
        skip(json, end, b"}}")?,
        Open {
            subject,
            value: start..end,
        },
    ))
}

/// Takes `{"$sealed":{"s":…,"k":…,"n":…,"c":…}}` at `i` apart; its end, and what is in it. `None` for anything else.
pub fn sealed_at(json: &[u8], i: usize) -> Option<(usize, Sealed)> {
    let (subject, i) = subject_at(json, skip(json, i, SEALED)?)?;
    let start = skip(json, i, b"\",\"k\":")?;
    let i = value_end(json, start)?;
    let key_no = std::str::from_utf8(&json[start..i]).ok()?.parse().ok()?;
    let start = skip(json, i, b",\"n\":\"")?;
    let i = start + size_of::<NonceBytes>().div_ceil(3) * 4;
    let nonce = URL_SAFE_NO_PAD.decode(json.get(start..i)?).ok()?.try_into().ok()?;
    let start = skip(json, i, b"\",\"c\":\"")?;
    let i = start + memchr::memchr(b'"', &json[start..])?;
    Some((
        skip(json, i, b"\"}}")?,
        Sealed {
            subject,
            key_no,
            nonce,
            ciphertext: start..i,
        },
    ))
}

fn skip(json: &[u8], i: usize, expected: &[u8]) -> Option<usize> {
    json.get(i..)?.starts_with(expected).then_some(i + expected.len())
}

/// A uuid as we write it: hyphenated, lower case.
fn subject_at(json: &[u8], i: usize) -> Option<(SubjectId, usize)> {
    let text = json.get(i..i + uuid::fmt::Hyphenated::LENGTH)?;
    let id = Uuid::try_parse_ascii(text).ok()?;
    let mut again = Uuid::encode_buffer();
    (id.hyphenated().encode_lower(&mut again).as_bytes() == text).then_some((SubjectId(id), i + text.len()))
}

/// What an envelope is bound to: it opens nowhere else.
pub struct Binding<'a> {
    pub stream: &'a StreamName,
    pub event: Uuid,
    pub type_name: &'a str,
    pub part: Part,
    /// The field, as [`crate::json::Path`] writes it.
    pub path: &'a [u8],
}

impl Binding<'_> {
    /// Fixed lengths first, then each text behind its length: no two bindings give the same bytes.
    fn write(&self, subject: SubjectId, key_no: i32, aad: &mut Vec<u8>) {
        aad.clear();
        aad.extend_from_slice(b"annalock event 1");
        aad.extend_from_slice(self.stream.id.as_bytes());
        aad.extend_from_slice(self.event.as_bytes());
        aad.extend_from_slice(subject.0.as_bytes());
        aad.extend_from_slice(&key_no.to_be_bytes());
        aad.push(self.part as u8);
        for text in [self.stream.category.as_bytes(), self.type_name.as_bytes(), self.path] {
            aad.extend_from_slice(&(text.len() as u64).to_be_bytes());
            aad.extend_from_slice(text);
        }
    }
}

/// Room that is used again from value to value.
#[derive(Default)]
pub struct Scratch {
    aad: Vec<u8>,
    text: Vec<u8>,
    /// As many as values are to be sealed; each is taken out when used.
    nonces: Vec<NonceBytes>,
}

impl Scratch {
    /// For sealing `values`.
    pub fn for_sealing(values: usize) -> Result<Self, Refused> {
        Ok(Self {
            nonces: nonces(values)?,
            ..Self::default()
        })
    }
}

/// Appends the envelope of `open` to `out`.
pub fn seal(
    json: &[u8],
    open: &Open,
    (key_no, key): (i32, &DataKey),
    binding: &Binding<'_>,
    Scratch { aad, text, nonces }: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<(), Refused> {
    binding.write(open.subject, key_no, aad);
    text.clear();
    text.extend_from_slice(&json[open.value.clone()]);
    let nonce = nonces.pop().ok_or(Refused)?;
    key.seal(aad, nonce, text, 0)?;
    out.extend_from_slice(SEALED);
    push_subject(open.subject, out);
    out.extend_from_slice(b"\",\"k\":");
    write!(out, "{key_no},\"n\":\"").map_err(|_| Refused)?;
    push_base64(&nonce, out)?;
    out.extend_from_slice(b"\",\"c\":\"");
    push_base64(text, out)?;
    out.extend_from_slice(b"\"}}");
    Ok(())
}

/// Appends the open value of `sealed` to `out`: null if there is no key.
pub fn open(
    json: &[u8],
    sealed: &Sealed,
    key: Option<&DataKey>,
    binding: &Binding<'_>,
    Scratch { aad, text, .. }: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<(), Refused> {
    out.extend_from_slice(OPEN);
    push_subject(sealed.subject, out);
    out.extend_from_slice(b"\",\"v\":");
    match key {
        None => out.extend_from_slice(b"null"),
        Some(key) => {
            binding.write(sealed.subject, sealed.key_no, aad);
            text.clear();
            URL_SAFE_NO_PAD
                .decode_vec(&json[sealed.ciphertext.clone()], text)
                .map_err(|_| Refused)?;
            out.extend_from_slice(key.open(aad, sealed.nonce, text)?);
        }
    }
    out.extend_from_slice(b"}}");
    Ok(())
}

fn push_subject(subject: SubjectId, out: &mut Vec<u8>) {
    out.extend_from_slice(
        subject
            .0
            .hyphenated()
            .encode_lower(&mut Uuid::encode_buffer())
            .as_bytes(),
    );
}

fn push_base64(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Refused> {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let len = URL_SAFE_NO_PAD
        .encode_slice(bytes, &mut out[start..])
        .map_err(|_| Refused)?;
    out.truncate(start + len);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::personal::Personal;

    const ANN: SubjectId = SubjectId(Uuid::from_u128(0xa));

    #[test]
    fn what_personal_values_write_is_what_is_found() {
        for value in ["ann@example.org", "", "\"}}\\"] {
            let json = serde_json::to_vec(&Personal::of(ANN, value)).unwrap();
            let (end, open) = open_at(&json, 0).unwrap();
            assert_eq!((end, open.subject), (json.len(), ANN));
            assert_eq!(json[open.value], serde_json::to_vec(value).unwrap());
        }
        let listed = serde_json::to_vec(&Personal::of(ANN, vec![Some(1), None])).unwrap();
        assert_eq!(listed[open_at(&listed, 0).unwrap().1.value], *b"[1,null]");
        let erased = serde_json::to_vec(&Personal::<u8>::Erased { subject: ANN }).unwrap();
        assert_eq!(open_at(&erased, 0), None);
    }

    #[test]
    fn only_the_exact_shape_is_a_personal_value() {
        for other in [
            r#"{"$personal":{"s":"ID","v":1},"more":2}"#,
            r#"{"$personal":{"s":"ID","v":1,"w":2}}"#,
            r#"{"$personal":{"v":1,"s":"ID"}}"#,
            r#"{"$personal":{"s":"ID"}}"#,
            r#"{"$personal":{"s":"0000000a-0000-0000-0000-00000000000a","v":}}"#,
            r#"{"$personal":{"s":"0000000A-0000-0000-0000-00000000000A","v":1}}"#,
            r#"{"$personal":{"s":"short","v":1}}"#,
            r#"{"$personal":{"s":"ID","v":1}"#,
            r#"{"$personal":{"s":"ID","v":"1}}"#,
            r#"{"$personal":{"s":"ID","v":"#,
            r#"{"$personal":{"s":"ID"#,
            r#"{"$personal":{"s":""#,
            r#"{"$personal":1}"#,
            r#"{ "$personal":{"s":"ID","v":1}}"#,
        ] {
            let json = other.replace("ID", &ANN.to_string());
            assert_eq!(open_at(json.as_bytes(), 0), None, "{json}");
        }
    }
}
