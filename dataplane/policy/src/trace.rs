//! The trace context of an exchange: the client's, none, or one that begins here, as `tracing` says.

use tollgate_http::{RequestHead, RequestId, RequestIds, TraceContext, Traceparent, trace_id};
use tollgate_model::{TraceAccept, Tracing};

/// What goes on to the endpoint.
pub enum Trace<'a> {
    /// What came, with its trace identifier if it is valid.
    Received(Option<&'a [u8]>),
    /// Nothing.
    Removed,
    /// A new trace; so many in a hundred are sampled.
    Begun {
        /// 0 to 100.
        sampled_percent: u8,
    },
}

/// Judges what a client sent.
pub fn judge<'a>(tracing: &Tracing, is_trusted: bool, head: &RequestHead<'a>) -> Trace<'a> {
    let accepts = match tracing.accept {
        TraceAccept::All => true,
        TraceAccept::Trusted => is_trusted,
        TraceAccept::None => false,
    };
    let given = if accepts { trace_id(head) } else { None };
    match given {
        None if tracing.generate => Trace::Begun { sampled_percent: tracing.sampled_percent },
        _ if accepts => Trace::Received(given),
        _ => Trace::Removed,
    }
}

impl<'a> Trace<'a> {
    /// For the forwarded head, and the trace identifier. `ours` is where a new one is written.
    pub fn context<'t: 'r, 'r>(
        self,
        ours: &'t mut Traceparent,
        ids: &RequestIds,
        request: &RequestId,
    ) -> (TraceContext<'t>, Option<&'r [u8]>)
    where
        'a: 'r,
    {
        match self {
            Self::Received(trace_id) => (TraceContext::AsReceived, trace_id),
            Self::Removed => (TraceContext::Removed, None),
            Self::Begun { sampled_percent } => {
                ids.begin_trace(ours, request, sampled_percent);
                (TraceContext::Replaced(ours), Some(ours.trace_id()))
            }
        }
    }
}
