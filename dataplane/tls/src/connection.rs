//! One step of rustls' state machine, for both sides alike.
//!
//! rustls hands out a state that borrows the connection and the input; it is settled here at once into a plain [`Step`],
//! and what is to be sent goes into a queue. Nothing else in the crate sees rustls' states.

use rustls::{
    CommonState, Error,
    client::UnbufferedClientConnection,
    server::UnbufferedServerConnection,
    unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus},
};

/// A connection of either side. Boxed: an idle worker task stays small.
pub(crate) enum Connection {
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
}

/// What the caller of a step wants to have done if the state allows it.
pub(crate) enum Action<'a> {
    /// Only take note of what came.
    Look,
    /// Copy the plaintext that is ready to the front of this.
    Take(&'a mut [u8]),
    /// Seal the first, at most one record, into the second.
    Seal(&'a [u8], &'a mut [u8]),
    /// Seal close_notify into this.
    Close(&'a mut [u8]),
}

/// What a step came to.
pub(crate) enum Step {
    /// Plaintext of this length is ready to be taken.
    Ready(usize),
    /// The action was done for this many bytes of output.
    Done(usize),
    /// The state has changed: step again.
    More,
    /// The peer has sent close_notify. Told once.
    PeerClosed,
    /// Nothing more without further input.
    Idle,
}

impl Connection {
    pub(crate) fn state(&self) -> &CommonState {
        match self {
            Self::Server(connection) => connection,
            Self::Client(connection) => connection,
        }
    }

    /// Steps with `bytes` as the input. Says how many of its bytes are done with, and puts what is to be sent into `queue`.
    pub(crate) fn step(
        &mut self,
        bytes: &mut [u8],
        action: Action<'_>,
        queue: &mut Vec<u8>,
    ) -> (usize, Result<Step, Error>) {
        match self {
            Self::Server(connection) => settle(connection.process_tls_records(bytes), action, queue),
            Self::Client(connection) => settle(connection.process_tls_records(bytes), action, queue),
        }
    }

    /// Moves alerts and handshake messages that wait to be sent into `queue`. Looks at no input.
    pub(crate) fn flush(&mut self, queue: &mut Vec<u8>) {
        while self.state().wants_write() {
            if !matches!(self.step(&mut [], Action::Look, queue).1, Ok(Step::More)) {
                break;
            }
        }
    }
}

fn settle<D>(
    status: UnbufferedStatus<'_, '_, D>,
    action: Action<'_>,
    queue: &mut Vec<u8>,
) -> (usize, Result<Step, Error>) {
    let step = status.state.and_then(|state| match state {
        ConnectionState::ReadTraffic(mut traffic) => match action {
            Action::Take(into) => match traffic.next_record() {
                Some(record) => {
                    let payload = record?.payload;
                    into[..payload.len()].copy_from_slice(payload);
                    Ok(Step::Done(payload.len()))
                }
                None => Ok(Step::Done(0)),
            },
            _ => Ok(Step::Ready(traffic.peek_len().map_or(0, Into::into))),
        },
        ConnectionState::EncodeTlsData(data) => encode(data, queue).map(|()| Step::More),
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Ok(Step::More)
        }
        ConnectionState::WriteTraffic(mut traffic) => match action {
            Action::Seal(plain, into) => traffic
                .encrypt(plain, into)
                .map(Step::Done)
                .map_err(|error| Error::General(format!("sealing failed: {error}"))),
            Action::Close(into) => traffic
                .queue_close_notify(into)
                .map(Step::Done)
                .map_err(|error| Error::General(format!("sealing failed: {error}"))),
            Action::Look | Action::Take(_) => Ok(Step::Idle),
        },
        ConnectionState::PeerClosed => Ok(Step::PeerClosed),
        ConnectionState::BlockedHandshake | ConnectionState::Closed => Ok(Step::Idle),
        // Early data is never accepted, and no other state is known.
        _ => Err(Error::General("a state that was not asked for".into())),
    });
    (status.discard, step)
}

/// Asks for the size first: an encoding that does not fit would be lost with its state.
fn encode<D>(mut data: EncodeTlsData<'_, D>, queue: &mut Vec<u8>) -> Result<(), Error> {
    let failed = |error: EncodeError| Error::General(format!("encoding failed: {error}"));
    let size = match data.encode(&mut []) {
        Ok(size) => size,
        Err(EncodeError::InsufficientSize(insufficient)) => insufficient.required_size,
        Err(error) => return Err(failed(error)),
    };
    let start = queue.len();
    queue.resize(start + size, 0);
    data.encode(&mut queue[start..]).map(drop).map_err(failed)
}
