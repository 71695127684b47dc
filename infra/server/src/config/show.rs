//! `config show`: every setting, its value and where it came from.

use super::setting::{SETTINGS, Setting, Show};
use super::source::Source;
use super::{Config, secret};
use serde_json::json;
use std::fmt::Write;
use url::Url;

/// One line per setting.
pub fn text(config: &Config) -> String {
    let mut out = String::new();
    for setting in SETTINGS {
        let (value, source) = shown(config, setting);
        writeln!(out, "{} = {value}  ({source})", setting.name).expect("writing to a string does not fail");
    }
    out
}

/// The same for programs.
pub fn json(config: &Config) -> serde_json::Value {
    let settings = SETTINGS.iter().map(|setting| {
        let (value, source) = shown(config, setting);
        json!({ "name": setting.name, "about": setting.about, "value": value, "source": source.to_string(), "set": source != Source::Default })
    });
    json!({ "settings": settings.collect::<Vec<_>>(), "warnings": config.warnings })
}

fn shown(config: &Config, setting: &Setting) -> (String, Source) {
    let Some((value, source)) = config.values.get(setting.name) else {
        return (setting.default.replace('`', ""), Source::Default);
    };
    let value = value.expose();
    let value = match (value.is_empty(), setting.show) {
        (true, _) => "(empty)".into(),
        (_, Show::Plain) => value.to_owned(),
        (_, Show::Nothing) => "***".into(),
        (_, Show::Address) => Url::parse(value).map_or_else(|_| "***".into(), |u| secret::masked(&u)),
    };
    (value, source.clone())
}
