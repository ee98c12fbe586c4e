//! Rows, and the questions that lists are: what every implementation of the store keeps and answers.
//!
//! A row is found by space, kind and key; listed by kind, and in its space also by parent, target, state or the beginning
//! of its key. Lists are in the order of the keys, and a cursor is the key a page ended with: rows that are written
//! meanwhile are seen or not, but none that stays is left out or seen twice.

use crate::error::{Error, Result};
use tollgate_domain::{Name, digest::hex};

/// Rows of a page at most.
pub const PAGE_ROWS_MAX: usize = 1000;

/// To whom a row belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space<'a> {
    /// To no tenant: tenants themselves, nodes, signing keys.
    Installation,
    /// To this one.
    Tenant(&'a Name),
}

/// A row as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The tenant; empty for the installation.
    pub tenant: String,
    /// What it is: `api`.
    pub kind: String,
    /// Its name in space and kind.
    pub key: String,
    /// What it is part of.
    pub parent: Option<String>,
    /// What it refers to.
    pub target: Option<String>,
    /// Where it is in its life.
    pub state: Option<String>,
    /// Of this state of it: the number of its last change in the whole store.
    pub etag: u64,
    /// A JSON document.
    pub body: String,
}

/// A row to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft<'a> {
    /// What it is.
    pub kind: &'a str,
    /// Its name in space and kind. Not empty; it is short, as the names it is made of are.
    pub key: &'a str,
    /// What it is part of.
    pub parent: Option<&'a str>,
    /// What it refers to.
    pub target: Option<&'a str>,
    /// Where it is in its life.
    pub state: Option<&'a str>,
    /// A JSON document.
    pub body: &'a str,
}

/// What is expected of the row that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Whatever there is, or nothing.
    Any,
    /// There is none (`If-None-Match: *`).
    Absent,
    /// It is as it was with this etag (`If-Match`).
    Etag(u64),
}

/// What is listed.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    /// Rows of this kind.
    pub kind: &'a str,
    /// In this space. `None`: of all tenants, for who compiles.
    pub space: Option<Space<'a>>,
    /// Part of this.
    pub parent: Option<&'a str>,
    /// Referring to this.
    pub target: Option<&'a str>,
    /// In this state.
    pub state: Option<&'a str>,
    /// With a key that begins like this.
    pub prefix: &'a str,
    /// After the page that ended here.
    pub after: Option<Cursor>,
    /// 1 to `PAGE_ROWS_MAX`.
    pub limit: usize,
}

/// Where a page ended. Opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) tenant: String,
    pub(crate) key: String,
}

/// Some of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// In the order of their keys.
    pub rows: Vec<T>,
    /// For the next page; `None`: this was the last.
    pub next: Option<Cursor>,
}

/// How far changes were followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Another one after each restore.
    pub epoch: String,
    /// The last change that was seen.
    pub change: u64,
}

/// A row as it is now, or is no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number.
    pub change: u64,
    /// Of which tenant; empty for the installation.
    pub tenant: String,
    /// What was changed.
    pub kind: String,
    /// Its name.
    pub key: String,
    /// As it is now; `None`: removed.
    pub row: Option<Row>,
}

/// What was changed since a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// In the order they were made; of each row only the last.
    pub changes: Vec<Change>,
    /// To go on from.
    pub mark: Mark,
    /// Whether there are more already.
    pub more: bool,
}

impl Space<'_> {
    /// As it is kept: the tenant, or nothing.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Installation => "",
            Self::Tenant(name) => name.as_str(),
        }
    }
}

impl<'a> Query<'a> {
    /// All rows of a kind in a space.
    #[must_use]
    pub fn of(kind: &'a str, space: Space<'a>) -> Self {
        Self { space: Some(space), ..Self::everywhere(kind) }
    }

    /// All rows of a kind.
    #[must_use]
    pub fn everywhere(kind: &'a str) -> Self {
        Self {
            kind,
            space: None,
            parent: None,
            target: None,
            state: None,
            prefix: "",
            after: None,
            limit: PAGE_ROWS_MAX,
        }
    }
}

impl Cursor {
    /// As it is given to a client: letters and digits.
    #[must_use]
    pub fn write(&self) -> String {
        hex(format!("{}\n{}", self.tenant, self.key).as_bytes())
    }

    /// # Errors
    /// `Cursor`, if it is none.
    pub fn read(text: &str) -> Result<Self> {
        let digits: Option<Vec<u8>> =
            text.bytes().map(|b| char::from(b).to_digit(16).map(|digit| digit as u8)).collect();
        let digits = digits.filter(|digits| digits.len() % 2 == 0 && digits.len() < 4096).ok_or(Error::Cursor)?;
        let bytes = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        let text = String::from_utf8(bytes).map_err(|_| Error::Cursor)?;
        let (tenant, key) = text.split_once('\n').ok_or(Error::Cursor)?;
        Ok(Self { tenant: tenant.to_owned(), key: key.to_owned() })
    }
}

impl Expect {
    /// Whether a row with etag `found`, or none, is what is expected.
    ///
    /// # Errors
    /// `Conflict`, if it is not.
    pub fn check(self, found: Option<u64>) -> Result<()> {
        let fits = match self {
            Self::Any => true,
            Self::Absent => found.is_none(),
            Self::Etag(etag) => found == Some(etag),
        };
        if fits { Ok(()) } else { Err(Error::Conflict { found }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_way_to_the_client_and_back() {
        for (tenant, key) in [("acme", "orders@1"), ("", "ä/b"), ("a", "x\ny")] {
            let cursor = Cursor { tenant: tenant.to_owned(), key: key.to_owned() };
            assert_eq!(Cursor::read(&cursor.write()).unwrap(), cursor);
        }
        for text in ["0", "zz", "61", "ff0a", "é", &"0".repeat(5000)] {
            assert!(matches!(Cursor::read(text), Err(Error::Cursor)), "{text}");
        }
    }
}
