//! Configuration texts, and the files that they name: certificates, and parts of a configuration.
//!
//! A file that is read by its path stands behind the text in the same input, or is one of a few that are always there.

use std::{io, path::Path};
use tollgate_model::{ConfigErrors, Configuration, Flaw, Identity, PatchError, Pem, Source};
use tollgate_tls::{Authorities, Certificate, CertificateError};

/// Longest text tried. Larger ones only cost time.
const BYTES_MAX: usize = 8 * 1024;

/// What stands before a file: behind it its name to the end of the line, then its text.
const FILE: &str = "\n=== ";

/// When certificates are judged, in seconds since 1970: 2027-01-15.
const NOW: u64 = 1_800_000_000;

/// Files that are always there, unless the input has one of that name.
const FILES: [(&str, &str); 8] = [
    ("token", "0123456789abcdef\n"),
    ("more.yaml", "routes: [ { name: more, match: { path: /more }, answer: { status: 200 } } ]"),
    ("parts/a.yaml", "routes: [ { name: pa, match: { path: /pa }, answer: { status: 200 } } ]\ninclude: [\"b*\"]\n"),
    ("parts/b.yaml", "upstreams: [ { name: pb, endpoints: [ { address: 127.0.0.1:2 } ] } ]\n"),
    ("example.pem", include_str!("config_text/example.pem")),
    ("example-key.pem", include_str!("config_text/example-key.pem")),
    ("other.pem", include_str!("config_text/other.pem")),
    ("other-key.pem", include_str!("config_text/other-key.pem")),
];

/// The private keys among them.
const KEYS: [&str; 2] = [FILES[5].1, FILES[7].1];

/// A world of two variables and a few files, so that references lead somewhere.
struct World<'i> {
    /// Those of the input.
    files: Vec<(&'i str, &'i str)>,
}

impl<'i> World<'i> {
    /// The text of an input, and the world with its files.
    fn of(input: &'i str) -> (&'i str, Self) {
        let mut parts = input.split(FILE);
        let text = parts.next().unwrap_or_default();
        (text, Self { files: parts.map(|part| part.split_once('\n').unwrap_or((part, ""))).collect() })
    }

    fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().chain(&FILES).copied()
    }

    fn text(&self, path: &Path) -> Option<&str> {
        self.files().find(|(name, _)| Path::new(name) == path).map(|(_, text)| text)
    }
}

impl Source for World<'_> {
    fn env(&self, name: &str) -> Option<String> {
        match name {
            "A" => Some("8080".to_owned()),
            "SECRET" => Some("hunter2".to_owned()),
            _ => None,
        }
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        self.text(path).map(str::to_owned).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The files in a folder. One without a file is not there.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let in_folder = self.files().map(|(name, _)| Path::new(name)).filter(|path| path.parent() == Some(folder));
        let mut names: Vec<String> =
            in_folder.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(names) }
    }

    fn judge_identity(&self, identity: &Identity) -> Result<Vec<String>, Flaw> {
        let Identity { chain, key } = identity;
        let certificate = Certificate::from_pem(&chain.text, &key.text, NOW).map_err(|error| flaw(&error))?;
        Ok(certificate.names().map(|name| format!("{name} {}", certificate.key_kind())).collect())
    }

    fn judge_authorities(&self, bundle: &Pem) -> Result<(), Flaw> {
        Authorities::from_pem(&bundle.text).map(drop).map_err(|error| flaw(&error))
    }
}

fn flaw(error: &CertificateError) -> Flaw {
    Flaw { in_key: error.is_of_key(), message: error.to_string(), remedy: error.remedy().to_owned() }
}

/// Properties of a configuration text, read as a file and as a patch. Files that it names, with what they include and with
/// certificates, stand behind it or are always there.
/// - it is answered: with a configuration or with at least one error;
/// - every error names a file, and a line and column of its text or neither; no error shows a secret;
/// - what is accepted, written out, is read again with the same digest and written the same.
pub fn config_text(bytes: &[u8]) {
    let Ok(input) = std::str::from_utf8(&bytes[..bytes.len().min(BYTES_MAX)]) else { return };
    let (text, world) = World::of(input);
    let check_errors = |errors: &ConfigErrors| check_errors(input, text, &world, errors);
    match Configuration::parse("gateway.yaml", text, &world) {
        Ok(good) => check_good(&good, &world),
        Err(errors) => check_errors(&errors),
    }
    match BASE.with(|base| base.patch("gateway.yaml", text, &world)) {
        Ok(good) => check_good(&good, &world),
        Err(PatchError::Conflict(_)) => {}
        Err(PatchError::Invalid(errors)) => check_errors(&errors),
    }
}

thread_local! {
    /// What each text is also tried as a patch of.
    static BASE: Configuration = Configuration::parse(
        "base.yaml",
        "version: 1\nlisteners: [ { name: public, bind: 127.0.0.1:8080 } ]\n\
         upstreams: [ { name: a, endpoints: [ { address: 127.0.0.1:1 } ] } ]\n\
         routes: [ { name: a, match: { path: /a }, upstream: a } ]\n",
        &World { files: Vec::new() },
    )
    .unwrap_or_else(|errors| panic!("{errors}"));
}

fn check_good(good: &Configuration, world: &World<'_>) {
    let text = good.to_text();
    let again = Configuration::parse("again", &text, world).unwrap_or_else(|errors| panic!("{errors}\n\n{text}"));
    assert_eq!(again.snapshot().digest, good.snapshot().digest, "{text}");
    assert_eq!(again.to_text(), text);
}

fn check_errors(input: &str, text: &str, world: &World<'_>, errors: &ConfigErrors) {
    let shown = errors.to_string();
    // Of a key some letters that no other has. What the input itself says is no secret.
    let secrets = KEYS.iter().filter_map(|key| key.lines().nth(1)?.get(24..40)).chain(["hunter2"]);
    let shows = |secret: &&str| !input.contains(*secret) && shown.contains(*secret);
    assert_eq!(secrets.into_iter().find(shows), None, "{shown}");
    assert!(!errors.as_slice().is_empty());
    for error in errors {
        assert!(!error.file.is_empty() && !error.message.is_empty(), "{error:?}");
        // An error of an included file is one of its own text.
        let text = if error.file == "gateway.yaml" { Some(text) } else { world.text(Path::new(&error.file)) };
        let text = text.unwrap_or_else(|| panic!("an error of a file that is not there: {error}"));
        assert!(error.line <= text.split(['\n', '\r']).count() + 1, "{error}");
        assert_eq!(error.line == 0, error.column == 0, "{error:?}");
        if let Some(snippet) = &error.snippet {
            assert!(snippet.width >= 1 && snippet.indent <= snippet.text.chars().count(), "{error:?}");
        }
    }
}
