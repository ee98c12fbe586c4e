//! The connection to a Redis: one batch at a time, each within a deadline.
//!
//! Of several addresses the first is used that answers and can be written to; when one fails the next is tried with the
//! next batch. Nothing is retried here: a batch that fails may have been done or not.

use super::{
    script::Scripts,
    source::{ShareBatch, ShareSource},
};
use redis::{Client, Connection, ErrorKind, FromRedisValue, IntoConnectionInfo, Pipeline, RedisResult, cmd, pipe};
use std::{io, time::Duration};
use tollgate_model::{Cluster, Secret};

/// For a connection, however patient requests are.
const CONNECT_MIN: Duration = Duration::from_millis(500);

pub(super) struct Link {
    clients: Vec<Client>,
    /// The one in use.
    client: usize,
    deadline: Duration,
    prefix: String,
    probe: u64,
    open: Option<Open>,
}

struct Open {
    connection: Connection,
    scripts: Scripts,
}

impl Link {
    /// To the first of `urls` that answers.
    pub(super) fn new(urls: &[Secret], settings: &Cluster, probe: u64, deadline: Duration) -> io::Result<Self> {
        // What is wrong with an address is told without it: a password may stand in it.
        let client = |url: &str| Client::open(url.into_connection_info().ok()?).ok();
        let clients: Option<Vec<Client>> = urls.iter().map(|url| client(url.reveal())).collect();
        let wrong =
            || io::Error::new(io::ErrorKind::InvalidInput, "an address of `cluster.redis` cannot be understood");
        Ok(Self {
            clients: clients.ok_or_else(wrong)?,
            client: 0,
            deadline,
            prefix: settings.prefix.clone(),
            probe,
            open: None,
        })
    }

    /// The answers to the commands that `fill` makes, or to a PING if it makes none.
    pub(super) fn query<T: FromRedisValue>(
        &mut self,
        fill: impl FnOnce(&mut Pipeline, &str, &Scripts),
    ) -> RedisResult<Vec<T>> {
        let result = self.open().and_then(|mut open| Ok((open.query(fill, &self.prefix)?, open)));
        if result.is_err() {
            self.client = (self.client + 1) % self.clients.len();
        }
        let (answers, open) = result?;
        self.open = Some(open);
        Ok(answers)
    }

    /// The connection there is, or a new one.
    fn open(&mut self) -> RedisResult<Open> {
        match self.open.take() {
            Some(open) => Ok(open),
            None => Open::new(&self.clients[self.client], self.deadline, &self.prefix, self.probe),
        }
    }
}

/// Whose cluster it is, and how long it may take, it knows from its start.
impl ShareSource for Link {
    fn answer(&mut self, batch: &ShareBatch<'_>) -> Result<Vec<(i64, i64)>, String> {
        let answers = self.query(|pipeline, prefix, scripts| {
            batch.asks.iter().for_each(|ask| ask.add(pipeline, prefix, scripts));
        });
        answers.map_err(|error| error.to_string())
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
