//! What a lookup compares of a request: the head as `http` judged it, or whatever else can name its fields.

use tollgate_http::RequestHead;

/// The parts of a request that routes can ask for.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    /// Index of the listener in the snapshot.
    pub listener: usize,
    /// As sent, in any case, without port; empty when there is none.
    pub host: &'r [u8],
    /// Normalized and without query, or `*`, which belongs to no route.
    pub path: &'r [u8],
    /// What follows the first question mark, as sent.
    pub query: &'r [u8],
    /// The method as sent.
    pub method: &'r [u8],
    /// The header fields.
    pub fields: &'r dyn Fields,
}

impl<'r> Request<'r> {
    /// The request of a head that came in by the listener of this index.
    #[must_use]
    pub fn of(listener: usize, head: &'r RequestHead<'r>) -> Self {
        Self {
            listener,
            host: head.host(),
            path: head.path(),
            query: head.query().unwrap_or_default(),
            method: head.method_bytes(),
            fields: head,
        }
    }
}

/// Header fields by name. A trait, so that a table can be asked without a head; only routes with conditions call it.
pub trait Fields {
    /// Whether `test` is true of one of the values of the field `name`, which is in lower case.
    fn any(&self, name: &str, test: &mut dyn FnMut(&[u8]) -> bool) -> bool;
}

impl Fields for RequestHead<'_> {
    fn any(&self, name: &str, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.fields().any(|(field, value)| field.eq_ignore_ascii_case(name.as_bytes()) && test(value))
    }
}

/// Names and values.
impl Fields for [(&str, &str)] {
    fn any(&self, name: &str, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.iter().any(|(field, value)| field.eq_ignore_ascii_case(name) && test(value.as_bytes()))
    }
}

impl<const N: usize> Fields for [(&str, &str); N] {
    fn any(&self, name: &str, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.as_slice().any(name, test)
    }
}
