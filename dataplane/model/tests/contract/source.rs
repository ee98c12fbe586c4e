//! A world of a few variables and names, so that no test depends on the machine.

use std::{io, net::SocketAddr, path::Path};

use tollgate_model::{ConfigErrors, Snapshot, Source, parse};

/// Variables by name; `two.test` has two addresses, `localhost` one, `empty.test` none.
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
            Some("token") => Ok("0123456789abcdef\n".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        match folder.to_str() {
            Some("routes") => Ok(vec!["a.yaml".to_owned(), "b.txt".to_owned()]),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match host {
            "localhost" => Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]),
            "two.test" => Ok([[127, 0, 0, 3], [127, 0, 0, 2]].map(|ip| SocketAddr::from((ip, port))).to_vec()),
            "empty.test" => Ok(Vec::new()),
            name => Err(io::Error::other(format!("no such name: {name}"))),
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
