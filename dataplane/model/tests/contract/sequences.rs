//! A patched configuration is the one that its whole text would give: in what it accepts, in its items and their order,
//! in its digest. A plain list of texts is the model; patches are drawn at random over few names, so that they collide.

use proptest::prelude::*;
use tollgate_model::{Configuration, Kind, Setting};

use crate::source::WORLD;

/// One thing that a patch does. The numbers choose a name and a content.
#[derive(Clone, Debug)]
enum Step {
    Put(usize, u8, u16),
    Remove(usize, u8),
    Set(u8),
    Unset,
}

const LISTS: [&str; 3] = ["listeners", "upstreams", "routes"];

/// What is written: items by list, in order, and the settings besides the version.
#[derive(Clone, Debug, Default)]
struct Model {
    lists: [Vec<(String, String)>; 3],
    settings: Option<&'static str>,
}

const SETTINGS: [&str; 6] = [
    r#""timeouts": { "idle": "7s" }"#,
    r#""timeouts": { "idle": "${env:SECOND}" }"#,
    r#""timeouts": { "idle": "1s", "request": "2s" }"#,
    r#""status": { "bind": "127.0.0.1:8080" }"#,
    r#""status": "off", "limits": { "fields": 7 }"#,
    r#""limits": { "fields": 129 }"#,
];

fn name(list: usize, number: u8) -> String {
    format!("{}{}", &LISTS[list][..1], number % [3, 4, 6][list])
}

fn item(list: usize, number: u8, content: u16) -> String {
    let name = name(list, number);
    let pick = |from: &[&str], shift: u16| from[(content >> shift) as usize % from.len()].to_owned();
    match list {
        0 => {
            let bind = pick(&["127.0.0.1:0", "127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:9901"], 0);
            format!(r#"{{ "name": "{name}", "bind": "{bind}" }}"#)
        }
        1 => {
            let address =
                pick(&["127.0.0.1:1", "127.0.0.1:2", "two.test:80", "127.0.0.1:${env:PORT}", "none.test:1"], 0);
            format!(r#"{{ "name": "{name}", "endpoints": [ {{ "address": "{address}" }} ] }}"#)
        }
        _ => {
            let path =
                pick(&[r#""path": "/a""#, r#""path": "/{x}""#, r#""path": "/{y}""#, r#""path_regex": "/a+""#], 0);
            let hosts = pick(&["", r#", "hosts": ["a.test"]"#, r#", "hosts": ["a.test", "*.test"]"#], 2);
            let methods = pick(&["", r#", "methods": ["GET"]"#, r#", "methods": ["GET", "PUT"]"#], 4);
            let more =
                pick(&["", "", r#", "listeners": ["l1"]"#, r#", "headers": [ { "name": "k", "exact": "v" } ]"#], 6);
            let upstream = format!("u{}", (content >> 8) % 5);
            let timeouts =
                pick(&["", r#", "timeouts": { "idle": "9s" }"#, r#", "timeouts": { "request": "none" }"#], 11);
            format!(
                r#"{{ "name": "{name}", "match": {{ {path}{hosts}{methods}{more} }}, "upstream": "{upstream}"{timeouts} }}"#
            )
        }
    }
}

impl Model {
    fn text(&self) -> String {
        let mut text = r#"{ "version": 1"#.to_owned();
        for (list, items) in LISTS.iter().zip(&self.lists) {
            let items: Vec<&str> = items.iter().map(|(_, item)| item.as_str()).collect();
            text.push_str(&format!(",\n \"{list}\": [\n{}\n]", items.join(",\n")));
        }
        text.push_str(&self.settings.map(|settings| format!(",\n{settings}")).unwrap_or_default());
        text + "}"
    }

    /// The text of a patch, and what comes of it; `None` for a patch that contradicts itself or removes what is not there.
    fn patch(&self, base: u64, steps: &[Step]) -> (String, Option<Self>) {
        let mut next = self.clone();
        let (mut put, mut removed) = (<[Vec<String>; 3]>::default(), <[Vec<String>; 3]>::default());
        let mut named: Vec<String> = Vec::new();
        let mut is_sound = true;
        let (mut set, mut unset) = (None, false);
        for step in steps {
            match *step {
                Step::Put(list, number, content) => {
                    let (name, item) = (name(list, number), item(list, number, content));
                    is_sound &= !named.contains(&name);
                    match next.lists[list].iter_mut().find(|(known, _)| *known == name) {
                        Some((_, text)) => *text = item.clone(),
                        None => next.lists[list].push((name.clone(), item.clone())),
                    }
                    named.push(name);
                    put[list].push(item);
                }
                Step::Remove(list, number) => {
                    let name = name(list, number);
                    is_sound &= !named.contains(&name) && next.lists[list].iter().any(|(known, _)| *known == name);
                    next.lists[list].retain(|(known, _)| *known != name);
                    removed[list].push(format!("\"{name}\""));
                    named.push(name);
                }
                Step::Set(number) => set = Some(SETTINGS[number as usize % SETTINGS.len()]),
                Step::Unset => unset = true,
            }
        }
        // One block of settings at a time: the others go, and those that stay are not both changed and removed.
        let mut gone = Vec::new();
        if set.is_some() || unset {
            let is_new = |key: &&str| !set.is_some_and(|set| set.contains(&format!("\"{key}\"")));
            gone.extend(
                ["timeouts", "status", "limits"].iter().copied().filter(is_new).map(|key| format!("\"{key}\"")),
            );
            next.settings = set;
        }
        let lists = |lists: &[Vec<String>; 3]| -> Vec<String> {
            LISTS.iter().zip(lists).map(|(list, items)| format!("\"{list}\": [\n{}\n]", items.join(",\n"))).collect()
        };
        let mut changed = lists(&put);
        changed.extend(set.map(str::to_owned));
        let mut removed = lists(&removed);
        removed.push(format!("\"settings\": [{}]", gone.join(", ")));
        let text = format!(
            "{{ \"base\": {base}, \"changed\": {{ {} }}, \"removed\": {{ {} }} }}",
            changed.join(", "),
            removed.join(", ")
        );
        (text, is_sound.then_some(next))
    }
}

fn start() -> Model {
    let mut model = Model::default();
    model.lists[0].push((name(0, 0), item(0, 0, 0)));
    for number in 0..3 {
        model.lists[1].push((name(1, number), item(1, number, number.into())));
    }
    model.lists[2].push((name(2, 0), item(2, 0, 0)));
    model
}

/// All that can be seen of the items, in their order.
fn seen(configuration: &Configuration) -> Vec<(String, String, u64)> {
    let items = [Kind::Listener, Kind::Upstream, Kind::Route].map(|kind| configuration.items(kind));
    items.iter().flatten().map(|item| (item.name.to_owned(), item.text.to_owned(), item.hash)).collect()
}

fn values(configuration: &Configuration) -> Vec<(String, String)> {
    configuration.settings().into_iter().map(|Setting { path, value, .. }| (path, value)).collect()
}

/// Whether two configurations are the same but for the slots.
fn check_equal(one: &Configuration, other: &Configuration) {
    assert_eq!(seen(one), seen(other));
    assert_eq!(values(one), values(other));
    assert_eq!(one.snapshot().digest, other.snapshot().digest);
    let (one, other) = (one.snapshot(), other.snapshot());
    assert!(one.timeouts == other.timeouts && one.limits == other.limits && one.status == other.status);
    for route in one.routes.iter() {
        let Some(same) = other.routes.slot(&route.name).and_then(|slot| other.routes.get(slot)) else {
            panic!("`{}` is missing", route.name);
        };
        assert!(route.timeouts == same.timeouts && route.matcher.hosts == same.matcher.hosts);
        let upstreams = |snapshot: &tollgate_model::Snapshot, route: &tollgate_model::Route| {
            let slots = route.action.upstreams();
            slots.map(|slot| snapshot.upstreams[slot].name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(upstreams(one, route), upstreams(other, same));
    }
}

fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = prop_oneof![
        8 => (2usize..3, any::<u8>(), any::<u16>()).prop_map(|(list, number, content)| Step::Put(list, number, content)),
        3 => (0usize..2, any::<u8>(), any::<u16>()).prop_map(|(list, number, content)| Step::Put(list, number, content)),
        4 => (0usize..3, any::<u8>()).prop_map(|(list, number)| Step::Remove(list, number)),
        1 => any::<u8>().prop_map(Step::Set),
        1 => Just(Step::Unset),
    ];
    prop::collection::vec(prop::collection::vec(step, 1..4), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_patched_configuration_is_that_of_its_whole_text(patches in steps()) {
        let mut model = start();
        let mut patched = Configuration::parse("gateway.yaml", &model.text(), &WORLD).unwrap();
        for steps in &patches {
            let (text, next) = model.patch(patched.snapshot().generation, steps);
            let whole = next.as_ref().map(|next| Configuration::parse("gateway.yaml", &next.text(), &WORLD));
            match (patched.patch("a patch", &text, &WORLD), whole) {
                (Ok(after), Some(Ok(whole))) => {
                    check_equal(&after, &whole);
                    let again = Configuration::parse("exported", &after.to_text(), &WORLD).unwrap();
                    check_equal(&after, &again);
                    let replaced = patched.replace("gateway.yaml", &next.as_ref().unwrap().text(), &WORLD).unwrap();
                    check_equal(&after, &replaced);
                    (model, patched) = (next.unwrap(), after);
                }
                (Err(_), None | Some(Err(_))) => {}
                (Ok(_), None) => panic!("taken, and makes no sense:\n{text}"),
                (Ok(_), Some(Err(errors))) => panic!("taken:\n{text}\n\nand as a whole refused:\n{errors}"),
                (Err(error), Some(Ok(_))) => panic!("refused, and as a whole taken:\n{text}\n\n{error}"),
            }
        }
    }
}
