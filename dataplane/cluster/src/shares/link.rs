//! The connection to the store: one batch at a time, each within a deadline.
//!
//! Of several addresses the first is used that answers and can be written to; when one fails the next is tried with the
//! next batch. Nothing is retried here: a batch that fails may have been done or not.

use super::script::{Ask, BUCKET, QUOTA};
use crossbeam::channel::{Receiver, Sender};
use redis::{Client, Connection, ErrorKind, IntoConnectionInfo, RedisError, RedisResult, cmd, pipe};
use std::{io, time::Duration};
use tollgate_model::Cluster;

/// What is given and what is left, for each question of a batch; `None` if the store did not answer.
pub(super) type Answers = Option<Vec<(i64, i64)>>;

/// For an answer, however patient the desk is: it does not wait here.
const DEADLINE_MIN: Duration = Duration::from_millis(500);

pub(super) struct Link {
    clients: Vec<Client>,
    /// The one in use.
    client: usize,
    deadline: Duration,
    prefix: String,
    probe: u64,
    open: Option<Open>,
    is_failing: bool,
}

struct Open {
    connection: Connection,
    quota: String,
    bucket: String,
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
            open: None,
            is_failing: false,
        })
    }

    /// Answers batches until there are none any more.
    pub(super) fn run(mut self, batches: &Receiver<Vec<Ask>>, answers: &Sender<Answers>) {
        for batch in batches {
            let result = self.exchange(&batch);
            self.say(result.as_ref().err());
            if answers.send(result.ok()).is_err() {
                return;
            }
        }
    }

    fn exchange(&mut self, batch: &[Ask]) -> RedisResult<Vec<(i64, i64)>> {
        let result = self.open().and_then(|mut open| Ok((open.exchange(batch, &self.prefix)?, open)));
        match result {
            Ok((answers, open)) => {
                self.open = Some(open);
                Ok(answers)
            }
            Err(error) => {
                self.client = (self.client + 1) % self.clients.len();
                Err(error)
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
        match error {
            Some(error) if !self.is_failing => {
                eprintln!("tollgate: WARNING: the store of the cluster is lost: {error}");
            }
            None if self.is_failing => eprintln!("tollgate: the store of the cluster is back"),
            _ => {}
        }
        self.is_failing = error.is_some();
    }
}

impl Open {
    fn new(client: &Client, deadline: Duration, prefix: &str, probe: u64) -> RedisResult<Self> {
        let mut connection = client.get_connection_with_timeout(deadline)?;
        connection.set_read_timeout(Some(deadline))?;
        connection.set_write_timeout(Some(deadline))?;
        let mut load = |script: &str| cmd("SCRIPT").arg("LOAD").arg(script).query(&mut connection);
        let (quota, bucket) = (load(QUOTA)?, load(BUCKET)?);
        // Also tells a replica, which cannot be written to, from what is wanted.
        let key = format!("{prefix}:probe");
        let probe = format!("{probe:016x}");
        cmd("SET").arg(&key).arg(&probe).arg("NX").exec(&mut connection)?;
        let found: String = cmd("GET").arg(&key).query(&mut connection)?;
        if found != probe {
            let why = "other nodes hash keys in another way: is `cluster.secret` the same on all, and their release?";
            return Err((ErrorKind::InvalidClientConfig, why).into());
        }
        Ok(Self { connection, quota, bucket })
    }

    fn exchange(&mut self, batch: &[Ask], prefix: &str) -> RedisResult<Vec<(i64, i64)>> {
        if batch.is_empty() {
            cmd("PING").exec(&mut self.connection)?;
            return Ok(Vec::new());
        }
        let mut pipeline = pipe();
        for ask in batch {
            ask.add(&mut pipeline, prefix, &self.quota, &self.bucket);
        }
        pipeline.query(&mut self.connection)
    }
}
