//! The node's end against a scripted control plane, of this version and of the one after, and a gateway that is a map.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};
use tollgate_sync::{
    Access, Delta, Health, Keeper, Node, NotTaken, Patch, Position, ShareAsk, ShareClient, ShareOf, Target, fetch,
};

/// A gateway: its items by kind and name.
#[derive(Clone, Default)]
struct Map(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    generation: u64,
    items: BTreeMap<(String, String), Value>,
    /// The next patches meet a configuration that was changed meanwhile.
    conflicts: u32,
    is_over: bool,
}

impl Map {
    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().items.keys().map(|(_, name)| name.clone()).collect()
    }
}

impl Target for Map {
    fn generation(&self) -> u64 {
        self.0.lock().unwrap().generation
    }

    fn has(&self, kind: &str, name: &str) -> bool {
        self.0.lock().unwrap().items.contains_key(&(kind.to_owned(), name.to_owned()))
    }

    fn patch(&self, text: String) -> Result<(), NotTaken> {
        let mut state = self.0.lock().unwrap();
        let patch: Value = serde_json::from_str(&text).unwrap();
        if state.is_over {
            return Err(NotTaken::Draining);
        }
        if state.conflicts > 0 {
            state.conflicts -= 1;
            state.generation += 1;
        }
        if patch["base"].as_str().and_then(|base| base.parse().ok()) != Some(state.generation) {
            return Err(NotTaken::Conflict);
        }
        let mut items = state.items.clone();
        for (kind, list) in patch["changed"].as_object().unwrap() {
            for item in list.as_array().unwrap() {
                if item["bad"] == true {
                    return Err(NotTaken::Invalid("it is bad".to_owned()));
                }
                items.insert((kind.clone(), item["name"].as_str().unwrap().to_owned()), item.clone());
            }
        }
        for (kind, list) in patch["removed"].as_object().unwrap() {
            for name in list.as_array().unwrap() {
                let gone = items.remove(&(kind.clone(), name.as_str().unwrap().to_owned()));
                assert!(gone.is_some(), "{name} was not there");
            }
        }
        state.items = items;
        state.generation += 1;
        Ok(())
    }

    fn renew(&self) -> Result<(), NotTaken> {
        Err(NotTaken::Invalid("there is no file".to_owned()))
    }

    fn health(&self) -> Health {
        Health { workers: 2, ..Health::default() }
    }
}

/// A control plane that answers as it is told: `None` hangs up.
struct Script {
    polls: Receiver<Value>,
    answers: Sender<Option<(u16, Value)>>,
    url: String,
}

impl Script {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ((told, polls), (answers, answer)) = (mpsc::channel(), mpsc::channel());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if serve(stream.unwrap(), &told, &answer).is_none() {
                    return;
                }
            }
        });
        Self { polls, answers, url }
    }

    /// The next poll, which is answered with `answer`.
    fn poll(&self, answer: Value) -> Value {
        let poll = self.polls.recv().unwrap();
        self.answers.send(Some((200, answer))).unwrap();
        poll
    }
}

/// Serves one connection; `None` when the test is over.
fn serve(stream: TcpStream, told: &Sender<Value>, answers: &Receiver<Option<(u16, Value)>>) -> Option<()> {
    let (mut reader, mut writer) = (BufReader::new(stream.try_clone().unwrap()), stream);
    loop {
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                assert!(!line.to_lowercase().starts_with("authorization:") || line.trim().ends_with("tgn_edge_0"));
            } else {
                return Some(());
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        told.send(serde_json::from_slice(&body).unwrap()).ok()?;
        let Some((status, answer)) = answers.recv().ok()? else { return Some(()) };
        let text = answer.to_string();
        let length = text.len();
        write!(writer, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{text}").unwrap();
    }
}

struct World {
    script: Script,
    map: Map,
    keeper: Arc<Keeper>,
    folder: tempfile::TempDir,
    node: Option<thread::JoinHandle<()>>,
}

impl World {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Arc::new(Keeper::open(folder.path().join("published"), Patch::default()).unwrap());
        let mut world = Self { script: Script::start(), map: Map::default(), keeper, folder, node: None };
        let node = Node::new(world.access(), world.keeper.clone(), world.map.clone(), "test");
        world.node = Some(thread::spawn(move || node.run()));
        world
    }

    fn access(&self) -> Access {
        Access::new(&self.script.url, "tgn_edge_0".to_owned(), None).unwrap()
    }

    fn kept(&self) -> PathBuf {
        self.folder.path().join("published")
    }
}

fn at(generation: u64) -> Position {
    Position::new(generation, generation)
}

fn answer(from: Option<u64>, to: u64, set: &[&str], gone: &[&str]) -> Value {
    let mut patch = Patch::default();
    for name in set {
        patch
            .set("routes", (*name).to_owned(), json!({ "name": name, "bad": name.starts_with("bad") }).to_string())
            .unwrap();
    }
    gone.iter().for_each(|name| patch.remove("routes", (*name).to_owned()));
    json!({ "protocol": 1, "head": at(to), "delta": Delta { from: from.map(at), to: at(to), patch } })
}

fn nothing(head: u64) -> Value {
    json!({ "protocol": 1, "head": at(head) })
}

#[test]
fn what_comes_is_run_kept_and_said() {
    let world = World::start();
    let first = world.script.poll(answer(None, 1, &["a", "b"], &[]));
    assert_eq!((first.get("has"), &first["protocol"], &first["health"]["workers"]), (None, &json!(1), &json!(2)));
    assert!(first["wait_ms"].as_u64().unwrap() > 1000);
    world.map.0.lock().unwrap().conflicts = 2;
    let second = world.script.poll(answer(Some(1), 2, &["c"], &["a", "never there"]));
    assert_eq!(second["has"], json!(at(1)));
    let third = world.script.poll(nothing(2));
    assert_eq!((third["has"].clone(), world.map.names()), (json!(at(2)), vec!["b".to_owned(), "c".to_owned()]));
    // It is there again at the next start, for whatever file the node has then.
    let again = Keeper::open(world.kept(), Patch::default()).unwrap();
    let overlay: Value = serde_json::from_str(&again.overlay("7").unwrap()).unwrap();
    assert_eq!((again.position(), &overlay["base"]), (Some(at(2)), &json!("7")));
    assert_eq!(overlay["changed"]["routes"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_refused_changes_nothing_and_is_said_and_what_comes_then_heals() {
    let world = World::start();
    world.script.poll(answer(None, 1, &["a"], &[]));
    world.script.poll(answer(Some(1), 2, &["bad", "b"], &[]));
    let said = world.script.poll(answer(Some(1), 3, &["good", "b"], &[]));
    assert_eq!((&said["has"], &said["refused"]["to"]), (&json!(at(1)), &json!(at(2))));
    assert_eq!(said["refused"]["why"], "it is bad");
    let healed = world.script.poll(nothing(3));
    assert_eq!((&healed["has"], healed.get("refused")), (&json!(at(3)), None));
    assert_eq!(world.map.names(), ["a", "b", "good"]);
}

#[test]
fn everything_anew_changes_only_what_differs() {
    let world = World::start();
    world.script.poll(answer(None, 1, &["a", "b"], &[]));
    let _ = world.script.polls.recv().unwrap();
    let before = world.map.generation();
    // Somebody has changed the node beside us: what is the same in both is not sent to it again.
    world.map.0.lock().unwrap().items.insert(("routes".to_owned(), "a".to_owned()), json!("mine"));
    world.script.answers.send(Some((200, answer(None, 9, &["a", "c"], &[])))).unwrap();
    let said = world.script.poll(nothing(9));
    assert_eq!((&said["has"], world.map.names()), (&json!(at(9)), vec!["a".to_owned(), "c".to_owned()]));
    assert_eq!(world.map.generation(), before + 1);
    assert_eq!(world.map.0.lock().unwrap().items[&("routes".to_owned(), "a".to_owned())], "mine");
}

#[test]
fn a_delta_for_something_else_is_not_run() {
    let world = World::start();
    world.script.poll(answer(None, 1, &["a"], &[]));
    world.script.poll(answer(Some(5), 6, &["b"], &[]));
    let said = world.script.poll(nothing(6));
    assert_eq!((&said["has"], world.map.names()), (&json!(at(1)), vec!["a".to_owned()]));
}

#[test]
fn a_loss_costs_nothing_and_ends_by_itself() {
    let world = World::start();
    world.script.poll(answer(None, 1, &["a"], &[]));
    let _ = world.script.polls.recv().unwrap();
    world.script.answers.send(None).unwrap();
    // A control plane that is restarting, one that has lost its mind, and one that does not know the node.
    for (status, body) in [(503, json!({})), (200, json!("hello")), (401, json!({ "detail": "no" }))] {
        assert_eq!(world.script.polls.recv().unwrap()["has"], json!(at(1)));
        world.script.answers.send(Some((status, body))).unwrap();
    }
    assert_eq!(world.script.poll(answer(Some(1), 2, &["b"], &[]))["has"], json!(at(1)));
    assert_eq!(world.script.poll(nothing(2))["has"], json!(at(2)));
}

#[test]
fn a_control_plane_of_later_is_understood() {
    let world = World::start();
    let mut later = answer(None, 1, &["a"], &[]);
    later["protocol"] = json!(2);
    later["leases"] = json!([{ "rule": "x" }]);
    later["delta"]["signed"] = json!("by nobody");
    later["delta"]["to"]["since"] = json!(7);
    later["delta"]["patch"]["moved"] = json!({});
    world.script.poll(later);
    assert_eq!(world.script.poll(nothing(1))["has"], json!(at(1)));
    assert_eq!(world.map.names(), ["a"]);
}

#[test]
fn it_ends_with_its_gateway() {
    let mut world = World::start();
    world.map.0.lock().unwrap().is_over = true;
    world.script.poll(answer(None, 1, &["a"], &[]));
    world.node.take().unwrap().join().unwrap();
    assert_eq!(world.keeper.position(), None);
}

#[test]
fn shares_are_asked_for_within_their_deadline() {
    let script = Script::start();
    let access = Access::new(&script.url, "tgn_edge_0".to_owned(), None).unwrap();
    let client = ShareClient::new(access);
    let of = ShareOf::Quota { limit: 10, end_s: 20, debit: false };
    let ask = || client.answer(("tollgate", 7), vec![ShareAsk { key: 1, units: 5, of }], Duration::from_millis(500));
    thread::scope(|scope| {
        let asked = scope.spawn(ask);
        let said = script.polls.recv().unwrap();
        assert_eq!(
            (&said["cluster"], &said["probe"], &said["asks"][0]["units"]),
            (&json!("tollgate"), &json!(7), &json!(5))
        );
        script.answers.send(Some((200, json!({ "protocol": 1, "answers": [[5, 5]], "later": 1 })))).unwrap();
        assert_eq!(asked.join().unwrap(), Ok(vec![(5, 5)]));
        // Why it is refused is told in the words of the control plane.
        let asked = scope.spawn(ask);
        let _ = script.polls.recv().unwrap();
        script.answers.send(Some((409, json!({ "detail": "another secret" })))).unwrap();
        assert!(asked.join().unwrap().unwrap_err().contains("another secret"));
        // An answer that does not come is not waited for.
        let asked = scope.spawn(ask);
        let _ = script.polls.recv().unwrap();
        assert!(asked.join().unwrap().unwrap_err().contains("does not answer"));
        script.answers.send(None).unwrap();
    });
}

#[test]
fn a_first_start_asks_once() {
    let folder = tempfile::tempdir().unwrap();
    let (script, kept) = (Script::start(), folder.path().join("published"));
    let keeper = Keeper::open(kept, Patch::default()).unwrap();
    let access = Access::new(&script.url, "tgn_edge_0".to_owned(), None).unwrap();
    thread::scope(|scope| {
        let fetched = scope.spawn(|| fetch(access, &keeper, "test"));
        assert_eq!(script.poll(answer(None, 1, &["a"], &[]))["wait_ms"], 0);
        fetched.join().unwrap().unwrap();
    });
    assert_eq!(keeper.position(), Some(at(1)));
    drop(script);
    let nobody = Access::new("http://127.0.0.1:1", "tgn_edge_0".to_owned(), None).unwrap();
    assert!(fetch(nobody, &keeper, "test").is_err());
    assert_eq!(keeper.position(), Some(at(1)));
}
