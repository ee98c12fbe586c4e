//! Raw structs to text: canonical JSON in which every scalar is a string as it was written, references unresolved.
//!
//! What was left out is left out, so that reading the text gives the same structs again. Besides the text it can tell
//! each scalar with the path of keys that leads to it and its place ([`leaves`]). A serializer and not a function per
//! struct, so that no key can be forgotten. It takes what raw structs are made of (structs, lists, options, strings,
//! placed values) and refuses the rest of serde's model.

use std::fmt;

use serde::{
    Serialize, Serializer,
    de::DeserializeOwned,
    ser::{Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeTupleStruct},
};

use crate::{Location, PLACED};

/// A scalar of a raw struct.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// The keys that lead to it, like `status.bind` or `workers[0]`.
    pub path: String,
    /// As it is written.
    pub value: String,
    /// Where.
    pub place: Location,
}

/// The canonical text.
///
/// # Panics
/// With what no raw struct is made of: a number, a map, an enum.
pub fn text(value: &impl Serialize) -> String {
    write(value, Writer::default()).text
}

/// The scalars, in the order of the keys.
///
/// # Panics
/// As [`text`].
pub fn leaves(value: &impl Serialize) -> Vec<Leaf> {
    write(value, Writer { leaves: Some(Vec::new()), ..Writer::default() }).leaves.unwrap_or_default()
}

/// Reads back what [`text`] wrote; the values have no place.
///
/// # Panics
/// With a text that was not written from the same structs.
pub fn read<T: DeserializeOwned>(text: &str) -> T {
    // Whatever was read as these structs is written so that it is read as the same; the tests do it with every key.
    serde_json::from_str(text).expect("a canonical text is that of raw structs")
}

fn write(value: &impl Serialize, mut writer: Writer) -> Writer {
    // Raw structs are made of nothing else; the tests write one of each kind.
    value.serialize(&mut writer).expect("a raw struct is made of what the writer takes");
    writer
}

#[derive(Default)]
struct Writer {
    text: String,
    /// `None` when only the text is wanted.
    leaves: Option<Vec<Leaf>>,
    path: String,
    /// Of the innermost placed value.
    place: Location,
    /// The last number: a part of a place.
    number: u32,
}

/// Puts a text behind `out` as it stands between the quotes of JSON that the YAML reader takes too: it wants more
/// characters escaped.
pub fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            _ if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}'..='\u{ffff}') => {
                out.push_str(&format!("\\u{:04x}", character as u32));
            }
            _ => out.push(character),
        }
    }
}

impl Writer {
    fn string(&mut self, text: &str) {
        self.text.push('"');
        escape(text, &mut self.text);
        self.text.push('"');
    }

    fn leaf(&mut self, value: &str) {
        if let Some(leaves) = &mut self.leaves {
            leaves.push(Leaf { path: self.path.clone(), value: value.to_owned(), place: self.place });
        }
    }

    /// Writes what stands in a struct, list or mapping, below `step` of the path. Tells whether it is there.
    fn member<T: Serialize + ?Sized>(&mut self, value: &T, step: impl FnOnce(&mut String)) -> Result<bool, Refused> {
        let length = self.path.len();
        if self.leaves.is_some() {
            step(&mut self.path);
        }
        let is_there = value.serialize(&mut *self)?;
        self.path.truncate(length);
        Ok(is_there)
    }

    fn open(&mut self, bracket: char, close: char) -> Group<'_> {
        self.text.push(bracket);
        Group { writer: self, members: 0, close, key: String::new() }
    }
}

/// A struct, mapping or list that is being written.
struct Group<'w> {
    writer: &'w mut Writer,
    members: usize,
    close: char,
    /// Of a mapping: the key whose value comes next.
    key: String,
}

impl Group<'_> {
    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Refused> {
        let mark = self.writer.text.len();
        if self.members > 0 {
            self.writer.text.push(',');
        }
        self.writer.string(key);
        self.writer.text.push(':');
        let step = |path: &mut String| {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(key);
        };
        match self.writer.member(value, step)? {
            true => self.members += 1,
            false => self.writer.text.truncate(mark),
        }
        Ok(())
    }

    fn close(self) -> bool {
        self.writer.text.push(self.close);
        self.members > 0
    }
}

/// A value that comes with its place: four numbers and itself.
struct Placed<'w> {
    writer: &'w mut Writer,
    numbers: Vec<u32>,
    is_there: bool,
}

/// Refuses what no raw struct has.
macro_rules! refuse {
    ($($method:ident($($kind:ty),*);)+) => { $(
        fn $method(self, $(_: $kind),*) -> Result<bool, Refused> {
            Err(Refused)
        }
    )+ };
}

/// Each answers whether something is there: an option that is none, a struct without fields and a list without entries
/// are not, unless they stand in an option.
impl<'w> Serializer for &'w mut Writer {
    type Ok = bool;
    type Error = Refused;
    type SerializeSeq = Group<'w>;
    type SerializeTuple = Impossible<bool, Refused>;
    type SerializeTupleStruct = Placed<'w>;
    type SerializeTupleVariant = Impossible<bool, Refused>;
    type SerializeMap = Group<'w>;
    type SerializeStruct = Group<'w>;
    type SerializeStructVariant = Impossible<bool, Refused>;

    fn serialize_str(self, text: &str) -> Result<bool, Refused> {
        self.leaf(text);
        self.string(text);
        Ok(true)
    }

    fn serialize_u32(self, number: u32) -> Result<bool, Refused> {
        self.number = number;
        Ok(true)
    }

    fn serialize_none(self) -> Result<bool, Refused> {
        Ok(false)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<bool, Refused> {
        value.serialize(self).map(|_| true)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Group<'w>, Refused> {
        Ok(self.open('[', ']'))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Group<'w>, Refused> {
        Ok(self.open('{', '}'))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Group<'w>, Refused> {
        Ok(self.open('{', '}'))
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Placed<'w>, Refused> {
        match name {
            PLACED => Ok(Placed { writer: self, numbers: Vec::with_capacity(4), is_there: false }),
            _ => Err(Refused),
        }
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<bool, Refused> {
        value.serialize(self)
    }

    refuse! {
        serialize_bool(bool); serialize_i8(i8); serialize_i16(i16); serialize_i32(i32); serialize_i64(i64);
        serialize_u8(u8); serialize_u16(u16); serialize_u64(u64); serialize_f32(f32); serialize_f64(f64);
        serialize_char(char); serialize_bytes(&[u8]); serialize_unit(); serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<bool, Refused> {
        Err(Refused)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Refused> {
        Err(Refused)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Refused> {
        Err(Refused)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Refused> {
        Err(Refused)
    }
}

impl SerializeTupleStruct for Placed<'_> {
    type Ok = bool;
    type Error = Refused;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        if let &[document, line, column, width] = self.numbers.as_slice() {
            self.writer.place = Location { document, line, column, width };
            self.is_there = value.serialize(&mut *self.writer)?;
        } else {
            value.serialize(&mut *self.writer)?;
            self.numbers.push(self.writer.number);
        }
        Ok(())
    }

    fn end(self) -> Result<bool, Refused> {
        Ok(self.is_there)
    }
}

impl SerializeStruct for Group<'_> {
    type Ok = bool;
    type Error = Refused;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Refused> {
        self.field(key, value)
    }

    fn end(self) -> Result<bool, Refused> {
        Ok(self.close())
    }
}

impl SerializeMap for Group<'_> {
    type Ok = bool;
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        // The key is written where the next text begins, read from there and taken back.
        let mark = self.writer.text.len();
        let leaves = self.writer.leaves.take();
        key.serialize(&mut *self.writer)?;
        self.writer.leaves = leaves;
        self.key = serde_json::from_str(&self.writer.text[mark..]).map_err(|_| Refused)?;
        self.writer.text.truncate(mark);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        let key = std::mem::take(&mut self.key);
        self.field(&key, value)
    }

    fn end(self) -> Result<bool, Refused> {
        Ok(self.close())
    }
}

impl SerializeSeq for Group<'_> {
    type Ok = bool;
    type Error = Refused;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        if self.members > 0 {
            self.writer.text.push(',');
        }
        let index = self.members;
        self.members += 1;
        self.writer.member(value, |path| path.push_str(&format!("[{index}]"))).map(drop)
    }

    fn end(self) -> Result<bool, Refused> {
        Ok(self.close())
    }
}

/// Something that no raw struct has.
#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no part of a raw struct")
    }
}

impl std::error::Error for Refused {}

impl serde::ser::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}
