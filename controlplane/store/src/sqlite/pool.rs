//! Connections that read, lent one at a time; whoever finds none waits for one to come back.

use rusqlite::Connection;
use std::{
    ops::Deref,
    sync::{Condvar, Mutex, PoisonError},
};

/// A fixed number of connections.
pub(super) struct Pool {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
}

/// One of them; it goes back when it is dropped, after a panic too.
pub(super) struct Lent<'p> {
    pool: &'p Pool,
    connection: Option<Connection>,
}

impl Pool {
    /// Of one connection at least.
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        Self { idle: Mutex::new(connections), returned: Condvar::new() }
    }

    pub(super) fn take(&self) -> Lent<'_> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.returned.wait_while(idle, |idle| idle.is_empty());
        let connection = waited.unwrap_or_else(PoisonError::into_inner).pop();
        Lent { pool: self, connection }
    }
}

impl Deref for Lent<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("`take` waits until there is one, and only `drop` takes it out")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut idle = self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.connection.take());
        self.pool.returned.notify_one();
    }
}
