//! What the path of a route must be: a pattern cut into segments, or a regular expression.
//!
//! A pattern is compared with the normalized path of a request, so it is refused when no normalized path could ever
//! equal it. The order of precedence and the lookup are in `route`.

use ahash::AHashSet;

use crate::{Refusal, expression::Expression, limits};

/// What the path of a request must be.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum PathMatch {
    /// What this pattern takes.
    Pattern(PathPattern),
    /// What this expression takes as a whole.
    Expression(Expression),
}

impl PathMatch {
    /// Equal for two that take the same paths and are told apart by nothing but the names of parameters.
    pub fn shape(&self) -> String {
        match self {
            Self::Pattern(pattern) => pattern.shape(),
            // A pattern begins with a slash.
            Self::Expression(expression) => format!("~{}", expression.text()),
        }
    }
}

/// A path as `/a/b`, `/a/{name}/c` or `/a/{rest*}`.
///
/// A path is compared by segments: what stands between slashes. `/a/` has an empty second segment and is not `/a`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PathPattern {
    segments: Vec<Segment>,
}

/// One segment of a [`PathPattern`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// These bytes; may be empty.
    Literal(String),
    /// `{name}`: any one segment that is not empty.
    Parameter(String),
    /// `{name*}`, or `*` for `{rest*}`: all that is left, one segment or more, empty ones too. Always the last: `/a/{rest*}` takes `/a/` and
    /// everything below it, and not `/a`.
    Rest(String),
}

impl PathPattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let Some(below) = text.strip_prefix('/') else {
            return Err(("a path starts with `/`".to_owned(), Some(format!("write `/{text}`"))));
        };
        if text.len() > limits::PATH_BYTES_MAX {
            return Err((format!("a path has at most {} bytes", limits::PATH_BYTES_MAX), None));
        }
        let (front, star) = match below.strip_suffix('*') {
            Some(front) if front.is_empty() || front.ends_with('/') => (front.strip_suffix('/'), true),
            _ => (Some(below), false),
        };
        let segments = front.into_iter().flat_map(|front| front.split('/')).map(segment);
        let mut segments = segments.collect::<Result<Vec<_>, _>>()?;
        if star {
            segments.push(Segment::Rest(STAR_NAME.to_owned()));
        }
        if segments.len() > limits::SEGMENTS_MAX {
            return Err((format!("a path has at most {} segments", limits::SEGMENTS_MAX), None));
        }
        check_order(&segments)?;
        Ok(Self { segments })
    }

    /// What stands between the slashes: at least one, and `/` is one empty literal.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether it takes a normalized path.
    #[must_use]
    pub fn takes(&self, path: &[u8]) -> bool {
        let Some(below) = path.strip_prefix(b"/") else { return false };
        let mut left = Some(below);
        for segment in &self.segments {
            let Some(rest) = left else { return false };
            let slash = rest.iter().position(|&byte| byte == b'/');
            let here = &rest[..slash.unwrap_or(rest.len())];
            match segment {
                Segment::Literal(text) if here != text.as_bytes() => return false,
                Segment::Parameter(_) if here.is_empty() => return false,
                Segment::Rest(_) => return true,
                Segment::Literal(_) | Segment::Parameter(_) => left = slash.map(|slash| &rest[slash + 1..]),
            }
        }
        left.is_none()
    }

    /// The pattern with the names of its parameters left out: equal for patterns that match the same paths.
    pub fn shape(&self) -> String {
        let mut shape = String::new();
        for segment in &self.segments {
            shape.push('/');
            shape.push_str(match segment {
                Segment::Literal(text) => text,
                Segment::Parameter(_) => "{}",
                Segment::Rest(_) => "{*}",
            });
        }
        shape
    }
}

/// What a `*` at the end calls what it takes.
const STAR_NAME: &str = "rest";

/// A rest stands last, and no name is used twice.
fn check_order(segments: &[Segment]) -> Result<(), Refusal> {
    let mut names = AHashSet::new();
    for (index, segment) in segments.iter().enumerate() {
        let name = match segment {
            Segment::Literal(_) => continue,
            Segment::Parameter(name) => name,
            Segment::Rest(name) if index + 1 == segments.len() => name,
            Segment::Rest(name) => {
                return Err((
                    format!("`{{{name}*}}` takes all that is left, so it must stand last"),
                    Some(format!("write `{{{name}}}` for a single segment")),
                ));
            }
        };
        if !names.insert(name) {
            return Err((format!("`{name}` names two parameters of this path"), None));
        }
    }
    Ok(())
}

fn segment(text: &str) -> Result<Segment, Refusal> {
    if !text.contains(['{', '}']) {
        return literal(text);
    }
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let Some(inner) = inner.filter(|inner| !inner.contains(['{', '}'])) else {
        return Err((
            format!("`{text}` mixes a parameter with other text"),
            Some("a parameter is a whole segment, like `/{id}/`".to_owned()),
        ));
    };
    let (name, rest) = match inner.strip_suffix('*') {
        Some(name) => (name, true),
        None => (inner, false),
    };
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if !starts || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err((
            format!("`{text}` is not a parameter"),
            Some("name it with letters, digits and `_`, like `{id}` or `{rest*}`".to_owned()),
        ));
    }
    Ok(if rest { Segment::Rest(name.to_owned()) } else { Segment::Parameter(name.to_owned()) })
}

/// A literal in the form a normalized path has: visible ASCII, and escapes only where they are needed.
pub(crate) fn literal(text: &str) -> Result<Segment, Refusal> {
    if matches!(text, "." | "..") {
        return Err((format!("a path has no `{text}` segment once it is normalized"), None));
    }
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'%' => {
                escape(bytes.get(at + 1..at + 3).unwrap_or_default())?;
                at += 2;
            }
            b'*' => {
                return Err((
                    "`*` in a path stands behind the last slash only".to_owned(),
                    Some("write `{name}` for one segment, `{rest*}` for all that is left".to_owned()),
                ));
            }
            b'?' | b'#' => return Err(("a path pattern has no query and no fragment".to_owned(), None)),
            _ if byte.is_ascii_graphic() && byte != b'\\' => {}
            _ => {
                return Err((
                    format!("`{text}` has a character that a path cannot have"),
                    Some("write it as `%` and two digits, like `%20` for a space".to_owned()),
                ));
            }
        }
        at += 1;
    }
    Ok(Segment::Literal(text.to_owned()))
}

/// The two digits of an escape: upper case, and not of a character that normalization writes plainly.
fn escape(digits: &[u8]) -> Result<(), Refusal> {
    let value = |digit: u8| (digit as char).to_digit(16);
    let [Some(high), Some(low)] = [digits.first().copied().and_then(value), digits.get(1).copied().and_then(value)]
    else {
        return Err(("`%` is followed by two hexadecimal digits".to_owned(), None));
    };
    if digits.iter().any(u8::is_ascii_lowercase) {
        return Err(("an escape is written in upper case".to_owned(), Some(format!("write `%{high:X}{low:X}`"))));
    }
    let character = char::from_u32(high * 16 + low).unwrap_or_default();
    if character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_' | '~') {
        return Err((
            format!("`%{high:X}{low:X}` is never seen in a normalized path"),
            Some(format!("write `{character}`")),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Segment {
        Segment::Literal(text.to_owned())
    }

    #[test]
    fn a_pattern_is_cut_at_its_slashes() {
        for (text, expected) in [
            ("/", vec![literal("")]),
            ("/a/b", vec![literal("a"), literal("b")]),
            ("/a/", vec![literal("a"), literal("")]),
            ("/{id}/x", vec![Segment::Parameter("id".to_owned()), literal("x")]),
            ("/a/{rest*}", vec![literal("a"), Segment::Rest("rest".to_owned())]),
            ("/*", vec![Segment::Rest("rest".to_owned())]),
            ("/a/*", vec![literal("a"), Segment::Rest("rest".to_owned())]),
            ("//*", vec![literal(""), Segment::Rest("rest".to_owned())]),
            ("/a%2Fb", vec![literal("a%2Fb")]),
            ("//a|b", vec![literal(""), literal("a|b")]),
        ] {
            assert_eq!(PathPattern::parse(text).map(|path| path.segments), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_no_request_could_match_is_refused() {
        for text in [
            "",
            "a",
            "/a?b",
            "/a#b",
            "/a b",
            "/ä",
            "/..",
            "/a/./b",
            "/*/b",
            "/a*",
            "/**",
            "/{rest}/*",
            "/{}",
            "/{*}",
            "/{1a}",
            "/{a",
            "/a}",
            "/x{a}",
            "/{a}{b}",
            "/{a*}/b",
            "/{a}/{a}",
            "/%",
            "/%2",
            "/%2f",
            "/%41",
            "/%zz",
            "/a\\b",
            "/\u{1}",
        ] {
            assert!(PathPattern::parse(text).is_err(), "{text}");
        }
        assert!(PathPattern::parse(&"/a".repeat(65)).is_err());
    }

    #[test]
    fn a_pattern_takes_whole_paths_by_segments() {
        let takes = |pattern: &str, path: &str| PathPattern::parse(pattern).unwrap().takes(path.as_bytes());
        for (pattern, path) in
            [("/", "/"), ("/a", "/a"), ("/{id}/b", "/a/b"), ("/a/{rest*}", "/a/"), ("/a/*", "/a/b/c"), ("/*", "/")]
        {
            assert!(takes(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in
            [("/", "/a"), ("/a", "/a/"), ("/a", "/"), ("/{id}", "/"), ("/a/*", "/a"), ("/a/b", "/a"), ("/*", "*")]
        {
            assert!(!takes(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn names_of_parameters_do_not_tell_patterns_apart() {
        let shape = |text| PathPattern::parse(text).unwrap().shape();
        assert_eq!(shape("/a/{id}/{rest*}"), shape("/a/{name}/{all*}"));
        assert_ne!(shape("/a/{id}"), shape("/a/{id*}"));
    }
}
