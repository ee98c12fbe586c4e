//! A regular expression of the contract, compiled once when the file is read.
//!
//! It is compared with the whole of a text, works on bytes and never backtracks: a comparison takes time linear in the
//! text, whatever the expression. Its size is bounded, so `\d{1000}{1000}` is refused and not compiled. A comparison does
//! not allocate once a thread has made its first; what it needs for that comes from a pool that never waits.

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use regex::bytes::{Regex, RegexBuilder};

use crate::{Refusal, limits};

/// A regular expression that takes whole texts. Equal to another when both are written alike.
#[derive(Clone)]
pub struct Expression {
    text: String,
    regex: Regex,
}

impl Expression {
    /// Reads and compiles it.
    /// Reads an expression.
    ///
    /// # Errors
    /// It is no expression, or a text or a machine that is too large.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > limits::EXPRESSION_BYTES_MAX {
            return Err((format!("an expression has at most {} bytes", limits::EXPRESSION_BYTES_MAX), None));
        }
        // By itself first: `a)|(b` is no expression, but would be one between our parentheses.
        compile(text)?;
        Ok(Self { regex: compile(&format!(r"\A(?:{text})\z"))?, text: text.to_owned() })
    }

    /// As it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it takes the whole of `text`.
    #[must_use]
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }

    /// The numbers and names of its named groups.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (usize, &str)> {
        self.regex.capture_names().enumerate().filter_map(|(number, name)| Some((number, name?)))
    }

    /// Whether it takes the whole of `text`, and what of it each group of `groups` took. Allocates.
    #[must_use]
    pub fn captures<'t>(&self, text: &'t [u8]) -> Option<Captures<'t>> {
        self.regex.captures(text).map(Captures)
    }
}

/// What the groups of an [`Expression`] took.
pub struct Captures<'t>(regex::bytes::Captures<'t>);

impl<'t> Captures<'t> {
    /// What the group of this number took; empty when it took no part.
    #[must_use]
    pub fn group(&self, number: usize) -> &'t [u8] {
        self.0.get(number).map_or(&[], |group| group.as_bytes())
    }
}

fn compile(text: &str) -> Result<Regex, Refusal> {
    let built = RegexBuilder::new(text)
        .unicode(false)
        .size_limit(limits::EXPRESSION_COMPILED_BYTES_MAX)
        .dfa_size_limit(limits::EXPRESSION_COMPILED_BYTES_MAX)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            let bound = limits::EXPRESSION_COMPILED_BYTES_MAX >> 10;
            let help = "repeat less, like `{1,20}` instead of `{1,2000}`";
            (format!("the expression needs more than {bound} KiB when compiled"), Some(help.to_owned()))
        }
        // The reason is the last line; those before it draw the expression.
        error => {
            let shown = error.to_string();
            let reason = shown.lines().last().unwrap_or_default();
            let reason = reason.strip_prefix("error: ").unwrap_or(reason);
            (format!("not a regular expression: {reason}"), None)
        }
    })
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

impl Hash for Expression {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PartialOrd for Expression {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Expression {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_takes_whole_texts() {
        let takes = |expression: &str, text: &[u8]| Expression::parse(expression).unwrap().is_match(text);
        assert!(takes("/v[12]/.*", b"/v1/a") && takes("a|b", b"b") && takes("(?i)A", b"a"));
        for text in [&b"/v3/a"[..], b"x/v1/a", b"/v1", b"/v1/a\n"] {
            assert!(!takes("/v[12]/.*", text));
        }
        assert!(!takes("a|b", b"ab") && !takes("(?m)a$", b"a\nb"));
        assert!(takes(r"\w+[^a]", b"w\xff"), "of bytes, whatever they are");
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in ["(", "a)|(b", r"\p{Greek}", "a{2,1}", r"(?<a>x)(?<a>y)", "(?x)a #", r"[a-z]{1000}{1000}"] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
        assert!(Expression::parse(&"a".repeat(limits::EXPRESSION_BYTES_MAX + 1)).is_err());
    }
}
