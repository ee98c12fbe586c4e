//! A mistake in a configuration, with the place it was made at and, where known, the way out.
//!
//! Only text that stands in the file is quoted: the value of a `${env:X}` reference is never part of an error, and neither
//! is a line in which a secret may stand.

use std::fmt;

use tollgate_place::Location;

/// Characters of a line that are shown; a longer one (JSON) is cut around the mistake.
const SNIPPET_CHARS_MAX: usize = 120;

/// One mistake. Its `Display` shows the line and a caret, as a compiler does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    /// The file as it was named.
    pub file: String,
    /// 1 for the first line, 0 when the whole file is meant.
    pub line: usize,
    /// In characters, 1 for the first; 0 when the whole file is meant.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The line and where in it the mistake is.
    pub snippet: Option<Box<Snippet>>,
}

/// The line of a mistake, made fit for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snippet {
    /// The line; control characters are blanks, and a long line is cut.
    pub text: String,
    /// Characters of `text` before the mistake.
    pub indent: usize,
    /// Characters to underline, at least 1.
    pub width: usize,
}

impl ConfigError {
    /// `text` is that of the file, `None` when it is not at hand any more.
    pub fn new(file: &str, text: Option<&str>, at: Location, message: String, help: Option<String>) -> Self {
        let (line, column, width) = (at.line as usize, at.column as usize, at.width as usize);
        // A YAML reader may point behind the last line.
        let written = line.checked_sub(1).zip(text).map(|(above, text)| lines(text).nth(above).unwrap_or_default());
        let snippet = written.filter(|written| !may_hold_secret(written));
        let snippet = snippet.map(|written| Box::new(Snippet::new(written, column.saturating_sub(1), width)));
        Self { file: file.to_owned(), line, column, message, help, snippet }
    }

    /// An error of no line: the file cannot be read, or lacks something.
    pub fn whole_file(file: &str, message: String) -> Self {
        Self { file: file.to_owned(), line: 0, column: 0, message, help: None, snippet: None }
    }
}

/// Whether a secret may stand in a line, whatever its mistake is: behind a key for one, unless it is a reference, or in
/// front of the host of a URI. Such a line is not quoted.
fn may_hold_secret(line: &str) -> bool {
    let is_value = |rest: &str| {
        let value = rest.trim_start_matches(['"', '\'', ' ']).strip_prefix(':').map(str::trim_start);
        value.is_some_and(|value| !value.trim_start_matches(['"', '\'']).starts_with("${"))
    };
    let keys = ["token", "secret", "password"];
    let has_key = keys.iter().any(|key| line.match_indices(key).any(|(at, _)| is_value(&line[at + key.len()..])));
    let has_user = |rest: &str| rest.split(['/', '"', '\'', ' ', ',']).next().is_some_and(|host| host.contains('@'));
    has_key || line.split("://").skip(1).any(has_user)
}

/// The lines as YAML counts them: a carriage return alone ends one too (YAML 1.2, section 5.4).
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

impl Snippet {
    fn new(line: &str, indent: usize, width: usize) -> Self {
        let length = line.chars().count();
        let indent = indent.min(length);
        let skip = if length <= SNIPPET_CHARS_MAX { 0 } else { indent.saturating_sub(SNIPPET_CHARS_MAX / 3) };
        let text: String = line
            .chars()
            .skip(skip)
            .take(SNIPPET_CHARS_MAX)
            .map(|character| if character.is_control() { ' ' } else { character })
            .collect();
        let indent = indent - skip;
        let left = text.trim_end().chars().count().saturating_sub(indent);
        Self { text, indent, width: width.clamp(1, left.max(1)) }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        let gutter = self.line.to_string().len();
        match &self.snippet {
            None if self.line > 0 => write!(f, "{:gutter$}--> {}:{}:{}", "", self.file, self.line, self.column)?,
            None => write!(f, "{:gutter$}--> {}", "", self.file)?,
            Some(snippet) => {
                writeln!(f, "{:gutter$}--> {}:{}:{}", "", self.file, self.line, self.column)?;
                writeln!(f, "{:gutter$} |", "")?;
                writeln!(f, "{} | {}", self.line, snippet.text.trim_end())?;
                write!(
                    f,
                    "{:gutter$} | {:indent$}{:^<width$}",
                    "",
                    "",
                    "",
                    indent = snippet.indent,
                    width = snippet.width
                )?;
            }
        }
        if let Some(help) = &self.help {
            write!(f, "\n{:gutter$} = help: {help}", "")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// The mistakes of a file in the order of their lines: at least one, at most about 100.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
    /// Mistakes found beyond the bound.
    more: usize,
}

impl ConfigErrors {
    /// `None` when there is no mistake.
    pub fn new(errors: Vec<ConfigError>, more: usize) -> Option<Self> {
        (!errors.is_empty()).then_some(Self { errors, more })
    }

    /// The mistakes.
    #[must_use]
    pub fn as_slice(&self) -> &[ConfigError] {
        &self.errors
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self { errors: vec![error], more: 0 }
    }
}

impl<'e> IntoIterator for &'e ConfigErrors {
    type Item = &'e ConfigError;
    type IntoIter = std::slice::Iter<'e, ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.errors.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            error.fmt(f)?;
        }
        if self.more > 0 {
            write!(f, "\n\nerror: {} more like these are not shown", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_may_hold_a_secret_is_not_quoted() {
        for line in [
            "status: { bind: nonsense, token: hunter2 }",
            r#"{ "status": { "bind": 1, "token" : "hunter2" } }"#,
            "cluster: { redis: [ redis://user:hunter2@host ] }",
            "  secret: hunter2",
            "  password: 'hunter2'",
        ] {
            assert!(may_hold_secret(line), "{line}");
        }
        for line in [
            "status: { bind: nonsense, token: '${file:/run/secret}' }",
            "policies: { identify: [ jwt: { issuer: https://id.example.com/secret } ] }",
            "match: { path: /token }",
            "tokens: 5",
        ] {
            assert!(!may_hold_secret(line), "{line}");
        }
    }
}
