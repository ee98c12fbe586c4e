//! RFC 3339 text of a wall time, in UTC with milliseconds.
//!
//! The text of the last second is kept: within it only three digits change. No leap seconds, as in POSIX time.

const NS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: u64 = 86_400;

/// The text of one moment, reused for the next.
#[derive(Debug)]
pub struct Timestamp {
    /// Seconds since 1970 that `text` shows.
    second: u64,
    text: [u8; 24],
}

impl Default for Timestamp {
    fn default() -> Self {
        Self::new()
    }
}

impl Timestamp {
    /// Shows 1970.
    #[must_use]
    pub const fn new() -> Self {
        Self { second: 0, text: *b"1970-01-01T00:00:00.000Z" }
    }

    /// What is shown, such as `2023-11-14T22:13:20.123Z`.
    #[must_use]
    pub const fn text(&self) -> &[u8; 24] {
        &self.text
    }

    /// Shows `wall_ns`, nanoseconds since 1970. 64 bits of them end in the year 2554.
    #[inline]
    pub fn show(&mut self, wall_ns: u64) {
        let second = wall_ns / NS_PER_SECOND;
        if second != self.second {
            self.second = second;
            self.write_second();
        }
        let ms = (wall_ns % NS_PER_SECOND / 1_000_000) as u32;
        self.text[20] = digit(ms / 100);
        self.write_pair(21, ms % 100);
    }

    #[cold]
    fn write_second(&mut self) {
        let (year, month, day) = civil((self.second / SECONDS_PER_DAY) as u32);
        let of_day = (self.second % SECONDS_PER_DAY) as u32;
        self.write_pair(0, year / 100);
        self.write_pair(2, year % 100);
        self.write_pair(5, month);
        self.write_pair(8, day);
        self.write_pair(11, of_day / 3600);
        self.write_pair(14, of_day / 60 % 60);
        self.write_pair(17, of_day % 60);
    }

    const fn write_pair(&mut self, at: usize, number: u32) {
        self.text[at] = digit(number / 10);
        self.text[at + 1] = digit(number % 10);
    }
}

const fn digit(number: u32) -> u8 {
    b'0' + number as u8
}

/// Year, month and day of a number of days since 1970-01-01, in the proleptic Gregorian calendar.
///
/// Years are counted from 1 March, so that the leap day is the last of a year and months follow the line 30.6 x.
const fn civil(days: u32) -> (u32, u32, u32) {
    const DAYS_TO_1970: u32 = 719_468; // from 0000-03-01
    const DAYS_PER_ERA: u32 = 146_097; // 400 years
    let days = days + DAYS_TO_1970;
    let (era, of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + (month <= 2) as u32;
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(timestamp: &mut Timestamp, wall_ns: u64) -> &[u8; 24] {
        timestamp.show(wall_ns);
        timestamp.text()
    }

    fn text(second: u64, ms: u64) -> String {
        String::from_utf8(shown(&mut Timestamp::new(), (second * 1000 + ms) * 1_000_000).to_vec()).unwrap()
    }

    #[test]
    fn known_moments() {
        assert_eq!(text(0, 0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(951_782_399, 999), "2000-02-28T23:59:59.999Z");
        assert_eq!(text(951_782_400, 7), "2000-02-29T00:00:00.007Z");
        assert_eq!(text(1_234_567_890, 120), "2009-02-13T23:31:30.120Z");
        assert_eq!(text(4_107_542_400, 0), "2100-03-01T00:00:00.000Z", "2100 is no leap year");
        assert_eq!(shown(&mut Timestamp::new(), u64::MAX), b"2554-07-21T23:34:33.709Z");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..213_503 {
            assert_eq!(civil(days), (year, month, day), "day {days}");
            let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            let last = match month {
                2 => 28 + u32::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (day, month) = if day == last { (1, month + 1) } else { (day + 1, month) };
            (month, year) = if month == 13 { (1, year + 1) } else { (month, year) };
        }
    }

    #[test]
    fn the_kept_second_is_not_shown_for_another() {
        let mut timestamp = Timestamp::new();
        timestamp.show(1_000_000_000);
        assert_eq!(shown(&mut timestamp, 61_005_000_000), b"1970-01-01T00:01:01.005Z");
        assert_eq!(shown(&mut timestamp, 61_999_999_999), b"1970-01-01T00:01:01.999Z");
        assert_eq!(shown(&mut timestamp, 0), b"1970-01-01T00:00:00.000Z");
    }
}
