//! Text to what is written, and that to canonical text and back, for the types that are read as a whole.
//!
//! Functions of types and not of type parameters: what serde makes of all these structs is compiled here, once, and not
//! with every change of `model`.

use super::{Delta, File, Listener, Plan, Route, Upstream, canonical, json};
use canonical::Leaf;
use tollgate_document::{ConfigErrors, read};

impl File {
    /// Reads a file, which has `name` in errors and `number` in places.
    ///
    /// # Errors
    /// The first mistake; see [`tollgate_document::read`].
    pub fn read(number: u32, name: &str, text: &str) -> Result<Self, ConfigErrors> {
        read(number, name, text)
    }

    /// The same several times faster, if it is JSON whose items are plain: all scalars in quotes, as canonical text is.
    /// `None` if it is anything else, or has a mistake: read it again to be told which.
    pub fn read_fast(number: u32, name: &str, text: &str) -> Option<Self> {
        json::read(number, name, text)
    }

    /// Each value with its path, in the order of the canonical text.
    pub fn leaves(&self) -> Vec<Leaf> {
        canonical::leaves(self)
    }
}

impl Delta {
    /// Reads a patch, which has `name` in errors and `number` in places.
    ///
    /// # Errors
    /// The first mistake; see [`tollgate_document::read`].
    pub fn read(number: u32, name: &str, text: &str) -> Result<Self, ConfigErrors> {
        read(number, name, text)
    }

    /// As [`File::read_fast`].
    pub fn read_fast(number: u32, name: &str, text: &str) -> Option<Self> {
        json::read_delta(number, name, text)
    }
}

macro_rules! canonical {
    ($($name:ty),+) => { $(
        impl $name {
            /// As one line of JSON that is the same for all that means the same.
            pub fn to_canonical(&self) -> String {
                canonical::text(self)
            }

            /// What [`Self::to_canonical`] was made of.
            ///
            /// # Panics
            /// With any other text.
            pub fn of_canonical(text: &str) -> Self {
                canonical::read(text)
            }
        }
    )+ };
}

canonical!(File, Listener, Upstream, Route, Plan);
