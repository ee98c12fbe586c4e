//! What a network does to a worker: its conditions, the faults it may inject, and how often each was seen.
//!
//! Every fault is legal behaviour of a kernel or a network: a worker must stand all of them at any rate.

use std::ops::RangeInclusive;

/// Probabilities (0 to 1) of what may go wrong. All are 0 by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Per receive of a node: it takes fewer bytes than there are, often one.
    pub short_receive: f64,
    /// Per send of a node: fewer bytes go than there is room for, often one.
    pub short_send: f64,
    /// Per transfer of a node: the link breaks within [`Conditions::reset_nanos_max`].
    pub reset: f64,
    /// Per segment: it and all behind it come late by up to [`Conditions::stall_nanos_max`].
    pub stall: f64,
    /// Per connect of a node.
    pub connect_refused: f64,
    /// Per connect of a node: it never completes.
    pub connect_hangs: f64,
    /// Per operation of a node: it is done, but the node learns of it later.
    pub late_completion: f64,
}

/// A kind of fault, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields of `Faults` of the same names say what they are")]
pub enum Fault {
    ShortReceive,
    ShortSend,
    Reset,
    Stall,
    ConnectRefused,
    ConnectHangs,
    LateCompletion,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::ShortReceive,
        Self::ShortSend,
        Self::Reset,
        Self::Stall,
        Self::ConnectRefused,
        Self::ConnectHangs,
        Self::LateCompletion,
    ];

    pub(crate) const fn probability(self, faults: &Faults) -> f64 {
        match self {
            Self::ShortReceive => faults.short_receive,
            Self::ShortSend => faults.short_send,
            Self::Reset => faults.reset,
            Self::Stall => faults.stall,
            Self::ConnectRefused => faults.connect_refused,
            Self::ConnectHangs => faults.connect_hangs,
            Self::LateCompletion => faults.late_completion,
        }
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
            faults: Faults::default(),
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
