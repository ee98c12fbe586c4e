//! The endpoints of an upstream at one time, laid out for the choice among them. Immutable.
//!
//! A list replaces another when the configuration or the addresses of a name change; its version is never used again, so
//! that a worker sees by one number whether the list it holds is still the right one.

use crate::{Endpoint, hash::Ring, schedule};
use std::sync::Arc;
use tollgate_model::Balance;

/// One endpoint in a list.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its state, which other lists share.
    pub endpoint: Arc<Endpoint>,
    /// 1 to 1000.
    pub weight: u32,
    /// Whether it is used only while no other is available.
    pub backup: bool,
    /// Position in the configuration: that of the name, if it came from one.
    pub entry: u32,
}

/// The endpoints of an upstream at one time.
#[derive(Debug)]
pub struct Endpoints {
    version: u64,
    members: Box<[Member]>,
    pub(crate) primaries: Tier,
    pub(crate) backups: Tier,
}

/// Endpoints that stand in for each other.
#[derive(Debug, Default)]
pub(crate) struct Tier {
    pub(crate) positions: Box<[u32]>,
    /// Positions in the order they take their turns.
    pub(crate) schedule: Box<[u32]>,
    /// Empty unless keys are hashed.
    pub(crate) ring: Ring,
}

impl Tier {
    fn build(members: &[Member], balance: &Balance, backup: bool) -> Self {
        let chosen = members.iter().zip(0_u32..).filter(|(member, _)| member.backup == backup);
        let positions: Box<[u32]> = chosen.clone().map(|(_, position)| position).collect();
        let weights: Vec<u32> = chosen.clone().map(|(member, _)| member.weight).collect();
        let turns = if positions.is_empty() { Box::default() } else { schedule(&weights) };
        let ring = match balance {
            Balance::ConsistentHash { .. } => {
                Ring::build(chosen.map(|(member, position)| (position, member.endpoint.label(), member.weight)))
            }
            _ => Ring::default(),
        };
        Self { schedule: turns.iter().map(|&turn| positions[turn as usize]).collect(), positions, ring }
    }
}

impl Endpoints {
    pub(crate) fn new(version: u64, members: Vec<Member>, balance: &Balance) -> Self {
        let primaries = Tier::build(&members, balance, false);
        let backups = Tier::build(&members, balance, true);
        Self { version, members: members.into(), primaries, backups }
    }

    /// Another number than that of any other list of this node.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// All of them; a position is an index here.
    #[must_use]
    pub const fn members(&self) -> &[Member] {
        &self.members
    }

    pub(crate) fn member(&self, position: u32) -> &Member {
        &self.members[position as usize]
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.members.iter().map(|member| member.endpoint.id())
    }
}
