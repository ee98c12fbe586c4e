//! The index of a head's field lines: where each name and value is, and which known names occur at all, how often and
//! first where. Built in one pass, of fixed size, reused from message to message. Offsets are 16 bits wide and only
//! mean something together with the bytes they were found in; with other bytes every lookup is empty or wrong, but none
//! panics.

use super::connection::ConnectionOptions;
use crate::{FIELD_NAME_BYTES_MAX, FIELDS_MAX, Name, NameSet, Reason};

/// What the heads of requests and responses alike say of their fields.
macro_rules! field_accessors {
    ($head:ident) => {
        impl<'a> $head<'a> {
            /// The first value of a known field.
            #[must_use]
            pub fn field(&self, name: Name) -> Option<&'a [u8]> {
                self.fields_index().value(self.bytes, name)
            }

            /// All values of a known field.
            pub fn field_values(&self, name: Name) -> impl DoubleEndedIterator<Item = &'a [u8]> {
                self.fields_index().values(self.bytes, name)
            }

            /// The first value of any field.
            #[must_use]
            pub fn field_named(&self, name: &[u8]) -> Option<&'a [u8]> {
                self.fields_index().named(self.bytes, name)
            }

            /// Names and values in the order they came.
            pub fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
                self.fields_index().iter(self.bytes)
            }

            /// Bytes of the head, up to and with its empty line.
            #[must_use]
            pub const fn head_len(&self) -> usize {
                self.index.head_len as usize
            }

            pub(crate) const fn fields_index(&self) -> &'a Fields {
                &self.index.fields
            }

            pub(crate) const fn bytes(&self) -> &'a [u8] {
                self.bytes
            }
        }
    };
}

pub(super) use field_accessors;

/// A range of a head's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u16,
    pub(crate) end: u16,
}

impl Span {
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self { start: start as u16, end: end as u16 }
    }

    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// One field line. It reaches up to the next line's start, white space and line break included.
#[derive(Clone, Copy, Debug)]
struct Line {
    start: u16,
    name_len: u8,
    name: Name,
    value: Span,
}

#[derive(Debug)]
pub(crate) struct Fields {
    lines: [Line; FIELDS_MAX],
    count: u8,
    /// Start of the empty line behind the last field line.
    end: u16,
    present: NameSet,
    repeated: NameSet,
    /// Number of the first line of each name in `present`.
    first: [u8; Name::COUNT],
    pub(crate) connection: ConnectionOptions,
}

impl Fields {
    pub(crate) const fn new() -> Self {
        const NOTHING: Line = Line { start: 0, name_len: 0, name: Name::Other, value: Span { start: 0, end: 0 } };
        Self {
            lines: [NOTHING; FIELDS_MAX],
            count: 0,
            end: 0,
            present: NameSet::EMPTY,
            repeated: NameSet::EMPTY,
            first: [0; Name::COUNT],
            connection: ConnectionOptions::NONE,
        }
    }

    /// Takes over the tokenizer's lines of a head of `head_len` bytes. Lines must be parts of `bytes`.
    pub(super) fn index(
        &mut self,
        bytes: &[u8],
        head_len: usize,
        lines: &[httparse::Header<'_>],
    ) -> Result<(), Reason> {
        let origin = bytes.as_ptr().addr();
        self.clear();
        for line in lines {
            let name = line.name.as_bytes();
            let start = name.as_ptr().addr() - origin;
            // The tokenizer ends a line at a bare line feed too; the line before this one must end with both bytes.
            if bytes.get(start.wrapping_sub(2)) != Some(&b'\r') {
                return Err(Reason::BareLineBreak);
            }
            if name.len() > FIELD_NAME_BYTES_MAX {
                return Err(Reason::HeadTooLarge);
            }
            let value_start = line.value.as_ptr().addr() - origin;
            let value = Span::new(value_start, value_start + line.value.len());
            self.push(start, name.len(), Name::from_bytes(name), value);
        }
        if !bytes[..head_len].ends_with(b"\r\n\r\n") {
            return Err(Reason::BareLineBreak);
        }
        self.finish(bytes, head_len)
    }

    /// Forgets all lines.
    pub(super) const fn clear(&mut self) {
        (self.count, self.end) = (0, 0);
        (self.present, self.repeated) = (NameSet::EMPTY, NameSet::EMPTY);
        self.connection = ConnectionOptions::NONE;
    }

    /// Number of lines.
    pub(crate) const fn len(&self) -> usize {
        self.count as usize
    }

    /// Adds a line whose name is at `start`; at most [`FIELDS_MAX`] times, and names of at most [`FIELD_NAME_BYTES_MAX`].
    #[inline]
    pub(super) fn push(&mut self, start: usize, name_len: usize, name: Name, value: Span) {
        self.lines[self.count as usize] = Line { start: start as u16, name_len: name_len as u8, name, value };
        if self.present.contains(name) {
            self.repeated = self.repeated.with(name);
        } else {
            self.present = self.present.with(name);
            self.first[name as usize] = self.count;
        }
        self.count += 1;
    }

    /// Ends the lines of a head of `head_len` bytes.
    #[inline]
    pub(super) fn finish(&mut self, bytes: &[u8], head_len: usize) -> Result<(), Reason> {
        self.end = (head_len - 2) as u16;
        if self.present.contains(Name::Connection) {
            self.connection = ConnectionOptions::read(self.values(bytes, Name::Connection))?;
        }
        Ok(())
    }

    fn lines(&self) -> &[Line] {
        &self.lines[..self.count as usize]
    }

    pub(crate) const fn contains(&self, name: Name) -> bool {
        self.present.contains(name)
    }

    pub(crate) const fn is_repeated(&self, name: Name) -> bool {
        self.repeated.contains(name)
    }

    /// Position of the first value of a known name.
    pub(crate) fn span(&self, name: Name) -> Option<Span> {
        self.present.contains(name).then(|| self.lines[self.first[name as usize] as usize].value)
    }

    /// First value of a known name.
    pub(crate) fn value<'a>(&self, bytes: &'a [u8], name: Name) -> Option<&'a [u8]> {
        self.span(name).map(|span| span.of(bytes))
    }

    /// All values of a known name.
    pub(crate) fn values<'a>(&'a self, bytes: &'a [u8], name: Name) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.lines().iter().filter(move |line| line.name == name).map(|line| line.value.of(bytes))
    }

    /// First value of any name.
    pub(crate) fn named<'a>(&self, bytes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
        match Name::from_bytes(name) {
            many if many.is_one_of_many() => {
                let mut lines = self.lines().iter();
                lines.find(|line| line.name_of(bytes).eq_ignore_ascii_case(name)).map(|line| line.value.of(bytes))
            }
            known => self.value(bytes, known),
        }
    }

    /// Names and values in the order they came.
    pub(crate) fn iter<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.lines().iter().map(|line| (line.name_of(bytes), line.value.of(bytes)))
    }

    /// The runs of neighbouring raw lines that stay when the lines of `removed` and those for which `removes_other`
    /// holds (asked for names only that have no [`Name`] of their own) are left out.
    pub(crate) fn for_each_kept_run<'a>(
        &self,
        bytes: &'a [u8],
        removed: NameSet,
        removes_other: Option<&impl Fn(&[u8]) -> bool>,
        mut run: impl FnMut(&'a [u8]),
    ) {
        let Some(first) = self.lines().first() else { return };
        let mut start = first.start;
        if !removed.intersection(self.present).is_empty() || removes_other.is_some() {
            for (number, line) in self.lines().iter().enumerate() {
                let is_one_of_many = line.name.is_one_of_many();
                let is_removed = removed.contains(line.name)
                    || (is_one_of_many && removes_other.is_some_and(|is| is(line.name_of(bytes))));
                if is_removed {
                    if start < line.start {
                        run(Span { start, end: line.start }.of(bytes));
                    }
                    start = self.lines().get(number + 1).map_or(self.end, |next| next.start);
                }
            }
        }
        if start < self.end {
            run(Span { start, end: self.end }.of(bytes));
        }
    }
}

impl Line {
    fn name_of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let start = self.start as usize;
        bytes.get(start..start + self.name_len as usize).unwrap_or_default()
    }
}
