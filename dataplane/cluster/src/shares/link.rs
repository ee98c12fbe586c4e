//! The connection to the store: one batch at a time, each within a deadline.
//!
//! Of several addresses the first is used that answers and can be written to; when one fails the next is tried with the
//! next batch. Nothing is retried here: a batch that fails may have been done or not.

use super::script::{Ask, Scripts};
use crossbeam::channel::{Receiver, Sender};
use redis::{
    Client, Connection, ErrorKind, FromRedisValue, IntoConnectionInfo, Pipeline, RedisError, RedisResult, cmd, pipe,
};
use std::{io, time::Duration};
use tollgate_model::Cluster;

/// What is given and what is left, for each question of a batch; `None` if the store did not answer.
pub(super) type Answers = Option<Vec<(i64, i64)>>;

/// For an answer, however patient the desk is: it does not wait here.
const DEADLINE_MIN: Duration = Duration::from_millis(500);
/// For a connection, however patient requests are.
const CONNECT_MIN: Duration = Duration::from_millis(500);

pub(super) struct Link {
    clients: Vec<Client>,
    /// The one in use.
    client: usize,
    deadline: Duration,
    prefix: String,
    probe: u64,
    /// What it is for, if that is to be told.
    purpose: &'static str,
    open: Option<Open>,
    is_failing: bool,
}

struct Open {
    connection: Connection,
    scripts: Scripts,
}

impl Link {
    pub(super) fn new(settings: &Cluster, probe: u64) -> io::Result<Self> {
        // What is wrong with an address is told without it: a password may stand in it.
        let client = |url: &str| Client::open(url.into_connection_info().ok()?).ok();
        let clients: Option<Vec<Client>> = settings.redis.iter().map(|url| client(url.reveal())).collect();
        let wrong =
            || io::Error::new(io::ErrorKind::InvalidInput, "an address of `cluster.redis` cannot be understood");
        Ok(Self {
            clients: clients.ok_or_else(wrong)?,
            client: 0,
            deadline: settings.timeout.max(DEADLINE_MIN),
            prefix: settings.prefix.clone(),
            probe,
            purpose: "",
            open: None,
            is_failing: false,
        })
    }

    /// The same for questions that requests wait for: what takes longer than they wait is of no use.
    pub(super) fn strict(settings: &Cluster, probe: u64) -> io::Result<Self> {
        let link = Self::new(settings, probe)?;
        Ok(Self { deadline: settings.timeout, purpose: " for rules of `mode: strict`", ..link })
    }

    /// Answers batches until there are none any more.
    pub(super) fn run(mut self, batches: &Receiver<Vec<Ask>>, answers: &Sender<Answers>) {
        for batch in batches {
            let result = self.query(|pipeline, prefix, scripts| {
                batch.iter().for_each(|ask| ask.add(pipeline, prefix, scripts));
            });
            if answers.send(result).is_err() {
                return;
            }
        }
    }

    /// The answers to the commands that `fill` makes, or to a PING if it makes none; `None` if the store did not answer.
    pub(super) fn query<T: FromRedisValue>(
        &mut self,
        fill: impl FnOnce(&mut Pipeline, &str, &Scripts),
    ) -> Option<Vec<T>> {
        let result = self.open().and_then(|mut open| Ok((open.query(fill, &self.prefix)?, open)));
        self.say(result.as_ref().err());
        match result {
            Ok((answers, open)) => {
                self.open = Some(open);
                Some(answers)
            }
            Err(_) => {
                self.client = (self.client + 1) % self.clients.len();
                None
            }
        }
    }

    /// The connection there is, or a new one.
    fn open(&mut self) -> RedisResult<Open> {
        match self.open.take() {
            Some(open) => Ok(open),
            None => Open::new(&self.clients[self.client], self.deadline, &self.prefix, self.probe),
        }
    }

    /// Says when the store is lost, and when it is back.
    fn say(&mut self, error: Option<&RedisError>) {
        let purpose = self.purpose;
        match error {
            Some(error) if !self.is_failing => {
                eprintln!("tollgate: WARNING: the store of the cluster is lost{purpose}: {error}");
            }
            None if self.is_failing => eprintln!("tollgate: the store of the cluster is back{purpose}"),
            _ => {}
        }
        self.is_failing = error.is_some();
    }
}

impl Open {
    fn new(client: &Client, deadline: Duration, prefix: &str, probe: u64) -> RedisResult<Self> {
        let mut connection = client.get_connection_with_timeout(deadline.max(CONNECT_MIN))?;
        connection.set_read_timeout(Some(deadline))?;
        connection.set_write_timeout(Some(deadline))?;
        let scripts = Scripts::load(&mut connection)?;
        // Also tells a replica, which cannot be written to, from what is wanted.
        let key = format!("{prefix}:probe");
        let probe = format!("{probe:016x}");
        cmd("SET").arg(&key).arg(&probe).arg("NX").exec(&mut connection)?;
        let found: String = cmd("GET").arg(&key).query(&mut connection)?;
        if found != probe {
            let why = "other nodes hash keys in another way: is `cluster.secret` the same on all, and their release?";
            return Err((ErrorKind::InvalidClientConfig, why).into());
        }
        Ok(Self { connection, scripts })
    }

    fn query<T: FromRedisValue>(
        &mut self,
        fill: impl FnOnce(&mut Pipeline, &str, &Scripts),
        prefix: &str,
    ) -> RedisResult<Vec<T>> {
        let mut pipeline = pipe();
        fill(&mut pipeline, prefix, &self.scripts);
        if pipeline.is_empty() {
            cmd("PING").exec(&mut self.connection)?;
            return Ok(Vec::new());
        }
        pipeline.query(&mut self.connection)
    }
}
