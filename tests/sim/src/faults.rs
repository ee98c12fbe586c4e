//! What a network does to a worker: its conditions, the faults it may inject, and how often each was seen.
//!
//! Every fault is legal behaviour of a kernel or a network: a worker must stand all of them at any rate.

use std::ops::RangeInclusive;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A receive of a node takes fewer bytes than there are, often one.
    ShortReceive,
    /// A send of a node puts fewer bytes than there is room for, often one.
    ShortSend,
    /// The link of a node's transfer breaks within [`Conditions::reset_nanos_max`].
    Reset,
    /// A segment and all behind it come late by up to [`Conditions::stall_nanos_max`].
    Stall,
    /// A connect of a node is refused though somebody listens.
    ConnectRefused,
    /// A connect of a node never completes.
    ConnectHangs,
    /// An accept of a node fails as if descriptors had run out; the connection keeps waiting.
    AcceptFails,
    /// An operation of a node is done, but the node learns of it up to [`Conditions::late_nanos_max`] later.
    LateCompletion,
    /// A node is not told yet that something has arrived on a stream nobody receives from.
    LateNews,
    /// A stream that a node would detach stays with it.
    DetachRefused,
    /// A node cannot take in a detached stream, which is closed.
    AdoptFails,
    /// A link that comes about carries few bytes in a second.
    SlowLink,
    /// The peer of a node's transfer is gone without a word: nothing of it arrives any more, and nothing reaches it.
    PeerLost,
    /// A connect of a node fails for want of descriptors.
    ConnectFails,
    /// An operation of a node begins up to [`Conditions::late_nanos_max`] after the node has asked for it.
    SubmitLate,
    /// A transfer of a node finds no room with the driver and fails, with nothing moved and the link unharmed.
    SubmitFails,
    /// An operation of a node is done, and the node learns of others first that were done later.
    Overtaken,
    /// A transfer of a node that is aborted completes in spite of it, unless it has to wait longer than
    /// [`Conditions::late_nanos_max`].
    AbortLate,
    /// A node is told that a stream it does not receive from has something, and it has not.
    FalseNews,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Self; 19] = [
        Self::ShortReceive,
        Self::ShortSend,
        Self::Reset,
        Self::Stall,
        Self::ConnectRefused,
        Self::ConnectHangs,
        Self::AcceptFails,
        Self::LateCompletion,
        Self::LateNews,
        Self::DetachRefused,
        Self::AdoptFails,
        Self::SlowLink,
        Self::PeerLost,
        Self::ConnectFails,
        Self::SubmitLate,
        Self::SubmitFails,
        Self::Overtaken,
        Self::AbortLate,
        Self::FalseNews,
    ];

    /// Whether something may be lost or broken by it, or come so late that deadlines pass.
    #[must_use]
    pub const fn loses(self) -> bool {
        match self {
            Self::Reset
            | Self::Stall
            | Self::ConnectRefused
            | Self::ConnectHangs
            | Self::AdoptFails
            | Self::PeerLost
            | Self::ConnectFails
            | Self::SubmitFails => true,
            Self::ShortReceive
            | Self::ShortSend
            | Self::AcceptFails
            | Self::LateCompletion
            | Self::LateNews
            | Self::DetachRefused
            | Self::SlowLink
            | Self::SubmitLate
            | Self::Overtaken
            | Self::AbortLate
            | Self::FalseNews => false,
        }
    }

    /// How probable it is at most in a run that is meant to come to something.
    #[must_use]
    pub const fn rate_max(self) -> f64 {
        match self {
            Self::ShortReceive | Self::ShortSend | Self::LateCompletion => 0.6,
            Self::LateNews => 0.9,
            Self::Reset | Self::Stall => 0.01,
            Self::PeerLost | Self::SubmitFails => 0.005,
            Self::SubmitLate | Self::Overtaken | Self::FalseNews => 0.3,
            Self::AbortLate => 1.0,
            Self::ConnectRefused | Self::ConnectHangs | Self::ConnectFails | Self::AcceptFails | Self::SlowLink => 0.2,
            Self::DetachRefused | Self::AdoptFails => 0.6,
        }
    }

    /// Those that only a stream meets which moves between nodes.
    pub const OF_MOVES: [Self; 2] = [Self::DetachRefused, Self::AdoptFails];
}

/// How probable each fault is at every occasion it has, from 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults([f64; Fault::ALL.len()]);

impl Faults {
    /// No fault ever.
    pub const NONE: Self = Self([0.0; Fault::ALL.len()]);

    /// The same, but with this `probability` of `fault`.
    #[must_use]
    pub const fn with(mut self, fault: Fault, probability: f64) -> Self {
        self.0[fault as usize] = probability;
        self
    }

    /// How probable `fault` is.
    #[must_use]
    pub const fn probability(&self, fault: Fault) -> f64 {
        self.0[fault as usize]
    }
}

/// How the virtual network behaves.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// Time a segment travels, in nanoseconds; drawn for each. Order is kept.
    pub latency_nanos: RangeInclusive<u64>,
    /// Most bytes of one direction of a link that are sent and not yet received.
    pub capacity_bytes: usize,
    /// Longest stall.
    pub stall_nanos_max: u64,
    /// Longest time between a transfer and the reset drawn at it.
    pub reset_nanos_max: u64,
    /// Longest time between an operation and its completion.
    pub late_nanos_max: u64,
    /// Time that a byte takes on a slow link, in nanoseconds; drawn for each.
    pub slow_byte_nanos: RangeInclusive<u64>,
    /// Time that a question to the store which nodes share travels, and its answer; drawn for each.
    pub store_nanos: RangeInclusive<u64>,
    /// How probable it is that either is lost.
    pub store_loses: f64,
    /// What may go wrong.
    pub faults: Faults,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            latency_nanos: 5_000..=100_000,
            capacity_bytes: 64 * 1024,
            stall_nanos_max: 2_000_000_000,
            reset_nanos_max: 500_000,
            late_nanos_max: 200_000,
            slow_byte_nanos: 100..=4_000,
            store_nanos: 20_000..=400_000,
            store_loses: 0.0,
            faults: Faults::NONE,
        }
    }
}

/// What happened in a run. Indexes of the pairs are [`crate::Owner`]s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Ends of links opened by peers and by nodes.
    pub opened: [u64; 2],
    /// Ends of links closed by peers and by nodes.
    pub closed: [u64; 2],
    /// Bytes put on the network by peers and by nodes.
    pub bytes_sent: [u64; 2],
    /// Most bytes that were under way in one direction of a link.
    pub queued_max: usize,
    /// Body bytes (see [`crate::payload`]) that nodes sent from where they had received them.
    pub body_bytes_in_place: u64,
    /// Body bytes that nodes sent from anywhere else: somebody copied them.
    pub body_bytes_copied: u64,
    /// Faults that fired.
    pub(crate) faults: [u64; Fault::ALL.len()],
}

impl Counters {
    /// How often `fault` fired.
    #[must_use]
    pub const fn fired(&self, fault: Fault) -> u64 {
        self.faults[fault as usize]
    }
}
