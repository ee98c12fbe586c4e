//! Field lines (RFC 9112, section 5; RFC 9110, section 5).

use crate::{
    Defect,
    grammar::{is_same, is_text, is_token, without_ows},
    limits::NAME_BYTES_MAX,
};

/// A field: name as sent, value without the space around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// As sent, in any case.
    pub name: Vec<u8>,
    /// Without the optional white space at its ends.
    pub value: Vec<u8>,
}

impl Field {
    /// Whether this is its name, in any case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        is_same(&self.name, name.as_bytes())
    }
}

/// The values of the fields of one name, in order.
pub fn values<'a>(fields: &'a [Field], name: &str) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter(move |field| field.is(name)).map(|field| &field.value[..])
}

/// `field-line = field-name ":" OWS field-value OWS` (RFC 9112, section 5); defects are added to the list.
pub(crate) fn field_line(line: &[u8], defects: &mut Vec<Defect>) -> Option<Field> {
    if line.contains(&b'\r') || line.contains(&b'\n') {
        defects.push(Defect::LineBreak);
    }
    // Sections 2.2 and 5.2: neither before the first field nor as continuation of one.
    if matches!(line.first(), Some(b' ' | b'\t')) {
        defects.push(Defect::Folding);
    }
    let colon = line.iter().position(|&byte| byte == b':');
    let Some((name, value)) = colon.map(|at| (&line[..at], &line[at + 1..])) else {
        defects.push(Defect::Field);
        return None;
    };
    if !is_token(name) || !value.iter().all(|&byte| is_text(byte)) {
        defects.push(Defect::Field);
    }
    if name.len() > NAME_BYTES_MAX {
        defects.push(Defect::TooLarge);
    }
    Some(Field { name: name.to_vec(), value: without_ows(value).to_vec() })
}
