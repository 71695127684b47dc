//! Checks of the form of what clients sealed.

use domain::{
    crypto::{EncStringError, is_enc_string},
    id::FolderId,
};
use web::{Answer, Problem};

/// What is wrong, field by field: `Login.Uris[0].Uri`, and a text for people.
pub type Wrong = Vec<(String, String)>;

/// What people read about a sealed text that is not as it must be.
pub fn message(field: &str, error: EncStringError) -> String {
    match error {
        EncStringError::TooLong { max } => {
            format!("The field {field} exceeds the maximum encrypted value length of {max} characters.")
        }
        EncStringError::Form => format!("{field} is not a valid encrypted string."),
    }
}

/// Checks a sealed text that may be absent. `path` is the field with all that stands before it.
pub fn sealed(text: Option<&str>, max: usize, path: &str, wrong: &mut Wrong) {
    let Some(text) = text else { return };
    let error = if text.len() > max {
        EncStringError::TooLong { max }
    } else if !is_enc_string(text) {
        EncStringError::Form
    } else {
        return;
    };
    let field = path.rsplit('.').next().unwrap_or(path);
    wrong.push((path.to_owned(), message(field, error)));
}

/// `camelCase` to `PascalCase`, as fields are named in answers about what is wrong.
pub fn pascal(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + chars.as_str()
    })
}

/// The folder of a request: empty and blank texts mean none.
///
/// # Errors
/// 400 for a text that is no id.
pub fn folder_id(text: Option<&str>) -> Answer<Option<FolderId>> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|_| Problem::bad_request("Invalid folder.")),
    }
}
