//! Conditions on the named values of a request: header fields, query parameters and cookies.
//!
//! A condition is met when one of the values that have its name fits. Which values those are, and in which form they
//! are compared, is the business of `route`.

use crate::expression::Expression;

/// What a value of this name must be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Condition {
    /// Of a header field in lower case, else exactly as written.
    pub name: String,
    /// What its value must be.
    pub value: ValueMatch,
}

/// What a value must be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueMatch {
    /// Anything, if there is one.
    Present,
    /// These bytes.
    Exact(String),
    /// Something that begins with these bytes.
    Prefix(String),
    /// What the expression takes.
    Expression(Expression),
}

impl ValueMatch {
    /// Whether it is a regular expression, of which a configuration may have only so many.
    #[must_use]
    pub const fn is_expression(&self) -> bool {
        matches!(self, Self::Expression(_))
    }

    /// Whether it takes `value`.
    #[must_use]
    pub fn takes(&self, value: &[u8]) -> bool {
        match self {
            Self::Present => true,
            Self::Exact(text) => value == text.as_bytes(),
            Self::Prefix(text) => value.starts_with(text.as_bytes()),
            Self::Expression(expression) => expression.is_match(value),
        }
    }
}
