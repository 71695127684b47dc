//! What letters are made of, and how foreign text becomes harmless.

/// A piece of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// A paragraph of our own words.
    Text(String),
    /// Something to copy: a code, a hint.
    Code(String),
    /// Something to follow.
    Link {
        /// What following it does.
        label: &'static str,
        /// Where it leads.
        url: String,
    },
    /// Names and values.
    Facts(Vec<(&'static str, String)>),
}

/// A letter before it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    /// One line.
    pub(super) subject: String,
    /// In order.
    pub(super) blocks: Vec<Block>,
}

impl Draft {
    pub(super) fn links(&self) -> Vec<String> {
        let links = self.blocks.iter().filter_map(|block| match block {
            Block::Link { url, .. } => Some(url.clone()),
            _ => None,
        });
        links.collect()
    }
}

/// One line of at most `max` characters: no line breaks, no control, invisible or direction-changing characters.
pub(super) fn line(text: &str, max: usize) -> String {
    let visible = text
        .chars()
        .map(|c| if c.is_control() || is_format(c) { ' ' } else { c })
        .collect::<String>();
    let line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= max {
        return line;
    }
    line.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}

/// [`line`] for what other people wrote: mail programs turn anything like an address into a link, and a name is a fine
/// place to hide one in a letter that we send. `evil.example/x` becomes `evil[.]example/x`.
pub(super) fn foreign(text: &str, max: usize) -> String {
    let text: Vec<char> = line(text, max).replace("://", "[:]//").chars().collect();
    let mut safe = String::with_capacity(text.len() + 8);
    for (i, c) in text.iter().enumerate() {
        let after_word = i > 0 && text[i - 1].is_alphanumeric();
        let before_label = text[i + 1..]
            .iter()
            .take(2)
            .filter(|c| c.is_alphabetic() || **c == '-')
            .count()
            == 2;
        match c {
            '.' | '。' | '．' | '｡' if after_word && before_label => safe.push_str("[.]"),
            c => safe.push(*c),
        }
    }
    safe
}

/// Characters of Unicode's category Cf that hide or reorder text, and its separators of lines and paragraphs.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(line("a\r\nBcc: b@c\0\u{202e}d\u{2028}e", 100), "a Bcc: b@c d e");
        assert_eq!(line("abcdef", 4), "abc…");
        assert_eq!(line("äöüß", 4), "äöüß");
    }

    #[test]
    fn names_cannot_be_links() {
        assert_eq!(
            foreign("Win http://evil.example/x", 100),
            "Win http[:]//evil[.]example/x"
        );
        assert_eq!(foreign("www.evil.com now", 100), "www[.]evil[.]com now");
        assert_eq!(foreign("evil.xn--p1ai", 100), "evil[.]xn--p1ai");
    }

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in [
            "Firefox 128.0",
            "Ann's Laptop (no. 2)",
            "e.g. this",
            "v1.2.3",
            "Küche …",
        ] {
            assert_eq!(foreign(name, 100), name);
        }
    }
}
