//! A client of the model: makes its requests over as many connections as it takes, each in a manner of its own.
//!
//! A request is made once, whatever becomes of it. A client that is refused too often gives up: the gateway has ended.

use super::{
    Model,
    mishap::Mishap,
    notes::Outcome,
    plan::{Expected, PAUSE_NANOS_MAX},
};
use crate::{Client, Pace, Talk};
use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr},
    rc::Rc,
};

/// Clients begin within this time, in nanoseconds.
const START_NANOS_MAX: u64 = 20_000_000;

/// Longest pause between two requests, in nanoseconds: usually, and now and then.
const THINK_NANOS_MAX: [u64; 2] = [2_000_000, 400_000_000];

/// Longest time that a client which leaves stays, in nanoseconds.
const STAY_NANOS_MAX: u64 = 3_000_000;

/// How long a body waits for a 100 (Continue), in nanoseconds.
const PATIENCE_NANOS: u64 = 700_000_000;

/// After so long a connection may be about to be closed for having been idle, in nanoseconds: the gateway was done with it
/// long before a client that reads slowly. A second less than `timeouts.keep_alive` of every mix.
const PERISHABLE_NANOS: u64 = 6_000_000_000;

/// Connects that may be refused to one client.
const REFUSALS_MAX: usize = 20;

/// What makes a connection of a client its own.
struct Manner {
    client: Client,
    /// Requests sent before the first of them is answered.
    depth: usize,
    /// Batches until the client closes.
    batches: usize,
    mishap: Option<Mishap>,
}

/// Makes the requests of `tokens`.
pub(super) async fn visit(model: Rc<Model>, number: usize, mut tokens: VecDeque<u64>) {
    let (world, mut refusals) = (model.world.clone(), 0);
    world.sleep(world.random().below(START_NANOS_MAX)).await;
    while !tokens.is_empty() && refusals < REFUSALS_MAX {
        let manner = Manner::draw(&model, number);
        match manner.client.open(&world, model.door(world.random(), refusals > 0)).await {
            Ok(talk) => manner.converse(&model, talk, &mut tokens).await,
            Err(_) => {
                refusals += 1;
                world.sleep(world.random().below(20_000_000)).await;
            }
        }
    }
    model.visitors.set(model.visitors.get() - 1);
}

impl Manner {
    fn draw(model: &Model, number: usize) -> Self {
        let random = model.world.random();
        let strikes = |mishap| model.strikes(mishap);
        let ways = [Mishap::ClientCuts, Mishap::ClientLeaves, Mishap::ClientStalls, Mishap::HalfClose];
        let mishap = ways.into_iter().find(|&mishap| strikes(mishap));
        let (reads_slowly, sends_slowly) = (strikes(Mishap::SlowReader), strikes(Mishap::SlowSender));
        let slowly = [(reads_slowly, Mishap::SlowReader), (sends_slowly, Mishap::SlowSender)];
        slowly.iter().filter(|(slow, _)| *slow).for_each(|&(_, mishap)| model.happens(mishap));
        let pace = Pace { bytes_max: 1 + random.index(2_000), pause_nanos_max: random.below(5_000_000) };
        let client = Client {
            from: IpAddr::V4(Ipv4Addr::new(192, 0, 2, number as u8)),
            pieces: if sends_slowly { 2 + random.index(12) } else { 1 + random.index(3) },
            pause_nanos_max: if sends_slowly { random.below(50_000_000) } else { random.below(PAUSE_NANOS_MAX) },
            cut_at: (mishap == Some(Mishap::ClientCuts)).then(|| random.index(1 << (1 + random.index(12)))),
            pace: if reads_slowly { pace } else { Pace::default() },
            finishes: mishap == Some(Mishap::HalfClose),
            ..Client::default()
        };
        let batches = if mishap.is_some() { 1 } else { 1 + random.index(12) };
        Self { client, depth: 1 + random.index(4), batches, mishap }
    }

    /// Makes requests over one connection until one side ends it.
    async fn converse(self, model: &Model, mut talk: Talk, tokens: &mut VecDeque<u64>) {
        let (world, mut served) = (model.world.clone(), 0);
        for _ in 0..self.batches {
            let batch = self.batch(model, tokens);
            if batch.is_empty() {
                return;
            }
            let begun = world.now().nanos();
            self.send(model, &mut talk, &batch);
            if self.mishap == Some(Mishap::ClientLeaves) {
                world.sleep(world.random().below(STAY_NANOS_MAX)).await;
                return batch.iter().for_each(|&token| model.note(token, |note| note.outcome = Outcome::Lost));
            }
            for (at, &token) in batch.iter().enumerate() {
                let (method, is_malformed) = model.note(token, |note| (note.plan.request.method, note.is_malformed()));
                let reply = talk.reply(method).await;
                served += usize::from(reply.is_ok());
                let was_turned_away = talk.was_turned_away();
                batch[at..].iter().for_each(|&token| model.note(token, |note| note.was_turned_away = was_turned_away));
                model.told(token, &reply, served, talk.keeps_body(), &batch[at + 1..]);
                if is_malformed || reply.as_ref().map_or(true, |reply| reply.last) {
                    let behind = |note: &mut super::Note| {
                        note.outcome = if reply.is_ok() { Outcome::Dropped } else { Outcome::Lost };
                    };
                    return batch[at + 1..].iter().for_each(|&token| model.note(token, behind));
                }
            }
            let most = THINK_NANOS_MAX[usize::from(world.random().chance(0.02))];
            world.sleep(world.random().below(most)).await;
            if world.now().nanos() - begun > PERISHABLE_NANOS {
                return;
            }
        }
    }

    /// The next requests to be sent together. One that is malformed is the last of its connection, and one that asks
    /// before it sends its body goes alone.
    fn batch(&self, model: &Model, tokens: &mut VecDeque<u64>) -> Vec<u64> {
        let mut batch = Vec::new();
        while batch.len() < self.depth
            && let Some(&token) = tokens.front()
        {
            let (is_malformed, asks) =
                model.note(token, |note| (note.is_malformed(), note.plan.request.fields.contains("Expect")));
            if asks && !batch.is_empty() {
                break;
            }
            batch.extend(tokens.pop_front());
            if asks || is_malformed {
                break;
            }
        }
        batch
    }

    fn send(&self, model: &Model, talk: &mut Talk, batch: &[u64]) {
        let (world, mut bytes, mut asks) = (&model.world, Vec::new(), false);
        self.mishap.into_iter().for_each(|mishap| model.happens(mishap));
        for &token in batch {
            model.sends(token, self.mishap, |plan| match plan.expected {
                Expected::Malformed(form) => {
                    bytes.extend(form.bytes.replace("TOKEN", &token.to_string()).bytes());
                }
                _ => {
                    plan.request.encode(&mut bytes, self.client.host, world);
                    asks |= plan.request.fields.contains("Expect");
                }
            });
        }
        match self.mishap {
            Some(Mishap::ClientStalls) => bytes.truncate(world.random().index(bytes.len())),
            Some(_) => {}
            None if asks => return self.ask(model, talk, bytes),
            None => {}
        }
        if !bytes.is_empty() {
            talk.send(bytes);
        }
        if self.mishap == Some(Mishap::HalfClose) {
            talk.finish();
        }
    }

    /// Sends the head, and the body when it is asked for.
    fn ask(&self, model: &Model, talk: &mut Talk, mut head: Vec<u8>) {
        model.happens(Mishap::AwaitsContinue);
        let end = head.windows(4).position(|window| window == b"\r\n\r\n").expect("a head ends") + 4;
        let body = head.split_off(end);
        talk.send(head);
        talk.send_when_asked(body, PATIENCE_NANOS);
    }
}

impl Model {
    pub(super) fn note<T>(&self, token: u64, look: impl FnOnce(&mut super::Note) -> T) -> T {
        look(self.notes.borrow_mut().get_mut(&token).expect("every request has a note"))
    }

    /// Takes note that a request is sent.
    fn sends(&self, token: u64, excuse: Option<Mishap>, encode: impl FnOnce(&super::Plan)) {
        self.sent.set(self.sent.get() + 1);
        let (settled, now) = (self.settled(), self.world.now().nanos());
        self.note(token, |note| {
            note.sent_at = now;
            if note.is_malformed() {
                self.happens(Mishap::BadRequest);
            }
            encode(&note.plan);
            (note.outcome, note.excuse, note.generation_min) =
                (Outcome::Pending, excuse.filter(|&mishap| mishap != Mishap::HalfClose), settled);
        });
    }
}
