//! A world of a few variables, so that no test depends on the machine.

use std::{io, path::Path};

use tollgate_model::{ConfigErrors, Flaw, Identity, Pem, Snapshot, Source, parse};

/// Variables by name.
pub(crate) struct World(pub(crate) &'static [(&'static str, &'static str)]);

/// The variables of the manual, one with a secret, and some that are no good.
pub(crate) const WORLD: World = World(&[
    ("PORT", "8080"),
    ("CONNECTIONS", "1000"),
    ("SECOND", "1s"),
    ("SECRET", "hunter2"),
    ("SECRET_PATH", "/hunter2 {x"),
    ("SECRET_HOST", "hunter2.test:80"),
    ("ORDERS", "orders"),
    ("ORDRES", "ordres"),
]);

impl Source for World {
    fn env(&self, name: &str) -> Option<String> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        match path.to_str() {
            Some("small.yaml" | "listeners.yaml") => Ok(file("")),
            Some("routes/a.yaml") => {
                Ok("routes: [ { name: a, match: { path: /a }, answer: { status: 200 } } ]".to_owned())
            }
            Some("secret.pem") => Err(io::ErrorKind::PermissionDenied.into()),
            Some("der.pem") => Err(io::ErrorKind::InvalidData.into()),
            // A certificate of these tests is the names it is for.
            Some(name) if name.ends_with(".pem") => Ok(name.trim_end_matches(".pem").to_owned()),
            Some("token" | "/run/secrets/cluster") => Ok("0123456789abcdef\n".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn judge_identity(&self, identity: &Identity) -> Result<Vec<String>, Flaw> {
        let flaw = |in_key| Flaw { in_key, message: "it is no good".to_owned(), remedy: "take another".to_owned() };
        match (&*identity.chain.text, &*identity.key.text) {
            (b"bad", _) => Err(flaw(false)),
            (_, b"bad") => Err(flaw(true)),
            (names, kind) => {
                let (names, kind) = (String::from_utf8_lossy(names), String::from_utf8_lossy(kind));
                Ok(names.split('+').map(|name| format!("{name} {kind}")).collect())
            }
        }
    }

    fn judge_authorities(&self, bundle: &Pem) -> Result<(), Flaw> {
        let flaw = || Flaw { in_key: false, message: "it is no good".to_owned(), remedy: "take another".to_owned() };
        if &*bundle.text == b"bad" { Err(flaw()) } else { Ok(()) }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        match folder.to_str() {
            Some("routes") => Ok(vec!["a.yaml".to_owned(), "b.txt".to_owned()]),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// The four lines every file needs, and what a test adds from line 5 on.
pub(crate) fn file(rest: &str) -> String {
    let head =
        "version: 1\nlisteners:\n  - { name: public, bind: 127.0.0.1:8080 }\n  - { name: inner, bind: 127.0.0.1:0 }\n";
    format!("{head}{rest}")
}

pub(crate) fn read(text: &str) -> Result<Snapshot, ConfigErrors> {
    parse("gateway.yaml", text, &WORLD)
}

pub(crate) fn good(text: &str) -> Snapshot {
    read(text).unwrap_or_else(|errors| panic!("{errors}\n\n{text}"))
}
