//! A value that is a word (`off`, `auto`) or something with a shape of its own.
//!
//! Written by hand because serde's untagged enums buffer what they read and so lose its place.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{
        Error, MapAccess, SeqAccess, Unexpected, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

/// A word, or a value of the shape `T`.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum OrWord<T> {
    /// A scalar as written.
    Word(String),
    /// A list or a mapping.
    Shape(T),
}

/// What stands where no word does: without it, serde would read a list as the fields of a mapping in their order.
pub trait Shape {
    /// For the error of what is neither.
    const EXPECTED: &'static str;
    /// Whether it is a list and not a mapping.
    const LIST: bool;
}

struct WordVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Shape> Visitor<'de> for WordVisitor<T> {
    type Value = OrWord<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(OrWord::Word(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(OrWord::Word(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(OrWord::Word(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(OrWord::Word(value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(OrWord::Word(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        if !T::LIST {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        T::deserialize(SeqAccessDeserializer::new(list)).map(OrWord::Shape)
    }

    fn visit_map<A: MapAccess<'de>>(self, mapping: A) -> Result<Self::Value, A::Error> {
        if T::LIST {
            return Err(A::Error::invalid_type(Unexpected::Map, &self));
        }
        T::deserialize(MapAccessDeserializer::new(mapping)).map(OrWord::Shape)
    }
}

impl<'de, T: Deserialize<'de> + Shape> Deserialize<'de> for OrWord<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordVisitor(PhantomData))
    }
}
