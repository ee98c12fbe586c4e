//! The ways in which bytes may arrive: at once, byte by byte, or in pieces drawn from a seed.

/// Numbers from a seed (xorshift64*), the same on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Below `bound`, which is at least 1.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        number as usize % bound
    }
}

/// How bytes are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    Whole,
    Bytes,
    Drawn(u64),
}

impl Split {
    /// At once, byte by byte and one that the seed draws.
    pub(crate) const fn all(seed: u64) -> [Self; 3] {
        [Self::Whole, Self::Bytes, Self::Drawn(seed)]
    }

    /// Where the pieces of `len` bytes end, `len` included.
    pub(crate) fn ends(self, len: usize) -> Vec<usize> {
        match self {
            Self::Whole => vec![len],
            Self::Bytes => (1..=len).collect(),
            Self::Drawn(seed) => {
                let (mut numbers, mut ends, mut end) = (Numbers::new(seed), Vec::new(), 0);
                while end < len {
                    end = (end + 1 + numbers.below(24)).min(len);
                    ends.push(end);
                }
                ends
            }
        }
    }
}

/// A seed that depends on all the bytes.
pub(crate) fn seed_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |seed: u64, &byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)))
}
