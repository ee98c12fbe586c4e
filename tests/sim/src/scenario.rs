//! A model beside the system: random exchanges through a gateway, and what must hold of them whatever the network did.
//!
//! A token stands for an exchange: request, answer and both bodies are functions of it, so client and origin agree
//! without talking and a byte of another exchange is noticed. Checked: no reply without its request, bodies intact, each
//! request answered at most once and in order, nothing sent twice that must not be, and no failure without a cause.

use crate::{Answer, Body, Client, Failure, Framing, Head, Origin, Random, Reply, Request, Simulation, payload};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
};

/// Longest pause a peer makes between two segments, in nanoseconds.
const PAUSE_NANOS_MAX: u64 = 300_000;

/// Clients begin within this time, in nanoseconds.
const START_NANOS_MAX: u64 = 5_000_000;

/// What kind of exchanges to draw.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Connections from clients.
    pub clients: usize,
    /// Requests on each.
    pub requests: usize,
    /// Some answers end with the connection.
    pub close_delimited: bool,
    /// Peers misbehave: answers come early or are cut, clients leave.
    pub mishaps: bool,
    /// Neither mishaps nor faults excuse a failure.
    pub quiet: bool,
}

/// A scenario under way.
#[derive(Debug)]
pub struct Exchanges {
    scenario: Scenario,
    origins: Vec<Rc<Origin>>,
    /// By client: what it asked and, once it ended, what it was told.
    clients: Rc<RefCell<Vec<Conversation>>>,
}

#[derive(Debug, Default)]
struct Conversation {
    requests: Vec<Request>,
    replies: Vec<Result<Reply, Failure>>,
    ended: bool,
}

/// How the exchanges ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answered by an origin.
    pub answered: usize,
    /// Answered by the gateway itself.
    pub refused: usize,
    /// Ended without a whole answer.
    pub failed: usize,
    /// Never reached, since the connection had ended.
    pub unasked: usize,
}

impl Scenario {
    /// Starts the origins at `origins` and clients that talk to `gateway`.
    #[must_use]
    pub fn start(self, simulation: &Simulation, gateway: SocketAddr, origins: &[SocketAddr]) -> Exchanges {
        let world = simulation.world();
        let start = |&at| Origin::start(&world, at, move |head| self.answer(head.token()));
        let origins = origins.iter().map(start).collect();
        let exchanges = Exchanges { scenario: self, origins, clients: Rc::default() };
        for number in 0..self.clients {
            let (client, requests) = (self.client(number, world.random()), self.requests(world.random()));
            let conversation = Conversation { requests: requests.clone(), ..Conversation::default() };
            exchanges.clients.borrow_mut().push(conversation);
            let (clients, task_world) = (exchanges.clients.clone(), world.clone());
            world.spawn(async move {
                task_world.sleep(task_world.random().below(START_NANOS_MAX)).await;
                let replies = client.run(&task_world, gateway, &requests).await;
                let conversation = &mut clients.borrow_mut()[number];
                (conversation.replies, conversation.ended) = (replies, true);
            });
        }
        exchanges
    }

    fn client(self, number: usize, random: &Random) -> Client {
        let pause_nanos_max = random.below(PAUSE_NANOS_MAX);
        let cut_at = (self.mishaps && random.chance(0.1)).then(|| size(random));
        let from = IpAddr::V4(Ipv4Addr::new(192, 0, 2, number as u8));
        Client {
            from,
            depth: 1 + random.index(4),
            pieces: 1 + random.index(4),
            pause_nanos_max,
            cut_at,
            ..Client::default()
        }
    }

    fn requests(self, random: &Random) -> Vec<Request> {
        // 32 bits are plenty, and short numbers read better.
        (0..self.requests).map(|_| request(random.next() >> 32)).collect()
    }

    /// What the origin answers to the request of `token`.
    fn answer(self, token: u64) -> Answer {
        let random = Random::new(!token);
        let mut answer = Answer::new(payload(!token, size(&random)));
        answer.status = [200, 200, 200, 201, 204, 404, 500][random.index(7)];
        answer.fields = format!("X-Token: {token}\r\n");
        answer.interim = [&[][..], &[], &[], &[], &[], &[103], &[100], &[103, 103]][random.index(8)].to_vec();
        answer.framing = match random.below(8) {
            0 if self.close_delimited => Framing::UntilClose,
            1..4 => Framing::Chunked,
            _ => answer.framing,
        };
        (answer.chunk_max, answer.pieces) = (1 + random.index(8_000), 1 + random.index(4));
        (answer.delay_nanos, answer.pause_nanos_max) = (random.below(1_000_000), random.below(PAUSE_NANOS_MAX));
        if self.mishaps {
            answer.close = random.chance(0.05);
            answer.early = random.chance(0.05);
            answer.cut_at = random.chance(0.05).then(|| size(&random));
        }
        answer
    }
}

fn request(token: u64) -> Request {
    let random = Random::new(token);
    let (method, body) = match random.below(8) {
        0..3 => ("GET", Body::None),
        3 => ("HEAD", Body::None),
        4 => ("DELETE", Body::None),
        5 => ("PUT", Body::Length(size(&random))),
        6 => ("POST", Body::Length(size(&random))),
        _ => ("POST", Body::Chunked { len: size(&random), chunk_max: 1 + random.index(8_000) }),
    };
    Request { method, target: format!("/exchanges/{token}"), token, body, fields: String::new() }
}

/// Bytes: each order of magnitude up to 64 KiB as likely as another.
fn size(random: &Random) -> usize {
    random.index(1 << random.index(17))
}

impl Exchanges {
    /// Checks all that must hold once nothing can happen any more.
    ///
    /// # Panics
    /// If something does not hold.
    #[must_use]
    pub fn judge(&self) -> Tally {
        let mut tally = Tally::default();
        let seen = self.judge_seen();
        for conversation in self.clients.borrow().iter() {
            assert!(conversation.ended, "a client waits for ever: {:?}", conversation.requests);
            for (request, reply) in conversation.requests.iter().zip(&conversation.replies) {
                self.judge_reply(request, reply, &seen, &mut tally);
            }
            tally.unasked += conversation.requests.len() - conversation.replies.len();
        }
        tally
    }

    /// What reached the origins: how often each token did.
    fn judge_seen(&self) -> BTreeMap<u64, usize> {
        let mut seen = BTreeMap::new();
        let all = self.origins.iter().flat_map(|origin| origin.seen());
        for (head, body) in all.map(|seen| (seen.head, seen.body)) {
            let request = self.request_of(&head);
            assert_eq!(head.word(0), request.method, "another method for {}", request.token);
            assert_eq!(head.word(1), request.target, "another target for {}", request.token);
            assert!(body == payload(request.token, request.body.len()), "damaged body of request {}", request.token);
            let times = seen.entry(request.token).or_insert(0);
            *times += 1;
            assert!(*times == 1 || request.method != "POST", "request {} was sent twice", request.token);
        }
        let broken = self.origins.iter().flat_map(|origin| origin.broken());
        broken.for_each(|failure| assert!(!matches!(failure, Failure::Malformed(_)), "an origin was sent: {failure}"));
        seen
    }

    fn request_of(&self, head: &Head) -> Request {
        let clients = self.clients.borrow();
        let mut requests = clients.iter().flat_map(|conversation| &conversation.requests);
        requests.find(|request| request.token == head.token()).expect("a request nobody made").clone()
    }

    fn judge_reply(
        &self,
        request: &Request,
        reply: &Result<Reply, Failure>,
        seen: &BTreeMap<u64, usize>,
        tally: &mut Tally,
    ) {
        let Request { token, method, .. } = request;
        let answer = self.scenario.answer(*token);
        match reply {
            Ok(reply) if reply.head.field("x-token").is_some() => {
                assert_eq!(reply.head.token(), *token, "the reply of another request");
                assert_eq!(reply.head.status(), answer.status, "another status for {token}");
                let bare = *method == "HEAD" || answer.status == 204;
                let body = if bare { &[][..] } else { &answer.body };
                assert!(reply.body == body, "damaged body of reply {token}: {} of {}", reply.body.len(), body.len());
                assert!(reply.interim.iter().all(|status| answer.interim.contains(status)), "{reply:?}");
                assert!(answer.early || seen.contains_key(token), "reply {token} without its request");
                tally.answered += 1;
            }
            Ok(reply) => {
                assert!(!self.scenario.quiet, "refused {method} {token} without a cause: {reply:?}");
                assert!((400..600).contains(&reply.head.status()), "not an answer of the gateway: {reply:?}");
                tally.refused += 1;
            }
            Err(failure) => {
                assert!(!self.scenario.quiet, "{method} {token} failed without a cause: {failure}");
                assert!(!matches!(failure, Failure::Malformed(_)), "the client of {token} was sent: {failure}");
                tally.failed += 1;
            }
        }
    }
}
