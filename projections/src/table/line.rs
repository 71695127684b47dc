//! Rows in the binary form of PostgreSQL: as COPY takes them, and column by column for `unnest`.
//!
//! Source: PostgreSQL manual, "COPY", section "Binary Format"; `array_recv` for arrays.

use super::Kind;
use sqlx::{
    Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgTypeInfo},
};
use uuid::Uuid;

/// A value of a column.
pub(crate) trait Field {
    /// Appends its bytes; `false` for null.
    fn put(&self, out: &mut Vec<u8>) -> bool;
}

impl Field for Uuid {
    fn put(&self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(self.as_bytes());
        true
    }
}

impl Field for str {
    fn put(&self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(self.as_bytes());
        true
    }
}

impl Field for bool {
    fn put(&self, out: &mut Vec<u8>) -> bool {
        out.push(u8::from(*self));
        true
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Field for $number {
            fn put(&self, out: &mut Vec<u8>) -> bool {
                out.extend_from_slice(&self.to_be_bytes());
                true
            }
        }
    )*};
}
numbers!(i16, i32, i64);

impl<F: Field + ?Sized> Field for &F {
    fn put(&self, out: &mut Vec<u8>) -> bool {
        (**self).put(out)
    }
}

impl<F: Field> Field for Option<F> {
    fn put(&self, out: &mut Vec<u8>) -> bool {
        self.as_ref().is_some_and(|field| field.put(out))
    }
}

/// Rows one after the other, each value with its length before it.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(super) bytes: Vec<u8>,
}

impl Line {
    /// The next column of the row.
    pub fn put(&mut self, field: impl Field) -> &mut Self {
        const NULL: [u8; 4] = (-1_i32).to_be_bytes();
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&NULL);
        if field.put(&mut self.bytes) {
            // the database refuses a value of a gigabyte long before this number overflows
            let length = (self.bytes.len() - start - NULL.len()) as i32;
            self.bytes[start..start + NULL.len()].copy_from_slice(&length.to_be_bytes());
        }
        self
    }

    /// How long it is; begins anew.
    pub fn take_length(&mut self) -> usize {
        let length = self.bytes.len();
        self.bytes.clear();
        length
    }
}

/// The values of one column, as an array to be bound.
pub(super) struct Array {
    kind: Kind,
    count: i32,
    elements: Vec<u8>,
}

impl Array {
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            count: 0,
            elements: Vec::new(),
        }
    }

    /// Takes the first value of a line; what is behind it.
    pub fn take<'a>(&mut self, line: &'a [u8]) -> &'a [u8] {
        let (length, _) = line
            .split_first_chunk::<4>()
            .expect("a line has a value for each column");
        let value = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0); // null has no bytes
        let (head, rest) = line.split_at(length.len() + value);
        self.elements.extend_from_slice(head);
        self.count += 1;
        rest
    }
}

impl Type<Postgres> for Array {
    fn type_info() -> PgTypeInfo {
        Kind::Text.array() // what counts is `produces`
    }
}

impl Encode<'_, Postgres> for Array {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        // one dimension, that may hold nulls, of this type, with so many elements counted from 1
        for word in [1, 1, self.kind.oid(), self.count, 1] {
            buffer.extend_from_slice(&word.to_be_bytes());
        }
        buffer.extend_from_slice(&self.elements);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.kind.array())
    }
}
