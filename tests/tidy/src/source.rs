//! One Rust source as the guards see it: its text, its code without comments and literals, its functions.
//!
//! Right for code formatted by rustfmt, which the format check makes sure of: a function ends at the first line that
//! closes a brace at its own indent. It is a scan, not a parser; macros are taken as they are written.

/// A Rust source file.
#[derive(Debug)]
pub struct Source {
    /// Path from the root of the workspace.
    pub path: String,
    /// The file as it is.
    pub text: String,
    /// The same lines with comments, strings and characters blanked out.
    pub code: String,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Lines from the one with `fn` to the closing brace, both included.
    pub lines: usize,
}

impl Source {
    /// Scans `text`.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: blank(text) }
    }

    /// Whether the whole file is tests: in a crate's `tests/` folder, or its module `tests`.
    #[must_use]
    pub fn is_test(&self) -> bool {
        let inside = self.path.strip_prefix("tests/").unwrap_or(&self.path);
        inside.split('/').any(|part| part == "tests" || part == "tests.rs")
    }

    /// Lines of the file before its tests; none if it is nothing but tests.
    #[must_use]
    pub fn lines(&self) -> usize {
        if self.is_test() { 0 } else { self.text.lines().count() - self.test_lines() }
    }

    /// Lines of the tests at the end of the file.
    #[must_use]
    pub fn test_lines(&self) -> usize {
        let lines: Vec<_> = self.code.lines().collect();
        let tests = lines
            .windows(2)
            .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{'));
        tests.map_or(0, |at| lines.len() - at)
    }

    /// Lines of the `//!` header.
    #[must_use]
    pub fn header_lines(&self) -> usize {
        self.text.lines().take_while(|line| line.starts_with("//!")).count()
    }

    /// Every function with a body, in order.
    #[must_use]
    pub fn functions(&self) -> Vec<Function> {
        let lines: Vec<_> = self.code.lines().collect();
        let starts = lines.iter().enumerate().filter_map(|(at, line)| Some((at, function_name(line)?)));
        starts.filter_map(|(at, name)| Some(Function { name, lines: function_length(&lines[at..])? })).collect()
    }
}

/// The name of the function that begins on `line`, if one does.
fn function_name(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub") || QUALIFIERS.contains(word));
    (words.next()? == "fn").then_some(())?;
    let name: String = words.next()?.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

const QUALIFIERS: [&str; 4] = ["const", "async", "unsafe", "extern"];

/// Lines of the function that begins on the first of `lines`; `None` for a declaration without a body.
fn function_length(lines: &[&str]) -> Option<usize> {
    let indent = lines[0].len() - lines[0].trim_start().len();
    let signature_end = lines.iter().position(|line| line.trim_end().ends_with(['{', '}', ';']))?;
    match lines[signature_end].trim_end().chars().next_back()? {
        ';' => None,
        '}' => Some(signature_end + 1),
        _ => {
            let closing = format!("{}}}", " ".repeat(indent));
            let body = lines[signature_end + 1..].iter().position(|line| line.starts_with(&closing))?;
            Some(signature_end + 1 + body + 1)
        }
    }
}

/// `text` with every byte of comments and literals that is not a line break replaced by a space.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = at + literal_length(&bytes[at..]);
        if end == at {
            code.push(bytes[at]);
            at += 1;
        } else {
            code.extend(bytes[at..end].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// Length of the comment, string or character at the start of `rest`; zero if there is none.
fn literal_length(rest: &[u8]) -> usize {
    let to_end = |found: Option<usize>, length: usize| found.map_or(rest.len(), |at| at + length);
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment_length(rest),
        [b'"', ..] => quoted_length(rest, b'"'),
        [b'r', b'"' | b'#', ..] => {
            let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
            if rest.get(1 + hashes) != Some(&b'"') {
                return 0;
            }
            let closing = [b"\"", &b"#".repeat(hashes)[..]].concat();
            let body = 2 + hashes;
            let end = rest[body..].windows(closing.len()).position(|window| window == closing);
            to_end(end.map(|at| body + at), closing.len())
        }
        [b'\'', b'\\', ..] => quoted_length(rest, b'\''),
        // A lifetime has no closing quote within the length of one character.
        [b'\'', first, ..] => {
            let width = [0x80, 0xe0, 0xf0].iter().position(|bound| first < bound).map_or(4, |at| at + 1);
            if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
        }
        _ => 0,
    }
}

fn block_comment_length(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

fn quoted_length(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_stay() {
        let source = Source::new("a.rs", "let a = \"x}\\\"\"; // }\nlet b = r#\"\n}\"#;\n/* { /* */ */ let c = '}';\n");
        assert_eq!(source.code.lines().count(), 4);
        assert!(!source.code.contains(['{', '}']), "{}", source.code);
        assert!(source.code.contains("let c ="), "{}", source.code);
    }

    #[test]
    fn lifetimes_are_not_characters() {
        assert_eq!(blank("fn a<'a>(b: &'a str, c: char) { c == '\\'' || c == 'é' }").matches('\'').count(), 2);
    }

    #[test]
    fn functions_are_measured_from_signature_to_brace() {
        let text = "pub(crate) async fn one(\n    a: u8,\n) -> u8\nwhere\n    u8: Copy,\n{\n    a\n}\n\ntrait T {\n    \
                    fn no_body(&self) -> u8;\n    fn empty() {}\n    const fn two() {\n        let x = r\"\n}\n\";\n    }\n}\n";
        let found: Vec<_> = Source::new("a.rs", text).functions().into_iter().map(|f| (f.name, f.lines)).collect();
        assert_eq!(found, [("one".to_owned(), 8), ("empty".to_owned(), 1), ("two".to_owned(), 5)]);
    }

    #[test]
    fn tests_do_not_count_as_lines_of_a_file() {
        let source = Source::new("a/src/a.rs", "fn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n");
        assert_eq!((source.lines(), source.test_lines()), (2, 3));
        assert_eq!(Source::new("a/src/a.rs", "#[cfg(test)]\nmod tests;\nfn a() {}\n").lines(), 3);
        for path in ["a/tests/b.rs", "a/src/b/tests.rs", "tests/e2e/tests/b.rs", "a/src/tests/b.rs"] {
            assert!(Source::new(path, "").is_test(), "{path}");
        }
        for path in ["tests/sim/src/net.rs", "a/src/contest.rs"] {
            assert!(!Source::new(path, "").is_test(), "{path}");
        }
    }
}
