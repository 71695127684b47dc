//! Letters as plain text.

use super::{
    Site,
    block::{Block, Draft},
};

/// Writes paragraphs with an empty line between them; links stand alone on a line.
pub(super) fn write(draft: &Draft, site: &Site) -> String {
    let mut text = String::new();
    for block in &draft.blocks {
        match block {
            Block::Text(words) => text.push_str(words),
            Block::Code(code) => text.extend(["    ", code]),
            Block::Link { label, url } => text.extend([*label, ":\n", url]),
            Block::Facts(facts) => {
                let lines: Vec<_> = facts.iter().map(|(name, value)| format!("{name}: {value}")).collect();
                text.push_str(&lines.join("\n"));
            }
        }
        text.push_str("\n\n");
    }
    text.extend(["-- \n", &site.name, ", ", &site.base, "\n"]);
    text
}
