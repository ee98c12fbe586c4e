//! A configuration that changes while the gateway runs: by signal, by watch, by PUT and PATCH; and what a restart finds.

use nix::sys::signal::Signal;
use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, symlink},
};
use tollgate_e2e::{Connection, Folder, Site, TOKEN, get, until};

/// A patch of the configuration of this generation, so that the route answers with `body`.
fn patch(base: u64, body: &str) -> String {
    format!(
        "{{\"base\": {base}, \"changed\": {{\"routes\": [{{\"name\": \"answer\", \"match\": {{\"path\": \"/answer\"}}, \
         \"answer\": {{\"status\": 200, \"body\": \"{body}\"}} }}] }} }}"
    )
}

#[test]
fn a_hangup_reads_the_file_again() {
    let mut site = Site::start(&[]);
    assert_eq!(site.answer(), "one");
    site.folder().put("gateway.yaml", &site.folder().text("two"));
    site.process.signal(Signal::SIGHUP);
    site.until_answer("two");
    site.process.announced("tollgate: configuration \"2-");
    let report = site.report();
    assert_eq!((&report["generation"], &report["cause"]), (&2.into(), &"signal".into()), "{report}");
    assert!(report["workers"].as_array().unwrap().iter().all(|worker| worker["generation"] == 2), "{report}");
    let origin = report["routes"][0]["origin"].as_str().unwrap();
    assert!(origin.contains("gateway.yaml:6:"), "{origin}");
    let bind = report["settings"].as_array().unwrap().iter().find(|setting| setting["key"] == "timeouts.idle").unwrap();
    assert_eq!((&bind["value"], &bind["origin"]), (&"60s".into(), &"default".into()));
}

#[test]
fn a_bad_file_changes_nothing_and_says_why() {
    let mut site = Site::start(&[]);
    site.folder().put("gateway.yaml", &site.folder().text("two").replace("path: /answer", "pth: /answer"));
    site.process.signal(Signal::SIGHUP);
    let place = site.process.announced(" --> ") + &site.process.errors();
    assert!(place.contains("gateway.yaml:6:30") && place.contains("did you mean `path`?"), "{place}");
    let report = until("the report to say so", || Some(site.report()).filter(|report| !report["refused"].is_null()));
    assert_eq!((&report["generation"], &report["refused"]["cause"]), (&1.into(), &"signal".into()), "{report}");
    assert_eq!(report["refused"]["errors"][0]["line"], 6);
    assert_eq!(site.answer(), "one");
    let metrics = site.page("/metrics").text();
    assert!(metrics.contains("tollgate_config_last_change_ok 0\n"), "{metrics}");
    assert!(metrics.contains("tollgate_config_changes_total{result=\"refused\"} 1\n"), "{metrics}");
    fs::remove_file(site.folder().path("gateway.yaml")).unwrap();
    site.process.signal(Signal::SIGHUP);
    until("the file to be missed", || site.process.errors().contains("cannot be read").then_some(()));
    assert_eq!(site.answer(), "one");
}

#[test]
fn a_watched_file_is_read_when_another_takes_its_place() {
    let site = Site::start(&["--watch"]);
    site.folder().put("gateway.yaml", &site.folder().text("two"));
    site.until_answer("two");
    fs::write(site.folder().path("gateway.yaml"), site.folder().text("three")).unwrap();
    site.until_answer("three");
    // What is patched stays when the file is only touched, and goes when it changes.
    assert_eq!(site.ask("PATCH /config", "", &patch(3, "patched")).0, 200);
    assert_eq!(site.answer(), "patched");
    site.folder().put("gateway.yaml", &site.folder().text("three"));
    let unchanged = "tollgate_config_changes_total{result=\"unchanged\"} 1\n";
    until("the file to be read", || site.page("/metrics").text().contains(unchanged).then_some(()));
    assert_eq!(site.answer(), "patched");
    site.folder().put("gateway.yaml", &site.folder().text("four"));
    site.until_answer("four");
    until("a word about it", || site.process.errors().contains("the file replaces what was changed").then_some(()));
}

/// As Kubernetes mounts a ConfigMap: the file is a link through a link that is swapped.
/// What the node could not run is asked for again when the file is touched, and refused again, or run.
#[test]
fn a_touch_is_no_excuse_for_a_file_that_was_refused() {
    let site = Site::start(&["--watch"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let another = format!("listeners: [ {{ name: another, bind: \"{}\" }}, ", taken.local_addr().unwrap());
    let text = site.folder().text("two").replace("listeners: [ ", &another);
    let put = |refusals: usize| {
        site.folder().put("gateway.yaml", &text);
        let refused = format!("tollgate_config_changes_total{{result=\"refused\"}} {refusals}\n");
        let page =
            until("it to be refused", || Some(site.page("/metrics").text()).filter(|page| page.contains(&refused)));
        assert!(page.contains("tollgate_config_last_change_ok 0\n"), "{page}");
    };
    (1..=2).for_each(put);
    drop(taken);
    site.folder().put("gateway.yaml", &text);
    site.until_answer("two");
}

#[test]
fn a_watched_link_is_followed_when_it_is_swapped() {
    let folder = Folder::new(None);
    for (version, body) in [("v1", "one"), ("v2", "two"), ("v3", "three")] {
        fs::create_dir(folder.path(version)).unwrap();
        fs::write(folder.path(version).join("gateway.yaml"), folder.text(body)).unwrap();
    }
    symlink("v1", folder.path("..data")).unwrap();
    symlink("..data/gateway.yaml", folder.path("gateway.yaml")).unwrap();
    let site = folder.start(&["--watch"], &[]);
    for (version, body) in [("v2", "two"), ("v3", "three")] {
        symlink(version, site.folder().path("..new")).unwrap();
        fs::rename(site.folder().path("..new"), site.folder().path("..data")).unwrap();
        site.until_answer(body);
    }
}

#[test]
fn a_file_that_comes_into_an_included_folder_is_read() {
    let folder = Folder::new(None);
    fs::create_dir(folder.path("routes")).unwrap();
    folder.put("gateway.yaml", &format!("{}include: [ 'routes/*.yaml' ]\n", folder.text("one")));
    let site = folder.start(&["--watch"], &[]);
    assert_eq!(get(site.address, "/more").status, 404);
    let more = "routes: [ { name: more, match: { path: /more }, answer: { status: 204 } } ]\n";
    site.folder().put("routes/more.yaml", more);
    until("the route of the new file", || (get(site.address, "/more").status == 204).then_some(()));
    site.folder().put("routes/more.yaml", &more.replace("204", "205"));
    until("the change of it", || (get(site.address, "/more").status == 205).then_some(()));
    fs::remove_file(site.folder().path("routes/more.yaml")).unwrap();
    until("the route to go with its file", || (get(site.address, "/more").status == 404).then_some(()));
}

#[test]
fn put_and_patch_change_what_is_answered_next() {
    let site = Site::start(&[]);
    let (status, applied) = site.ask("PUT /config", "", &site.folder().text("two"));
    assert_eq!((status, &applied["result"], &applied["generation"]), (200, &"applied".into(), &2.into()), "{applied}");
    assert_eq!(site.answer(), "two", "it runs when the answer is there");
    let (status, applied) = site.ask("PATCH /config", "", &patch(2, "three"));
    assert_eq!((status, &applied["generation"]), (200, &3.into()), "{applied}");
    assert_eq!(site.answer(), "three");
    let (status, conflict) = site.ask("PATCH /config", "", &patch(2, "four"));
    assert_eq!((status, &conflict["code"]), (409, &"config_conflict".into()), "{conflict}");
    let (status, refused) = site.ask("PATCH /config", "", &patch(3, "four").replace("/answer", "answer"));
    assert_eq!((status, &refused["errors"][0]["file"]), (422, &"body of PATCH".into()), "{refused}");
    let (status, refused) =
        site.ask("PUT /config", "", &site.folder().text("two").replace("access_log: off", "io: epoll"));
    assert_eq!((status, &refused["code"]), (422, &"config_unfit".into()), "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("restart"), "{refused}");
    assert_eq!(site.answer(), "three");
    let origin = site.report()["routes"][0]["origin"].as_str().unwrap().to_owned();
    assert!(origin.starts_with("the patch to generation 3:1:"), "{origin}");
}

#[test]
fn the_network_wants_the_token_and_shows_it_nowhere() {
    let site = Site::start(&[]);
    let put = |token: &str| {
        let body = site.folder().text("two");
        let mut connection = Connection::open(site.status);
        connection.send(format!(
            "PUT /config HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        ));
        connection.send_if_taken(body);
        connection.response()
    };
    assert_eq!(put("a-token-of-the-environmenT").status, 403);
    assert_eq!(site.answer(), "one");
    assert_eq!(put(TOKEN).status, 200);
    assert_eq!(site.answer(), "two");
    let shown = site.report().to_string() + &site.process.errors();
    assert!(!shown.contains(TOKEN) && shown.contains("${env:ADMIN_TOKEN}"), "{shown}");
}

#[test]
fn the_last_good_configuration_is_what_a_restart_finds() {
    let folder = Folder::new(None);
    folder.put("gateway.yaml", &folder.text("one"));
    let kept = folder.path("kept.json").to_string_lossy().into_owned();
    let keep = ["--last-good", &kept];
    let site = folder.start(&keep, &[]);
    assert_eq!(site.ask("PUT /config", "", &site.folder().text("two")).0, 200);
    assert_eq!(site.ask("PUT /config", "", "version: 2").0, 422);
    let folder = site.end();
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&kept).unwrap();
    assert!(text.contains("${env:ADMIN_TOKEN}") && !text.contains(TOKEN), "{text}");
    folder.put("gateway.yaml", "no configuration");
    let mut site = folder.start(&[&keep[..], &["--watch"]].concat(), &[]);
    site.process.announced("tollgate: WARNING: ");
    assert_eq!(site.answer(), "two");
    assert_eq!(site.report()["cause"], "last_good");
    site.folder().put("gateway.yaml", &site.folder().text("three"));
    site.until_answer("three");
    let site = site.end().start(&keep, &[]);
    assert_eq!(site.answer(), "three", "a file that is good is what runs");
}
