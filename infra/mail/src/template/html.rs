//! Letters as HTML: no picture, no style sheet, nothing fetched from anywhere.

use super::{
    Site,
    block::{Block, Draft},
};

const BODY: &str = "margin:0;padding:24px;background:#f4f5f7;color:#1b1f24;font:16px/1.5 sans-serif";
const CARD: &str = "max-width:560px;margin:0 auto;padding:24px;background:#fff;border-radius:8px";
const BUTTON: &str =
    "display:inline-block;padding:10px 18px;background:#175ddc;color:#fff;text-decoration:none;border-radius:6px";
const CODE: &str = "font:600 22px/1.4 monospace;letter-spacing:2px";
const SMALL: &str = "color:#5b6470;font-size:13px;word-break:break-all";

/// Writes a whole document. Everything but the tags themselves goes through [`escape`].
pub(super) fn write(draft: &Draft, site: &Site) -> String {
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title></head>\n<body style=\"{BODY}\"><div style=\"{CARD}\">\n",
        escape(&draft.subject)
    );
    for block in &draft.blocks {
        html.push_str(&match block {
            Block::Text(words) => format!("<p>{}</p>\n", escape(words)),
            Block::Code(code) => format!("<p style=\"{CODE}\">{}</p>\n", escape(code)),
            Block::Link { label, url } => {
                let (label, url) = (escape(label), escape(url));
                format!("<p><a href=\"{url}\" style=\"{BUTTON}\">{label}</a></p>\n<p style=\"{SMALL}\">{url}</p>\n")
            }
            Block::Facts(facts) => {
                let row = |(name, value): &(&str, String)| format!("<b>{}:</b> {}<br>\n", escape(name), escape(value));
                format!("<p>{}</p>\n", facts.iter().map(row).collect::<String>())
            }
        });
    }
    html.push_str(&format!(
        "<p style=\"{SMALL}\">{}, {}</p>\n</div></body></html>\n",
        escape(&site.name),
        escape(&site.base)
    ));
    html
}

/// Makes text safe between tags and in quoted attributes.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}
