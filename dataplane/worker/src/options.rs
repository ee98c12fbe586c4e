//! Answers to OPTIONS requests that may not go further (`Max-Forwards: 0`; RFC 9110, section 7.6.2): this node is their
//! recipient, and says which methods it would take for the target.
//!
//! Routed and judged before like any other request. Any other OPTIONS request belongs to the endpoint.

use crate::{
    exchange::{Machine, ResponseSink},
    forward::Forwarded,
};
use std::borrow::Cow;
use tollgate_http::{Answer, Reason, RequestHead};
use tollgate_io::Io;
use tollgate_route::{Found, Request};

/// What is forwarded where no route names methods.
const METHODS: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";

impl<I: Io> Machine<'_, '_, I> {
    /// Answers 204 with Allow.
    pub(crate) async fn answer_options(
        &self,
        head: &RequestHead<'_>,
        reply: &mut impl ResponseSink,
    ) -> Result<Forwarded, Reason> {
        let allow = self.methods(head);
        let fields: [(&str, &[u8]); 2] = [("X-Request-Id", self.request_id), ("Allow", allow.as_bytes())];
        let answer = Answer { status: 204, fields: &fields, lines: self.lines(), ..Answer::default() };
        self.answer_own(answer, b"", reply).await
    }

    /// The methods of the routes that take the request's target.
    fn methods(&self, head: &RequestHead<'_>) -> Cow<'static, str> {
        let table = &self.program.table;
        // No route names the method without a name: what takes it takes any.
        let request = Request::of(self.connection.listening.slot as usize, head);
        match table.find(&Request { method: b"", ..request }) {
            Found::MethodNotAllowed(allow) => allow.into(),
            Found::Route(_) | Found::None => METHODS.into(),
        }
    }
}
