//! The table of ambiguous forms through the real binary: what is refused never reaches an endpoint, what is accepted
//! reaches it in a form that can be read in one way only, and no response is taken for another's.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};
use tollgate_e2e::{DEADLINE, Node};
use tollgate_reference::forms::{
    Exchanged, NEXT, ResponseForm, judge_request, judge_response, origin_reply, request_forms, response_forms,
};

/// An origin that answers by the script of the table, for one form at a time. Its threads end with the node's connections.
struct Origin {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    form: Option<ResponseForm>,
    /// What came on each connection since the form was set.
    received: Vec<Vec<u8>>,
}

impl Origin {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = shared.clone();
                thread::spawn(move || serve(stream, &state));
            }
        });
        Self { address, state }
    }

    /// Answers by `form` from now on.
    fn set(&self, form: Option<ResponseForm>) {
        *self.state.lock().expect("no thread panics with it") = State { form, received: Vec::new() };
    }

    fn received(&self) -> Vec<Vec<u8>> {
        self.state.lock().expect("no thread panics with it").received.clone()
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let (mut block, mut bytes, mut answered, mut number) = ([0; 4096], Vec::new(), 0, None);
    while let Ok(count @ 1..) = stream.read(&mut block) {
        bytes.extend_from_slice(&block[..count]);
        let mut state = state.lock().expect("no thread panics with it");
        // Counted with its first byte: which form it belongs to is plain then.
        let number = *number.get_or_insert_with(|| {
            state.received.push(Vec::new());
            state.received.len() - 1
        });
        if let Some(received) = state.received.get_mut(number) {
            received.clone_from(&bytes);
        }
        while let Some((reply, finishes)) = origin_reply(&bytes, answered, state.form.as_ref()) {
            answered += 1;
            if stream.write_all(&reply).is_err() || (finishes && stream.shutdown(Shutdown::Write).is_err()) {
                return;
            }
        }
    }
}

/// All that a client receives that sends `bytes`.
fn ask(node: &Node, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(node.address).expect("the node listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("the deadline is not zero");
    // A node that refuses the first bytes may not take the last.
    let _ = stream.write_all(bytes);
    let mut read = Vec::new();
    let mut block = [0; 4096];
    loop {
        match stream.read(&mut block) {
            Ok(count @ 1..) => read.extend_from_slice(&block[..count]),
            Ok(_) => return read,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return read,
            Err(error) => panic!("{error} behind {}, sent {}", read.escape_ascii(), bytes.escape_ascii()),
        }
    }
}

#[test]
fn requests_get_the_verdict_of_the_table() {
    let origin = Origin::start();
    let node = Node::start(origin.address);
    for form in request_forms() {
        origin.set(None);
        let client = ask(&node, &[&form.bytes, NEXT.as_bytes()].concat());
        judge_request(&form, &Exchanged { client, origin: origin.received() })
            .unwrap_or_else(|error| panic!("{error}: {} ({})", form.bytes.escape_ascii(), form.section));
    }
}

#[test]
fn responses_get_the_verdict_of_the_table() {
    let origin = Origin::start();
    let node = Node::start(origin.address);
    for form in response_forms() {
        origin.set(Some(form.clone()));
        let asked = format!("{} /form HTTP/1.1\r\nHost: a\r\n\r\n{NEXT}", form.method);
        let client = ask(&node, asked.as_bytes());
        judge_response(&form, &Exchanged { client, origin: origin.received() })
            .unwrap_or_else(|error| panic!("{error}: {} ({})", form.bytes.escape_ascii(), form.section));
    }
}
