//! What becomes of the trace context of requests (W3C Trace Context).

/// Whose trace context goes on, and whether one is made where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Tracing {
    /// Whose `traceparent` and `tracestate` go on as they came; those of others do not.
    pub accept: TraceAccept,
    /// Make a `traceparent` for requests that have none that goes on.
    pub generate: bool,
    /// Of those made, how many in a hundred ask to be recorded; 0 to 100.
    pub sampled_percent: u8,
}

impl Tracing {
    /// What holds where nothing is written.
    pub(crate) const DEFAULT: Self = Self { accept: TraceAccept::All, generate: false, sampled_percent: 100 };
}

/// Whose trace context is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TraceAccept {
    /// Everybody's.
    All,
    /// That of trusted proxies.
    Trusted,
    /// Nobody's.
    None,
}
