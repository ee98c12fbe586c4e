//! Sets of field names, one bit each.

use super::Name;

/// A set of known field names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameSet(u64);

impl NameSet {
    /// No names.
    pub const EMPTY: Self = Self(0);

    /// These names.
    #[must_use]
    pub const fn of(names: &[Name]) -> Self {
        let mut set = Self::EMPTY;
        let mut i = 0;
        while i < names.len() {
            set = set.with(names[i]);
            i += 1;
        }
        set
    }

    /// This set and `name`.
    #[must_use]
    #[inline]
    pub const fn with(self, name: Name) -> Self {
        Self(self.0 | 1 << name as u8)
    }

    /// This set without `name`.
    #[must_use]
    #[inline]
    pub const fn without(self, name: Name) -> Self {
        Self(self.0 & !(1 << name as u8))
    }

    /// Names in either.
    #[must_use]
    #[inline]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Names in both.
    #[must_use]
    #[inline]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Names of this set that are not in `other`.
    #[must_use]
    #[inline]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether `name` is in it.
    #[must_use]
    #[inline]
    pub const fn contains(self, name: Name) -> bool {
        self.0 & 1 << name as u8 != 0
    }

    /// Whether nothing is in it.
    #[must_use]
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_was_put_in() {
        let set = NameSet::of(&[Name::Host, Name::Other]);
        assert!(set.contains(Name::Host) && set.contains(Name::Other) && !set.contains(Name::Via));
        assert!(set.difference(NameSet::of(&[Name::Host])).without(Name::Other).is_empty());
    }
}
