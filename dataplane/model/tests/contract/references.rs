//! `${env:X}`: where it is replaced, and that its value is never shown.

use std::path::Path;

use tollgate_model::AccessLog;

use crate::source::{file, good, read};

#[test]
fn a_reference_is_replaced_in_any_value() {
    let snapshot = good(
        "version: '1'\nlisteners: [ { name: 'l-${env:ORDERS}', bind: '127.0.0.1:${env:PORT}' } ]\n\
         upstreams: [ { name: '${env:ORDERS}', endpoints: [ { address: '127.0.0.1:${env:PORT}', weight: '${env:CONNECTIONS}' } ] } ]\n\
         routes: [ { name: r, match: { path: '/${env:ORDERS}/$${x' }, upstream: orders } ]\n"
            .replace("/$${x", "")
            .as_str(),
    );
    assert_eq!(snapshot.listeners[0].name, "l-orders");
    assert_eq!(snapshot.listeners[0].bind.port(), 8080);
    assert_eq!(snapshot.upstreams[0].endpoints[0].weight, 1000);
    assert_eq!(snapshot.routes[0].action.upstreams().collect::<Vec<_>>(), [0]);
}

#[test]
fn an_escape_stands_for_the_characters() {
    let snapshot = good(&file("access_log: { path: 'logs/$${env:PORT}-${env:PORT}' }\n"));
    assert!(matches!(&snapshot.access_log, AccessLog::File(file) if file.path == Path::new("logs/${env:PORT}-8080")));
}

#[test]
fn the_value_of_a_reference_is_never_shown() {
    let text = file(
        "io: '${env:SECRET}'\nworkers: '${env:SECRET}'\nstatus: '${env:SECRET}'\nforwarded: '${env:SECRET}'\n\
         limits: { fields: '${env:SECRET}', body_bytes: '${env:SECRET}' }\ntimeouts: { idle: '${env:SECRET}' }\n\
         trusted_proxies: ['${env:SECRET}']\n\
         upstreams: [ { name: '${env:SECRET_PATH}', endpoints: [ { address: '${env:SECRET}' }, { address: '${env:SECRET_HOST}' } ] } ]\n\
         routes:\n\
         \x20 - { name: r, match: { hosts: ['${env:SECRET_PATH}', '${env:SECRET_HOST}'], path: '${env:SECRET_PATH}', methods: ['${env:SECRET}'] }, upstream: '${env:SECRET}' }\n",
    );
    let errors = read(&text).unwrap_err();
    assert_eq!(errors.as_slice().len(), 15, "{errors}");
    let shown = format!("{errors}\n{errors:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("the value of `${env:SECRET}` is not a duration"), "{shown}");
}

/// A near miss would tell what the value nearly is.
#[test]
fn a_reference_has_no_near_miss() {
    let text = file(
        "upstreams: [ { name: orders, endpoints: [ { address: 127.0.0.1:1 } ] } ]\n\
         routes: [ { name: r, match: { path: / }, upstream: '${env:ORDRES}' } ]\n",
    );
    let errors = read(&text).unwrap_err();
    assert_eq!(errors.as_slice()[0].message, "upstream `${env:ORDRES}` is not defined");
    assert_eq!(errors.as_slice()[0].help, None);
}

#[test]
fn debug_of_a_snapshot_shows_no_values() {
    let snapshot = good(&file(
        "access_log: { path: '${env:SECRET}' }\n\
         upstreams: [ { name: '${env:SECRET}', endpoints: [ { address: 'localhost:${env:PORT}' } ] } ]\n\
         routes: [ { name: '${env:SECRET}', match: { hosts: ['${env:SECRET}'], path: '/${env:SECRET}' }, upstream: '${env:SECRET}' } ]\n",
    ));
    let shown = format!(
        "{snapshot:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        snapshot.access_log,
        snapshot.upstreams,
        snapshot.upstreams[0].endpoints,
        snapshot.routes,
        snapshot.routes[0].matcher.hosts,
        snapshot.routes[0].matcher.path,
    );
    assert!(!shown.contains("hunter2") && !shown.contains("8080"), "{shown}");
}
