//! The side that asks: one thread for each agent waits for its news, the calling thread merges them.
//!
//! An agent that is lost is told with what was heard of it last; what the others measured is kept.

use super::{
    message::{FORMAT, MESSAGE_BYTES_MAX, News, Order, Tick, receive, send},
    split::split,
};
use crate::load::{Failure, Plan, Progress, Recording, Stop};
use std::{
    io,
    net::{TcpStream, ToSocketAddrs as _},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

/// How long an agent may take to be reached, and to be ready.
const PATIENCE: Duration = Duration::from_secs(10);
/// An agent that is silent for so long is lost: it says something four times a second, but while connections open or end.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// From when all are ready to the beginning: more than the way to any agent takes.
const LEAD: Duration = Duration::from_millis(200);
/// How often progress is told.
const EVERY: Duration = Duration::from_millis(250);

/// An agent whose part is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Its address.
    pub agent: String,
    /// What happened, and how far it was.
    pub what: String,
}

/// What several agents measured.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Of those that came to their end.
    pub recording: Recording,
    /// The others.
    pub lost: Vec<Lost>,
}

struct Link {
    stream: TcpStream,
    address: String,
    /// Half of the time that a hello and its answer took.
    way: Duration,
    latest: Tick,
    is_done: bool,
}

/// Has `agents` carry out `plan` together; returns when all are done, lost, or were stopped.
///
/// # Errors
/// The plan cannot be shared, or an agent cannot be reached or refuses: then no load is made at all.
pub fn run(
    agents: &[String],
    token: Option<&str>,
    plan: &Plan,
    watch: &dyn Fn(&Progress),
    stop: &Stop,
) -> Result<Outcome, Failure> {
    let parts = split(plan, agents.len())?;
    let mut links = Vec::new();
    for (address, part) in agents.iter().zip(parts) {
        let failed = |error: io::Error| Failure::Start(format!("agent {address}: {error}"));
        links.push(Link::open(address, token, part).map_err(failed)?);
    }
    for link in &mut links {
        let begin = Order::Begin { in_ms: LEAD.saturating_sub(link.way).as_millis() as u64 };
        let failed = |error: io::Error| Failure::Start(format!("agent {}: {error}", link.address));
        send(&link.stream, &begin).map_err(failed)?;
    }
    let (sender, news) = channel();
    thread::scope(|scope| {
        for (index, link) in links.iter().enumerate() {
            match link.stream.try_clone() {
                Ok(stream) => drop(scope.spawn({
                    let sender = sender.clone();
                    move || listen(index, &stream, &sender)
                })),
                Err(error) => drop(sender.send((index, Err(error)))),
            }
        }
        drop(sender);
        Ok(attend(&mut links, &news, watch, stop))
    })
}

/// Passes on what an agent says, until it has said all.
fn listen(index: usize, stream: &TcpStream, sender: &Sender<(usize, io::Result<News>)>) {
    loop {
        let news = receive(stream, MESSAGE_BYTES_MAX);
        let is_last = !matches!(news, Ok(News::Tick(_)));
        if sender.send((index, news)).is_err() || is_last {
            return;
        }
    }
}

/// Merges what comes, until every agent is done or lost.
fn attend(
    links: &mut [Link],
    news: &Receiver<(usize, io::Result<News>)>,
    watch: &dyn Fn(&Progress),
    stop: &Stop,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut recordings: Vec<Recording> = Vec::new();
    let (mut told, mut has_stopped) = (Instant::now(), false);
    while links.iter().any(|link| !link.is_done) {
        if stop.is_set() && !has_stopped {
            has_stopped = true;
            // One that cannot be told is lost, which its thread sees.
            links.iter().filter(|link| !link.is_done).for_each(|link| drop(send(&link.stream, &Order::Stop)));
        }
        match news.recv_timeout(EVERY) {
            Ok((index, said)) => links[index].hear(said, &mut recordings, &mut outcome.lost),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if told.elapsed() >= EVERY {
            told = Instant::now();
            let mut progress = Progress::default();
            links.iter_mut().for_each(|link| link.latest.add_to(&mut progress));
            watch(&progress);
        }
    }
    outcome.recording = recordings
        .into_iter()
        .reduce(|mut all, one| {
            all.merge(one);
            all
        })
        .unwrap_or_default();
    outcome
}

impl Link {
    /// Connects, and has the agent prepare its part.
    fn open(address: &str, token: Option<&str>, part: Plan) -> io::Result<Self> {
        let no_address = || io::Error::other("no address is found for it: write HOST:PORT");
        let found = address.to_socket_addrs().map_err(|_| no_address())?.next().ok_or_else(no_address)?;
        let stream = TcpStream::connect_timeout(&found, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let asked = Instant::now();
        send(&stream, &Order::Hello { format: FORMAT, token: token.map(str::to_owned) })?;
        expect(&stream, &News::Welcome)?;
        let way = asked.elapsed() / 2;
        send(&stream, &Order::Prepare(Box::new(part)))?;
        expect(&stream, &News::Ready)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        Ok(Self { stream, address: address.to_owned(), way, latest: Tick::default(), is_done: false })
    }

    fn hear(&mut self, said: io::Result<News>, recordings: &mut Vec<Recording>, lost: &mut Vec<Lost>) {
        let why = match said {
            Ok(News::Tick(tick)) => return self.latest.update(*tick),
            Ok(News::Done(recording)) => {
                self.is_done = true;
                return recordings.push(*recording);
            }
            Ok(News::Failed(what)) => what,
            Ok(News::Welcome | News::Ready) => "it said what nobody had asked".to_owned(),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => "it closed the connection".to_owned(),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                format!("it was silent for {SILENCE_MAX:?}")
            }
            Err(error) => error.to_string(),
        };
        self.is_done = true;
        let what = format!("{why}; of what it measured only this is known: {} answers", self.latest.answered());
        lost.push(Lost { agent: self.address.clone(), what });
    }
}

fn expect(stream: &TcpStream, wanted: &News) -> io::Result<()> {
    match receive(stream, MESSAGE_BYTES_MAX)? {
        News::Failed(what) => Err(io::Error::other(what)),
        news if news == *wanted => Ok(()),
        _ => Err(io::Error::other("it answers otherwise than an agent: is this the right address?")),
    }
}
