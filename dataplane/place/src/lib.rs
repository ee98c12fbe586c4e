//! Where a value stands: the document, the line and the column, kept beside the value itself.
//!
//! The YAML reader knows lines and columns but not which of several texts it reads, and serde hands nothing down to a
//! value; so the number of the document is left in a cell of the thread while [`read_as`] runs. Whoever serializes a
//! [`Spanned`] value gets its place too: see [`canonical`], the only serializer that may be used here.

pub mod canonical;

use std::cell::Cell;

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeTupleStruct as _};

/// A place in one of the texts a configuration comes from. All of [`Location::UNKNOWN`] is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The number of the text, which whoever reads gives it.
    pub document: u32,
    /// 1 for the first; 0 for no line at all.
    pub line: u32,
    /// In characters, 1 for the first.
    pub column: u32,
    /// Characters of the value.
    pub width: u32,
}

impl Location {
    /// Of a value that was in no text, or only in a canonical one.
    pub const UNKNOWN: Self = Self { document: 0, line: 0, column: 0, width: 0 };

    /// The place the YAML reader tells, in the document that is being read.
    pub fn of(place: serde_saphyr::Location) -> Self {
        let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            document: DOCUMENT.get(),
            line: number(place.line()),
            column: number(place.column()),
            width: number(place.span().len()),
        }
    }
}

thread_local! {
    static DOCUMENT: Cell<u32> = const { Cell::new(0) };
}

/// Calls `read`, whose values belong to the document of this number.
pub fn read_as<R>(document: u32, read: impl FnOnce() -> R) -> R {
    DOCUMENT.set(document);
    read()
}

/// A value and its place.
#[derive(Clone, Debug, Default)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands; for an alias, where it is used.
    pub referenced: Location,
}

/// A scalar as written, and its place.
pub type Text = Spanned<String>;

/// Two values are equal when they are written alike, wherever they stand.
impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = serde_saphyr::Spanned::<T>::deserialize(deserializer)?;
        Ok(Self { value: read.value, referenced: Location::of(read.referenced) })
    }
}

/// The name a [`Spanned`] value is serialized under: document, line, column, width, value.
pub(crate) const PLACED: &str = "tollgate placed value";

impl<T: Serialize> Serialize for Spanned<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut placed = serializer.serialize_tuple_struct(PLACED, 5)?;
        let Location { document, line, column, width } = self.referenced;
        for number in [document, line, column, width] {
            placed.serialize_field(&number)?;
        }
        placed.serialize_field(&self.value)?;
        placed.end()
    }
}
