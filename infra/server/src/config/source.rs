//! Collects raw values and remembers where each came from: environment before files, `NAME_FILE` beside `NAME`.

use super::ConfigError;
use super::secret::Secret;
use super::setting::{self, SETTINGS};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// The file settings may stand in.
pub const FILE_NAME: &str = "annalock.toml";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// An environment variable.
    Environment,
    /// An `annalock.toml`.
    Toml(PathBuf),
    /// A file named by `NAME_FILE`, which stood in the other source.
    File(PathBuf, Box<Source>),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Environment => f.write_str("environment"),
            Self::Toml(path) => write!(f, "{}", path.display()),
            Self::File(path, by) => write!(f, "{}, named in {by}", path.display()),
        }
    }
}

/// Reading files, so that tests need none.
pub trait Files {
    /// The text of a file; `Ok(None)` when it does not exist.
    ///
    /// # Errors
    /// What the system says.
    fn read(&self, path: &Path) -> std::io::Result<Option<String>>;
}

/// The files of this machine.
#[derive(Debug)]
pub struct RealFiles;

impl Files for RealFiles {
    fn read(&self, path: &Path) -> std::io::Result<Option<String>> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
}

/// Values by upper-case name, with their source; unseen in debug output, for passwords are among them.
pub type Values = BTreeMap<String, (Secret, Source)>;

/// What one source says, before `NAME_FILE` is resolved.
type Said = BTreeMap<String, String>;

/// Collects; adds to `errors` and `warnings`.
pub struct Collector<'a> {
    pub files: &'a dyn Files,
    pub cwd: &'a Path,
    pub values: Values,
    pub errors: Vec<ConfigError>,
    pub warnings: Vec<String>,
}

impl Collector<'_> {
    /// Environment variables. Unknown names are warned of only, for orchestrators set some that look like ours.
    pub fn environment(&mut self, env: impl IntoIterator<Item = (String, String)>) {
        let mut said = Said::new();
        for (name, value) in env.into_iter().filter(|(n, _)| n.starts_with("ANNALOCK_")) {
            if is_known(&name) {
                said.insert(name, value);
            } else {
                self.warnings.push(format!(
                    "the environment variable {name} is not a setting{}",
                    hint(&name)
                ));
            }
        }
        self.add(said, &Source::Environment);
    }

    /// An `annalock.toml`; `required` = it was asked for by name. Its values stand behind those collected before; the
    /// same name in two such files is an error, as is a name that is no setting.
    pub fn toml(&mut self, path: &Path, required: bool) {
        let source = Source::Toml(path.to_owned());
        let text = match self.files.read(path) {
            Ok(Some(text)) => text,
            Ok(None) if !required => return,
            Ok(None) => {
                return self
                    .errors
                    .push(ConfigError::File(path.to_owned(), "there is no such file".into()));
            }
            Err(e) => return self.errors.push(ConfigError::File(path.to_owned(), e.to_string())),
        };
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(e) => {
                return self.errors.push(ConfigError::File(
                    path.to_owned(),
                    e.to_string().trim().replace('\n', " "),
                ));
            }
        };
        let mut said = Said::new();
        for (key, value) in table {
            match entry(&key, &value) {
                Ok((name, _)) if said.contains_key(&name) => {
                    self.errors.push(ConfigError::value(
                        &name,
                        &source,
                        "it stands there twice, in upper and lower case",
                    ));
                }
                Ok((name, value)) => {
                    said.insert(name, value);
                }
                Err(why) => self.errors.push(ConfigError::value(&key, &source, why)),
            }
        }
        self.add(said, &source);
    }

    fn add(&mut self, said: Said, source: &Source) {
        for setting in SETTINGS {
            let file_name = format!("{}_FILE", setting.name);
            let (direct, file) = (said.get(setting.name), said.get(&file_name).filter(|f| !f.is_empty()));
            let (value, from) = match (direct, file) {
                (Some(_), Some(_)) => {
                    let why = format!("{file_name} is set there as well; keep one of the two");
                    self.errors.push(ConfigError::value(setting.name, source, why));
                    continue;
                }
                (Some(value), None) => (value.trim().to_owned(), source.clone()),
                (None, Some(file)) => match self.files.read(&self.cwd.join(file)) {
                    Ok(Some(text)) => (
                        text.trim().to_owned(),
                        Source::File(file.into(), Box::new(source.clone())),
                    ),
                    Ok(None) => {
                        self.errors.push(ConfigError::value(
                            &file_name,
                            source,
                            format!("there is no file {file}"),
                        ));
                        continue;
                    }
                    Err(e) => {
                        self.errors.push(ConfigError::value(
                            &file_name,
                            source,
                            format!("{file} cannot be read: {e}"),
                        ));
                        continue;
                    }
                },
                (None, None) => continue,
            };
            self.offer(setting.name, value, from);
        }
    }

    fn offer(&mut self, name: &str, value: String, from: Source) {
        match (self.values.get(name), &from) {
            (None, _) => {
                self.values.insert(name.to_owned(), (Secret::new(value), from));
            }
            (Some((_, earlier)), from) if in_toml(earlier) && in_toml(from) => {
                let why = format!("it also stands in {earlier}; keep one of the two");
                self.errors.push(ConfigError::value(name, from, why));
            }
            (Some(_), _) => {} // the environment wins
        }
    }
}

fn in_toml(source: &Source) -> bool {
    match source {
        Source::Toml(_) => true,
        Source::File(_, by) => in_toml(by),
        Source::Default | Source::Environment => false,
    }
}

fn is_known(name: &str) -> bool {
    setting::find(name).is_some() || name.strip_suffix("_FILE").is_some_and(|n| setting::find(n).is_some())
}

fn hint(name: &str) -> String {
    setting::nearest(name).map_or_else(String::new, |near| format!("; did you mean {near}?"))
}

/// A line of the file: its name in upper case, and its value as the environment would have it.
fn entry(key: &str, value: &toml::Value) -> Result<(String, String), String> {
    let upper = key.to_ascii_uppercase();
    if (key != upper && key != key.to_ascii_lowercase()) || !is_known(&upper) {
        return Err(format!("this is not a setting{}", hint(key)));
    }
    let scalar = |value: &toml::Value| match value {
        toml::Value::String(s) => Some(s.clone()),
        toml::Value::Integer(i) => Some(i.to_string()),
        toml::Value::Boolean(b) => Some(b.to_string()),
        _ => None,
    };
    let text = match value {
        toml::Value::Array(items) => items
            .iter()
            .map(scalar)
            .collect::<Option<Vec<_>>>()
            .map(|v| v.join(",")),
        other => scalar(other),
    };
    text.map(|t| (upper, t))
        .ok_or_else(|| "a text, a number, true, false or a list of texts is wanted".into())
}
