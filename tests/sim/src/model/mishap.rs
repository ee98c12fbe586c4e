//! What peers and operators do that is not the straight way: legal, illegal, or merely awkward.
//!
//! As with [`crate::Fault`], each kind has a probability and is counted when it happens. A mishap belongs to an exchange,
//! a connection or the run, and excuses failures there and nowhere else ([`super::judge`]).

/// A kind of mishap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mishap {
    /// A client sends what is no acceptable request.
    BadRequest,
    /// A client breaks its connection in the middle of a request.
    ClientCuts,
    /// A client goes away without reading its replies.
    ClientLeaves,
    /// A client finishes sending behind its last request, and reads on.
    HalfClose,
    /// A client falls silent in the middle of a request.
    ClientStalls,
    /// A client reads little at a time.
    SlowReader,
    /// A client sends little at a time.
    SlowSender,
    /// A client waits for a 100 (Continue) before it sends a body.
    AwaitsContinue,
    /// An origin answers before it has read the request's body.
    EarlyAnswer,
    /// An origin breaks the connection in the middle of its answer.
    CutAnswer,
    /// An origin says that it closes the connection, and does.
    ClosingAnswer,
    /// An origin closes an idle connection.
    HangUp,
    /// An origin never answers.
    NoAnswer,
    /// An origin sends what is no acceptable response.
    BadAnswer,
    /// An origin sends a response that nobody asked for behind another.
    UnaskedAnswer,
    /// An origin answers 503.
    Unavailable,
    /// The workers are given another snapshot.
    Swap,
    /// An origin breaks all its connections and is gone for a while.
    EndpointFails,
    /// An endpoint is judged unhealthy, or well again.
    HealthChanges,
    /// A name gets other addresses.
    AddressesChange,
    /// One of several workers drains.
    OneDrains,
    /// All workers drain while there is something to do.
    AllDrain,
    /// All workers stop while there is something to do.
    AllStop,
}

/// The ends of workers. Each happens once in a run, late.
pub const ENDING: [Mishap; 3] = [Mishap::OneDrains, Mishap::AllDrain, Mishap::AllStop];

impl Mishap {
    /// All kinds.
    pub const ALL: [Self; 23] = [
        Self::BadRequest,
        Self::ClientCuts,
        Self::ClientLeaves,
        Self::HalfClose,
        Self::ClientStalls,
        Self::SlowReader,
        Self::SlowSender,
        Self::AwaitsContinue,
        Self::EarlyAnswer,
        Self::CutAnswer,
        Self::ClosingAnswer,
        Self::HangUp,
        Self::NoAnswer,
        Self::BadAnswer,
        Self::UnaskedAnswer,
        Self::Unavailable,
        Self::Swap,
        Self::EndpointFails,
        Self::HealthChanges,
        Self::AddressesChange,
        Self::OneDrains,
        Self::AllDrain,
        Self::AllStop,
    ];

    /// How often it may happen at most, at each occasion: to an exchange, a connection, or a turn of the operator.
    #[must_use]
    pub const fn rate_max(self) -> f64 {
        match self {
            Self::NoAnswer => 0.02,
            Self::ClientStalls => 0.04,
            Self::HangUp => 0.2,
            Self::EndpointFails | Self::AddressesChange | Self::HealthChanges => 0.1,
            Self::Swap => 0.06,
            Self::SlowReader | Self::SlowSender | Self::HalfClose | Self::AwaitsContinue => 0.3,
            Self::OneDrains | Self::AllDrain | Self::AllStop => 0.3,
            _ => 0.05,
        }
    }
}

/// How probable each mishap is at every occasion it has, from 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mishaps([f64; Mishap::ALL.len()]);

impl Mishaps {
    /// No mishap ever.
    pub const NONE: Self = Self([0.0; Mishap::ALL.len()]);

    /// The same, but with this `probability` of `mishap`.
    #[must_use]
    pub const fn with(mut self, mishap: Mishap, probability: f64) -> Self {
        self.0[mishap as usize] = probability;
        self
    }

    /// How probable `mishap` is.
    #[must_use]
    pub const fn probability(&self, mishap: Mishap) -> f64 {
        self.0[mishap as usize]
    }

    /// Whether any of `mishaps` can happen.
    #[must_use]
    pub fn any(&self, mishaps: &[Mishap]) -> bool {
        mishaps.iter().any(|&mishap| self.probability(mishap) > 0.0)
    }
}
