//! Values that several parts of a file have: names, and text with `${env:X}` and `${file:X}` references.

use std::{borrow::Cow, path::Path};

use crate::{limits, source::Source};
use tollgate_pattern::Refusal;

/// A name of a listener, upstream or route: it appears in metrics, records and addresses of pages.
pub(super) fn name(text: &str) -> Result<String, Refusal> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if text.is_empty() || text.len() > limits::NAME_CHARS_MAX || !text.bytes().all(valid) {
        let help = format!("1 to {} letters, digits, `.`, `_` or `-`", limits::NAME_CHARS_MAX);
        return Err((format!("`{text}` is not a name"), Some(help)));
    }
    Ok(text.to_owned())
}

/// Replaces `${env:X}` by the variable's value, `${file:X}` by the file's text without the line break at its end, and
/// `$${` by `${`. What comes out is not looked at again.
pub(super) fn substitute<'t>(text: &'t str, source: &dyn Source) -> Result<Cow<'t, str>, Refusal> {
    let Some(mut at) = text.find("${") else { return Ok(Cow::Borrowed(text)) };
    let mut out = String::new();
    let mut rest = text;
    loop {
        let (before, reference) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &reference[2..];
        } else {
            out.push_str(before);
            let Some(end) = reference.find('}') else {
                return Err((format!("`{text}` has a `${{` without its `}}`"), Some(ESCAPE.to_owned())));
            };
            out.push_str(&look_up(&reference[2..end], source)?);
            rest = &reference[end + 1..];
        }
        match rest.find("${") {
            Some(next) => at = next,
            None => break,
        }
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

const ESCAPE: &str = "write `${env:NAME}` for the value of an environment variable, `${file:PATH}` for the text of a file, `$${` for the \
                      characters `${`";

/// The value of what stands between the braces.
fn look_up(reference: &str, source: &dyn Source) -> Result<String, Refusal> {
    if let Some(path) = reference.strip_prefix("file:") {
        let unreadable = |error| (format!("the file of `${{{reference}}}` cannot be read: {error}"), None);
        let text = source.read(Path::new(path)).map_err(unreadable)?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        return Ok(text.strip_suffix('\r').unwrap_or(text).to_owned());
    }
    let Some(variable) = reference.strip_prefix("env:") else {
        return Err((format!("unknown reference `${{{reference}}}`"), Some(ESCAPE.to_owned())));
    };
    if variable.is_empty() || variable.contains(['=', '\0']) {
        return Err((format!("`{variable}` cannot name an environment variable"), Some(ESCAPE.to_owned())));
    }
    source.env(variable).ok_or_else(|| (format!("the environment variable `{variable}` is not defined"), None))
}

#[cfg(test)]
mod tests {
    use std::{io, path::Path};

    use super::*;

    /// Each variable holds its own name in braces, which must not be looked at again.
    struct Echo;

    impl Source for Echo {
        fn env(&self, name: &str) -> Option<String> {
            (name != "NONE").then(|| format!("${{env:{name}}}"))
        }

        fn read(&self, _: &Path) -> io::Result<String> {
            Err(io::ErrorKind::NotFound.into())
        }

        fn list(&self, _: &Path) -> io::Result<Vec<String>> {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    #[test]
    fn references_are_replaced_once_and_escapes_are_kept() {
        for (text, expected) in [
            ("plain $ {x}", "plain $ {x}"),
            ("${env:A}", "${env:A}"),
            ("<${env:A}|${env:B}>", "<${env:A}|${env:B}>"),
            ("$${env:NONE}", "${env:NONE}"),
            ("$$${env:A}", "$${env:A}"),
            ("a$${b}${env:C}", "a${b}${env:C}"),
        ] {
            assert_eq!(substitute(text, &Echo).unwrap(), expected, "{text}");
        }
        for text in ["${env:NONE}", "${", "${env:A", "${file:x}", "${env:}", "${}", "${env:A}${x}"] {
            assert!(substitute(text, &Echo).is_err(), "{text}");
        }
    }
}
