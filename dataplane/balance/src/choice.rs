//! The choice of an endpoint for one try of one request.
//!
//! Only endpoints that are available and that the request has not tried are chosen; backups only when no other is left, and
//! one that is ejected only when all are out.
//! A slow start is a chance to be passed over. In turn, a choice costs a few loads and passes over those that are out, so
//! that the others keep their shares of what is left; the fewest requests, and a bounded load, look at all endpoints.

use crate::{
    Endpoint, Endpoints, Member,
    endpoints::Tier,
    limits::DRAWS_MAX,
    slow_start::{self, WHOLE},
};
use std::cell::Cell;
use tollgate_model::{ATTEMPTS_MAX, Balance, Upstream};

/// The endpoints one request has tried, by their ids.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried {
    ids: [u64; ATTEMPTS_MAX],
    len: u8,
}

impl Tried {
    /// Adds one. What is beyond the most tries there can be is not remembered.
    pub fn add(&mut self, id: u64) {
        if let Some(slot) = self.ids.get_mut(usize::from(self.len)) {
            *slot = id;
            self.len += 1;
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn contains(&self, id: u64) -> bool {
        self.ids[..usize::from(self.len)].contains(&id)
    }
}

/// What a choice is made of.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// The upstream the list belongs to.
    pub rules: &'a Upstream,
    /// Nanoseconds of the node's monotonic clock.
    pub now: u64,
    /// Random bits.
    pub random: u64,
    /// The hash of the request's key, if it has one.
    pub hash: Option<u64>,
    /// Not to be chosen again.
    pub tried: &'a Tried,
    /// The worker's next turn; moved on.
    pub turn: &'a Cell<u32>,
}

impl Endpoints {
    /// The position of an endpoint for a request; `None` if no untried one is available.
    #[must_use]
    pub fn choose(&self, choice: &Choice<'_>) -> Option<u32> {
        let available = self.choose_of(&self.primaries, choice).or_else(|| self.choose_of(&self.backups, choice));
        available.or_else(|| self.soonest_back(choice))
    }

    /// When all are out, the ejected one that would come back first. An ejection leaves others in use, but they may go from
    /// the list, or be found unhealthy, after it; and it is a guess, so it shall not leave a request without an endpoint.
    #[cold]
    fn soonest_back(&self, choice: &Choice<'_>) -> Option<u32> {
        let members = self.members();
        if members.iter().any(|member| member.endpoint.is_available(choice.now)) {
            return None;
        }
        let is_left = |endpoint: &Endpoint| !endpoint.is_unhealthy() && !choice.tried.contains(endpoint.id());
        let left = (0..).zip(members).filter(|(_, member)| is_left(&member.endpoint));
        left.min_by_key(|(_, member)| member.endpoint.ejections().1).map(|(position, _)| position)
    }

    fn choose_of(&self, tier: &Tier, choice: &Choice<'_>) -> Option<u32> {
        match choice.rules.balance {
            Balance::RoundRobin => self.in_turn(tier, choice),
            Balance::LeastRequests => self.least_loaded(tier, choice),
            Balance::PowerOfTwo => self.better_of_two(tier, choice),
            Balance::ConsistentHash { load_max, .. } => self.by_hash(tier, load_max, choice),
        }
    }

    fn is_usable(member: &Member, choice: &Choice<'_>) -> bool {
        member.endpoint.is_available(choice.now)
            && (choice.tried.is_empty() || !choice.tried.contains(member.endpoint.id()))
    }

    fn has_usable(&self, tier: &Tier, choice: &Choice<'_>) -> bool {
        tier.positions.iter().any(|&position| Self::is_usable(self.member(position), choice))
    }

    fn factor(member: &Member, choice: &Choice<'_>) -> u64 {
        slow_start::factor(choice.rules.slow_start, member.endpoint.since(), choice.now)
    }

    fn in_turn(&self, tier: &Tier, choice: &Choice<'_>) -> Option<u32> {
        let order = &tier.schedule;
        let (mut random, mut passed_over) = (choice.random, None);
        for step in 0..order.len() {
            // The schedule may be far longer than the list: with none that is usable it is not walked to its end.
            if step == tier.positions.len() && passed_over.is_none() && !self.has_usable(tier, choice) {
                return None;
            }
            // It may be beyond the end, where a worker begins, and behind the last.
            let mut turn = choice.turn.get() as usize;
            if turn >= order.len() {
                turn %= order.len();
            }
            choice.turn.set(turn as u32 + 1);
            let position = order[turn];
            let member = self.member(position);
            if !Self::is_usable(member, choice) {
                continue;
            }
            let factor = Self::factor(member, choice);
            if factor == WHOLE || next(&mut random) % WHOLE < factor {
                return Some(position);
            }
            passed_over.get_or_insert(position);
        }
        passed_over
    }

    fn least_loaded(&self, tier: &Tier, choice: &Choice<'_>) -> Option<u32> {
        let start = bounded(choice.random, tier.positions.len());
        let (before, behind) = tier.positions.split_at(start);
        let usable = behind.iter().chain(before).filter(|&&position| Self::is_usable(self.member(position), choice));
        // The first of equals: which one that is, chance has decided.
        usable.copied().min_by(|&one, &other| self.compare_load(one, other, choice))
    }

    /// Compares requests in progress per weight, with the one to come.
    fn compare_load(&self, one: u32, other: u32, choice: &Choice<'_>) -> std::cmp::Ordering {
        let load = |position: u32| {
            let member = self.member(position);
            let weight = u64::from(member.weight) * Self::factor(member, choice);
            (u128::from(member.endpoint.in_flight()) + 1, u128::from(weight))
        };
        let ((one, one_weight), (other, other_weight)) = (load(one), load(other));
        (one * other_weight).cmp(&(other * one_weight))
    }

    fn better_of_two(&self, tier: &Tier, choice: &Choice<'_>) -> Option<u32> {
        let (mut random, mut drawn) = (choice.random, None);
        if tier.schedule.len() > 1 {
            for _ in 0..DRAWS_MAX {
                // Drawn from the schedule, each by its weight.
                let position = tier.schedule[bounded(next(&mut random), tier.schedule.len())];
                match drawn {
                    _ if !Self::is_usable(self.member(position), choice) => {}
                    None => drawn = Some(position),
                    Some(first) if first == position => {}
                    Some(first) => {
                        return [first, position]
                            .into_iter()
                            .min_by(|&one, &other| self.compare_load(one, other, choice));
                    }
                }
            }
        }
        // Few are available, or one has nearly all the weight.
        self.least_loaded(tier, choice)
    }

    fn by_hash(&self, tier: &Tier, load_max: Option<u32>, choice: &Choice<'_>) -> Option<u32> {
        let mut owners = tier.ring.from(choice.hash.unwrap_or(choice.random));
        let first = owners.next()?;
        if load_max.is_none() && Self::is_usable(self.member(first), choice) {
            return Some(first);
        }
        if !self.has_usable(tier, choice) {
            return None;
        }
        let usable = |&position: &u32| Self::is_usable(self.member(position), choice);
        let mut owners = std::iter::once(first).chain(owners).filter(usable);
        let Some(percent) = load_max else { return owners.next() };
        let (weights, requests) =
            tier.positions.iter().copied().filter(usable).fold((0, 0), |(weights, requests), position| {
                let member = self.member(position);
                (weights + u64::from(member.weight), requests + u64::from(member.endpoint.in_flight()))
            });
        // Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2016, by weight.
        owners.find(|&position| {
            let member = self.member(position);
            let fair = u128::from(requests + 1) * u128::from(member.weight) * u128::from(percent);
            u128::from(member.endpoint.in_flight()) < fair.div_ceil(u128::from(weights) * 100)
        })
    }
}

/// A number below `bound` out of random bits; 0 for a bound of 0.
const fn bounded(random: u64, bound: usize) -> usize {
    ((random as u128 * bound as u128) >> 64) as usize
}

/// More random bits out of the last: SplitMix64 (Steele, Lea, Flood, 2014).
const fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
