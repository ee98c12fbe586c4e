//! `include`: several files that are one configuration.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tollgate_model::{Configuration, Kind, Source};

/// Files by path, and nothing else.
struct Files(BTreeMap<&'static str, String>);

impl Source for Files {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        path.to_str().and_then(|path| self.0.get(path).cloned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let below = self.0.keys().map(Path::new).filter(|path| path.parent() == Some(folder));
        let names: Vec<String> = below.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
        if names.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(names) }
    }

    fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

const MAIN: &str = "version: 1\ninclude: [listeners.yaml, conf.d/*.yaml]\n";
const LISTENERS: &str = "version: 1\nlisteners: [ { name: public, bind: 127.0.0.1:8080 } ]\ntimeouts: { idle: 7s }\n";
const ORDERS: &str = "upstreams: [ { name: orders, endpoints: [ { address: 127.0.0.1:1 } ] } ]\n";
const ROUTES: &str = "routes:\n  - { name: orders, match: { path: /orders }, upstream: orders }\n";

fn files(more: &[(&'static str, &str)]) -> Files {
    let mut all: BTreeMap<&str, String> = [
        ("etc/main.yaml", MAIN),
        ("etc/listeners.yaml", LISTENERS),
        ("etc/conf.d/1-orders.yaml", ORDERS),
        ("etc/conf.d/2-routes.yaml", ROUTES),
        ("etc/conf.d/.hidden.yaml", "nonsense"),
        ("etc/conf.d/notes.txt", "nonsense"),
    ]
    .into_iter()
    .map(|(path, text)| (path, text.to_owned()))
    .collect();
    all.extend(more.iter().map(|&(path, text)| (path, text.to_owned())));
    Files(all)
}

fn error(more: &[(&'static str, &str)]) -> String {
    match Configuration::load(Path::new("etc/main.yaml"), &files(more)) {
        Ok(_) => panic!("no error"),
        Err(errors) => errors.to_string(),
    }
}

#[test]
fn files_are_put_together() {
    let source = files(&[]);
    let configuration = Configuration::load(Path::new("etc/main.yaml"), &source).unwrap();
    let snapshot = configuration.snapshot();
    assert_eq!((snapshot.listeners.len(), snapshot.upstreams.len(), snapshot.routes.len()), (1, 1, 1));
    assert_eq!(snapshot.routes[0].timeouts.idle.as_secs(), 7);
    let origin = configuration.items(Kind::Route)[0].origin.to_string();
    assert_eq!(origin, "etc/conf.d/2-routes.yaml:2:5");
    let watched: Vec<PathBuf> = configuration.files().map(Path::to_owned).collect();
    let expected =
        ["etc/conf.d", "etc/conf.d/1-orders.yaml", "etc/conf.d/2-routes.yaml", "etc/listeners.yaml", "etc/main.yaml"];
    assert_eq!(watched, expected.map(PathBuf::from));
    let one = format!("version: 1\n{}{ORDERS}{ROUTES}", LISTENERS.replace("version: 1\n", ""));
    let one = Configuration::parse("one.yaml", &one, &source).unwrap();
    assert_eq!(one.snapshot().digest, snapshot.digest);
    let exported = Configuration::parse("exported.json", &configuration.to_text(), &source).unwrap();
    assert_eq!(exported.snapshot().digest, snapshot.digest);
    let patched = configuration.patch("p", "base: 1\nremoved: { routes: [orders] }", &source).unwrap();
    assert_eq!(patched.files().count(), 5, "a patch leaves the files to be watched");
}

#[test]
fn mistakes_name_their_file() {
    for (more, expected) in [
        (("etc/conf.d/3.yaml", "routes: [ { nam: x } ]\n"), vec!["did you mean `name`?", "etc/conf.d/3.yaml:1:13"]),
        (
            ("etc/conf.d/3.yaml", "routes: [ { name: x, match: { path: / }, upstream: ordres } ]\n"),
            vec!["did you mean `orders`?", "etc/conf.d/3.yaml:1:52"],
        ),
        (
            ("etc/conf.d/3.yaml", "upstreams: [ { name: orders, endpoints: [ { address: 127.0.0.1:2 } ] } ]\n"),
            vec!["`orders` is used twice, first in line 1 of etc/conf.d/1-orders.yaml", "etc/conf.d/3.yaml:1:22"],
        ),
        (
            ("etc/conf.d/3.yaml", "routes: [ { name: x, match: { path: /orders }, upstream: orders } ]\n"),
            vec!["as route `orders` in line 2 of etc/conf.d/2-routes.yaml", "etc/conf.d/3.yaml:1:29"],
        ),
        (
            ("etc/conf.d/3.yaml", "timeouts: { idle: 1s }\n"),
            vec!["`timeouts` is set twice, first in line 3 of etc/listeners.yaml", "etc/conf.d/3.yaml:1:11"],
        ),
        (("etc/conf.d/3.yaml", "version: 2\n"), vec!["`version` is set twice, first in line 1 of etc/main.yaml"]),
        (
            ("etc/conf.d/3.yaml", "include: [../main.yaml]\n"),
            vec!["is the file that includes all others", "etc/conf.d/3.yaml:1:11"],
        ),
        (
            ("etc/conf.d/0.yaml", "include: [1-orders.yaml]\n"),
            vec![
                "`etc/conf.d/1-orders.yaml` is included twice, first in line 1 of etc/conf.d/0.yaml",
                "etc/main.yaml:2:27",
            ],
        ),
        (
            ("etc/main.yaml", "version: 1\ninclude: [none.yaml]\n"),
            vec!["`etc/none.yaml` cannot be read", "etc/main.yaml:2:11"],
        ),
        (("etc/main.yaml", "version: 1\ninclude: [none/*.yaml]\n"), vec!["the folder `etc/none` cannot be listed"]),
        (("etc/main.yaml", "version: 1\ninclude: ['[.yaml']\n"), vec!["`[.yaml` is not a pattern"]),
        (("etc/main.yaml", "version: 1\ninclude: ['${env:X}']\n"), vec!["it has no references"]),
        (("etc/main.yaml", "version: 1\ninclude: listeners.yaml\n"), vec!["expected a list like `[a, b]`"]),
    ] {
        let shown = error(&[more]);
        for part in expected {
            assert!(shown.contains(part), "not `{part}` but:\n{shown}");
        }
    }
    let chain = [
        ("etc/main.yaml", "version: 1\ninclude: [c1]\n"),
        ("etc/c1", "include: [c2]\n"),
        ("etc/c2", "include: [c3]\n"),
        ("etc/c3", "include: [c4]\n"),
        ("etc/c4", "include: [c5]\n"),
        ("etc/c5", "include: [c6]\n"),
        ("etc/c6", "include: [c7]\n"),
        ("etc/c7", "include: [c8]\n"),
        ("etc/c8", "include: [c9]\n"),
    ];
    assert!(error(&chain).contains("files are included 8 deep at most"));
}
