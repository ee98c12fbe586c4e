//! Numbers as people write them: counts, sizes (`16KiB`) and durations (`5s`).
//!
//! Reading and showing only; ranges are judged in `resolve`.

use std::time::Duration;

/// A quantity of the contract.
pub trait Quantity: Copy + PartialOrd {
    /// What is expected where one stands, with an example.
    const EXPECTED: &'static str;

    /// Reads it; `None` for what is none.
    fn parse(text: &str) -> Option<Self>;

    /// Writes it as it is read.
    fn show(self) -> String;
}

/// A plain number.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Count(
    /// From 0 on.
    pub u64,
);

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Size(
    /// Bytes.
    pub u64,
);

impl Count {
    /// As a length; every range of the contract ends below `usize::MAX`.
    pub fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Size {
    /// As a length; every range of the contract ends below `usize::MAX`.
    pub fn index(self) -> usize {
        Count(self.0).index()
    }
}

impl Quantity for Count {
    const EXPECTED: &'static str = "a whole number like `100`";

    fn parse(text: &str) -> Option<Self> {
        digits(text).map(Self)
    }

    fn show(self) -> String {
        self.0.to_string()
    }
}

/// A share in percent.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Percent(
    /// Of a hundred.
    pub u64,
);

impl Quantity for Percent {
    const EXPECTED: &'static str = "a share like `20%`";

    fn parse(text: &str) -> Option<Self> {
        digits(text.strip_suffix('%')?).map(Self)
    }

    fn show(self) -> String {
        format!("{}%", self.0)
    }
}

const SIZE_UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl Quantity for Size {
    const EXPECTED: &'static str = "a size like `512`, `16KiB`, `10MiB` or `1GiB`";

    fn parse(text: &str) -> Option<Self> {
        let unit = SIZE_UNITS.iter().find_map(|&(unit, bytes)| Some((text.strip_suffix(unit)?, bytes)));
        let (number, bytes) = unit.unwrap_or((text, 1));
        digits(number)?.checked_mul(bytes).map(Self)
    }

    fn show(self) -> String {
        let unit = SIZE_UNITS.iter().find(|&&(_, bytes)| self.0 >= bytes && self.0.is_multiple_of(bytes));
        unit.map_or_else(|| self.0.to_string(), |(unit, bytes)| format!("{}{unit}", self.0 / bytes))
    }
}

/// In milliseconds; `ms` comes before `s`, which also ends it.
const DURATION_UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

impl Quantity for Duration {
    const EXPECTED: &'static str = "a duration like `500ms`, `5s`, `2m` or `1h`";

    fn parse(text: &str) -> Option<Self> {
        let (number, millis) =
            DURATION_UNITS.iter().find_map(|&(unit, millis)| Some((text.strip_suffix(unit)?, millis)))?;
        digits(number)?.checked_mul(millis).map(Self::from_millis)
    }

    fn show(self) -> String {
        let millis = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        let whole = |&&(_, unit): &&(&str, u64)| millis >= unit && millis.is_multiple_of(unit);
        let (unit, size) = DURATION_UNITS.iter().rev().find(whole).unwrap_or(&DURATION_UNITS[0]);
        format!("{}{unit}", millis / size)
    }
}

/// Decimal digits only: `str::parse` also takes a leading `+`.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_read_and_shown_alike() {
        for text in ["512", "16KiB", "10MiB", "3GiB", "1025"] {
            assert_eq!(Size::parse(text).map(Size::show).as_deref(), Some(text));
        }
        for text in ["1ms", "1500ms", "5s", "2m", "90s", "1h"] {
            assert_eq!(<Duration as Quantity>::parse(text).map(Quantity::show).as_deref(), Some(text));
        }
        assert_eq!(Duration::from_millis(120_000).show(), "2m");
        assert_eq!(Percent::parse("20%").map(Percent::show).as_deref(), Some("20%"));
        assert_eq!(Percent::parse("20"), None);
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "-1", "+1", "1.5", "1 ", "x", "1_000", "99999999999999999999"] {
            assert_eq!(Count::parse(text), None, "{text}");
        }
        for text in ["KiB", "1kb", "1 KiB", "1.5MiB", "99999999999999999GiB"] {
            assert_eq!(Size::parse(text), None, "{text}");
        }
        for text in ["5", "s", "5 s", "-5s", "5sec", "1h30m", "9999999999999999999h"] {
            assert_eq!(<Duration as Quantity>::parse(text), None, "{text}");
        }
    }
}
