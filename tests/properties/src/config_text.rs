//! Configuration texts.

use std::{io, path::Path};
use tollgate_model::{ConfigErrors, Configuration, PatchError, Source};

/// Longest text tried. Larger ones only cost time.
const BYTES_MAX: usize = 8 * 1024;

/// A world of two variables and one file, so that references lead somewhere.
struct World;

impl Source for World {
    fn env(&self, name: &str) -> Option<String> {
        match name {
            "A" => Some("8080".to_owned()),
            "SECRET" => Some("hunter2".to_owned()),
            _ => None,
        }
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        match path.to_str() {
            Some("token") => Ok("0123456789abcdef\n".to_owned()),
            Some("more.yaml") => {
                Ok("routes: [ { name: more, match: { path: /more }, answer: { status: 200 } } ]".to_owned())
            }
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn list(&self, _folder: &Path) -> io::Result<Vec<String>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Properties of a configuration text, read as a file and as a patch:
/// - it is answered: with a configuration or with at least one error;
/// - every error names the file, and a line and column of the text or neither; no error shows the value of a reference;
/// - what is accepted, written out, is read again with the same digest and written the same.
pub fn config_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(&bytes[..bytes.len().min(BYTES_MAX)]) else { return };
    match Configuration::parse("gateway.yaml", text, &World) {
        Ok(good) => check_good(&good),
        Err(errors) => check_errors(text, &errors),
    }
    match BASE.with(|base| base.patch("gateway.yaml", text, &World)) {
        Ok(good) => check_good(&good),
        Err(PatchError::Conflict(_)) => {}
        Err(PatchError::Invalid(errors)) => check_errors(text, &errors),
    }
}

thread_local! {
    /// What each text is also tried as a patch of.
    static BASE: Configuration = Configuration::parse(
        "base.yaml",
        "version: 1\nlisteners: [ { name: public, bind: 127.0.0.1:8080 } ]\n\
         upstreams: [ { name: a, endpoints: [ { address: 127.0.0.1:1 } ] } ]\n\
         routes: [ { name: a, match: { path: /a }, upstream: a } ]\n",
        &World,
    )
    .unwrap_or_else(|errors| panic!("{errors}"));
}

fn check_good(good: &Configuration) {
    let text = good.to_text();
    let again = Configuration::parse("again", &text, &World).unwrap_or_else(|errors| panic!("{errors}\n\n{text}"));
    assert_eq!(again.snapshot().digest, good.snapshot().digest, "{text}");
    assert_eq!(again.to_text(), text);
}

fn check_errors(text: &str, errors: &ConfigErrors) {
    let shown = errors.to_string();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!errors.as_slice().is_empty());
    for error in errors {
        assert!(!error.file.is_empty() && !error.message.is_empty(), "{error:?}");
        // An error of an included file is one of its own text.
        let lines = if error.file == "gateway.yaml" { text.split(['\n', '\r']).count() + 1 } else { usize::MAX };
        assert!(error.line <= lines, "{error}");
        assert_eq!(error.line == 0, error.column == 0, "{error:?}");
        if let Some(snippet) = &error.snippet {
            assert!(snippet.width >= 1 && snippet.indent <= snippet.text.chars().count(), "{error:?}");
        }
    }
}
