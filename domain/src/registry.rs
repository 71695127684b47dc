//! Every category and event type there is.

use crate::{
    account::{address::EmailAddress, fence::Fence, user::User},
    activity::Activity,
    device::Device,
    event::{Aggregate, DecodeError, DomainEvent},
    organization::{
        claim::HeldName,
        collection::Collection,
        grant::Grant,
        group::{Group, GroupPlace},
        membership::Membership,
        place::Place,
        policy::Policy,
        profile::Organization,
        task::Task,
    },
    vault::{cipher::Cipher, filing::Filing, folder::Folder},
};

/// An event as it is written today: stored name, shape and data.
pub type Encoded = (&'static str, u16, bytes::Bytes);

/// One category of streams.
#[derive(Debug, Clone, Copy)]
pub struct Category {
    /// Its name.
    pub name: &'static str,
    /// Its event types, each with the shape written today.
    pub types: &'static [(&'static str, u16)],
    /// The name of today's fold.
    pub fold: &'static str,
    /// Reads an event and writes it again, in today's shape: `(stored name, shape, data)`.
    pub rewrite: fn(&str, u16, &[u8]) -> Result<Encoded, DecodeError>,
}

const fn category<A: Aggregate>() -> Category {
    Category {
        name: A::CATEGORY,
        types: <A::Event as DomainEvent>::TYPES,
        fold: A::FOLD,
        rewrite: |type_name, schema, data| A::Event::decode(type_name, schema, data).map(|event| event.encode()),
    }
}

/// All categories.
pub const CATEGORIES: &[Category] = &[
    category::<User>(),
    category::<EmailAddress>(),
    category::<Fence>(),
    category::<Device>(),
    category::<Activity>(),
    category::<Folder>(),
    category::<Cipher>(),
    category::<Filing>(),
    category::<Organization>(),
    category::<Membership>(),
    category::<Place>(),
    category::<HeldName>(),
    category::<Collection>(),
    category::<Grant>(),
    category::<Group>(),
    category::<GroupPlace>(),
    category::<Policy>(),
    category::<Task>(),
];

/// The name of a category as the program's own text, so that reading an event allocates none for it.
pub fn intern_category(name: &str) -> std::borrow::Cow<'static, str> {
    match CATEGORIES.iter().find(|category| category.name == name) {
        Some(category) => category.name.into(),
        None => name.to_owned().into(),
    }
}

/// The same for the stored name of an event type.
pub fn intern_type(name: &str) -> std::borrow::Cow<'static, str> {
    match CATEGORIES
        .iter()
        .flat_map(|category| category.types)
        .find(|(known, _)| *known == name)
    {
        Some((known, _)) => (*known).into(),
        None => name.to_owned().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::HashSet, path::Path};

    #[test]
    fn every_shape_ever_written_has_an_example_that_still_reads() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/upcast/fixtures");
        for category in CATEGORIES {
            for (name, current) in category.types {
                for schema in 1..=*current {
                    let file = folder.join(format!("{name}.{schema}.json"));
                    let stored = std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
                    let (written, shape, data) = (category.rewrite)(name, schema, &stored).unwrap();
                    assert_eq!((written, shape), (*name, *current));
                    if schema == *current {
                        let before: serde_json::Value = serde_json::from_slice(&stored).unwrap();
                        let after: serde_json::Value = serde_json::from_slice(&data).unwrap();
                        assert_eq!(before, after, "{name}: what is read is what is written");
                    }
                }
            }
        }
    }

    #[test]
    fn stored_names_are_unique_over_all_categories() {
        let names: Vec<_> = CATEGORIES.iter().flat_map(|c| c.types).map(|(name, _)| *name).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    }

    #[test]
    fn an_event_of_a_newer_program_is_unknown_and_not_skipped() {
        let newer = (CATEGORIES[0].rewrite)("UserRegistered", 99, b"{}");
        assert!(matches!(newer, Err(DecodeError::Unknown { .. })));
        let other = (CATEGORIES[0].rewrite)("UserMetamorphosed", 1, b"{}");
        assert!(matches!(other, Err(DecodeError::Unknown { .. })));
    }
}
