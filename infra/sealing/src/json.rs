//! Finding our tags in event JSON without parsing it.
//!
//! The input is compact JSON (see the crate's documentation for what that rests on). Most events carry no tag: one search
//! for three bytes tells. In the others only the stretch up to the last tag is walked, to know the path of each one.

use memchr::{memchr2, memmem};
use std::ops::Range;
use std::sync::LazyLock;

/// How every tag begins. Inside a string the quote would follow a backslash.
const TAG_START: &[u8] = b"{\"$";

static FINDER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(TAG_START));

/// Deeper JSON than this cannot be read back by `serde_json`.
const MAX_DEPTH: usize = 128;

/// The bytes are no JSON, or have a tag where none may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

enum Step {
    /// In an object, at the value of this key (with its quotes).
    Key(Range<usize>),
    /// In an array, at this index.
    Index(u32),
}

/// Where in the document a walk is.
#[derive(Default)]
pub struct Path(Vec<Step>);

impl Path {
    /// Appends the path: keys as they are written, with their quotes, and indexes in brackets. No two places of a document
    /// without duplicate keys have the same.
    pub fn write(&self, json: &[u8], out: &mut Vec<u8>) {
        for step in &self.0 {
            match step {
                Step::Key(key) => out.extend_from_slice(&json[key.clone()]),
                Step::Index(index) => {
                    out.push(b'[');
                    out.extend_from_slice(&index.to_be_bytes());
                }
            }
        }
    }

    fn enter(&mut self, step: Step) -> Result<(), Broken> {
        if self.0.len() == MAX_DEPTH {
            return Err(Broken);
        }
        self.0.push(step);
        Ok(())
    }
}

/// Calls `at` with the place of every object whose first key begins with `$`. It answers with the end of the object if it
/// deals with it, or `None` to have the walk go into it.
pub fn walk(json: &[u8], mut at: impl FnMut(usize, &Path) -> Result<Option<usize>, Broken>) -> Result<(), Broken> {
    let Some(mut tag) = FINDER.find(json) else {
        return Ok(());
    };
    let (mut path, mut i) = (Path::default(), 0);
    loop {
        if i == tag {
            match at(i, &path)? {
                Some(end) => i = end,
                None => {
                    path.enter(Step::Key(0..0))?;
                    i += 1;
                }
            }
            match FINDER.find(json.get(i..).ok_or(Broken)?) {
                Some(further) => tag = i + further,
                None => return Ok(()),
            }
            continue;
        }
        match json[i] {
            b'"' => {
                let end = string_end(json, i).ok_or(Broken)?;
                if json.get(end) == Some(&b':') {
                    *path.0.last_mut().ok_or(Broken)? = Step::Key(i..end);
                }
                i = end;
            }
            b'{' => {
                path.enter(Step::Key(0..0))?;
                i += 1;
            }
            b'[' => {
                path.enter(Step::Index(0))?;
                i += 1;
            }
            b'}' | b']' => {
                path.0.pop().ok_or(Broken)?;
                i += 1;
            }
            b',' => {
                if let Some(Step::Index(index)) = path.0.last_mut() {
                    *index += 1;
                }
                i += 1;
            }
            _ => i += 1,
        }
        if i > tag {
            return Err(Broken); // the tag was in a string, which JSON cannot have
        }
    }
}

/// The end of the string that begins at `i` with its quote; just behind the closing one.
fn string_end(json: &[u8], i: usize) -> Option<usize> {
    let mut i = i + 1;
    loop {
        i += memchr2(b'"', b'\\', json.get(i..)?)?;
        if json[i] == b'"' {
            return Some(i + 1);
        }
        i += 2;
    }
}

/// The end of the value that begins at `i`.
pub fn value_end(json: &[u8], i: usize) -> Option<usize> {
    match json.get(i)? {
        b'"' => string_end(json, i),
        b'{' | b'[' => {
            let (mut depth, mut i) = (0_usize, i);
            loop {
                match json.get(i)? {
                    b'"' => {
                        i = string_end(json, i)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                i += 1;
                if depth == 0 {
                    return Some(i);
                }
            }
        }
        _ => {
            let len = json[i..].iter().position(|byte| matches!(byte, b',' | b'}' | b']'))?;
            (len > 0).then_some(i + len)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths at which objects with a `$` key stand.
    fn places(json: &str) -> Result<Vec<String>, Broken> {
        let mut found = Vec::new();
        walk(json.as_bytes(), |i, path| {
            let mut place = Vec::new();
            path.write(json.as_bytes(), &mut place);
            found.push(String::from_utf8(place).unwrap());
            Ok(value_end(json.as_bytes(), i))
        })?;
        Ok(found)
    }

    #[test]
    fn tags_are_found_with_the_path_they_stand_at() {
        assert_eq!(places(r#"{"$a":1}"#).unwrap(), [""]);
        assert_eq!(
            places(r#"{"n":"x","e":{"$a":{"x":[1,"}"]}},"t":{"u":{"$a":1}}}"#).unwrap(),
            [r#""e""#, r#""t""u""#]
        );
        let listed = places(r#"{"l":[1,{"$a":1},[],{"m":{"$a":"\\"}}]}"#).unwrap();
        assert_eq!(listed, ["\"l\"[\0\0\0\u{1}", "\"l\"[\0\0\0\u{3}\"m\""]);
        assert!(places(r#"{"plain":[{"a":null}]}"#).unwrap().is_empty());
    }

    #[test]
    fn strings_that_look_like_tags_are_strings() {
        for text in [
            r#"{"$a":1}"#,
            r#"\{"$a":1}"#,
            r#"","x":{"$a":1},""#,
            r#"{"$"#,
            "{\\",
            "\\\\{\"$",
        ] {
            let json =
                serde_json::to_string(&serde_json::json!({ "name": text, (text): [text, { "k": text }] })).unwrap();
            assert_eq!(places(&json), Ok(vec![]), "{json}");
            let json = serde_json::to_string(&serde_json::json!({ "a": text, "b": {"$a": text}, "c": text })).unwrap();
            assert_eq!(places(&json), Ok(vec![r#""b""#.to_owned()]), "{json}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused_and_never_panics() {
        for json in [r#""{"$a":1}"#, r#"}{"$a":1}"#, r#""a":{"$a":1}"#, r#"{"a":"{"$a":1}"#] {
            assert_eq!(places(json), Err(Broken), "{json}");
        }
        assert_eq!(places(&format!(r#"{}{{"$a":1}}"#, "[".repeat(1000))), Err(Broken));
    }
}
