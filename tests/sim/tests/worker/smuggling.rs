//! The table of ambiguous forms through a gateway: what is refused never reaches an endpoint, what is accepted reaches it
//! in a form that can be read in one way only, and no response is taken for another's.

use crate::gateway::{Gateway, ORIGINS, dial};
use std::{cell::RefCell, rc::Rc};
use tollgate_reference::forms::{
    Exchanged, NEXT, ResponseForm, judge_request, judge_response, origin_reply, request_forms, response_forms,
};
use tollgate_sim::{Conditions, Endpoint, Fault, Faults, World};

/// What came on each connection to the origin.
type Received = Rc<RefCell<Vec<Vec<u8>>>>;

/// As everything arrives when nothing is wrong, and cut into small pieces on both sides.
fn weathers() -> [Conditions; 2] {
    let faults = Faults::NONE.with(Fault::ShortReceive, 0.7).with(Fault::ShortSend, 0.7);
    [Conditions::default(), Conditions { faults, ..Conditions::default() }]
}

/// Reads to the end of the stream, or to its break.
async fn read_all(end: &Endpoint, into: &mut Vec<u8>) {
    while end.read(into, 4096).await.is_ok_and(|count| count > 0) {}
}

/// Starts an origin that answers by the script of the table.
fn serve(world: &World, form: Option<ResponseForm>) -> Received {
    let received = Received::default();
    let (backlog, spawner, kept, form) = (world.serve(ORIGINS[0]), world.clone(), received.clone(), Rc::new(form));
    world.spawn(async move {
        while let Some(end) = backlog.accept().await {
            let number = kept.borrow().len();
            kept.borrow_mut().push(Vec::new());
            spawner.spawn(answer(end, number, kept.clone(), form.clone()));
        }
    });
    received
}

async fn answer(end: Endpoint, number: usize, received: Received, form: Rc<Option<ResponseForm>>) {
    let (mut bytes, mut answered) = (Vec::new(), 0);
    while end.read(&mut bytes, 4096).await.is_ok_and(|count| count > 0) {
        received.borrow_mut()[number].clone_from(&bytes);
        while let Some((reply, finishes)) = origin_reply(&bytes, answered, form.as_ref().as_ref()) {
            answered += 1;
            if end.write_all(&reply).await.is_err() {
                return;
            }
            if finishes {
                end.finish();
            }
        }
    }
}

/// What a client that sends `bytes` reads, and what the origin sees.
fn exchange(bytes: Vec<u8>, form: Option<ResponseForm>, conditions: Conditions) -> Exchanged {
    let gateway = Gateway::start(1, conditions, 1);
    let received = serve(&gateway.world, form);
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let end = dial(&world, &bytes).await;
        let mut read = Vec::new();
        read_all(&end, &mut read).await;
        read
    });
    gateway.simulation.run_until_idle();
    let exchanged = Exchanged { client: client.take(), origin: received.take() };
    gateway.end();
    exchanged
}

#[test]
fn requests_get_the_verdict_of_the_table() {
    for (form, conditions) in request_forms().iter().flat_map(|form| weathers().map(|weather| (form, weather))) {
        let exchanged = exchange([&form.bytes, NEXT.as_bytes()].concat(), None, conditions);
        judge_request(form, &exchanged)
            .unwrap_or_else(|error| panic!("{error}: {} ({})", form.bytes.escape_ascii(), form.section));
    }
}

#[test]
fn responses_get_the_verdict_of_the_table() {
    for (form, conditions) in response_forms().iter().flat_map(|form| weathers().map(|weather| (form, weather))) {
        let asked = format!("{} /form HTTP/1.1\r\nHost: a\r\n\r\n{NEXT}", form.method);
        let exchanged = exchange(asked.into_bytes(), Some(form.clone()), conditions);
        judge_response(form, &exchanged)
            .unwrap_or_else(|error| panic!("{error}: {} ({})", form.bytes.escape_ascii(), form.section));
    }
}
