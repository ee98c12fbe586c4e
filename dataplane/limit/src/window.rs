//! Calendar windows of quotas: hour, day, week, month, or a billing cycle from a date on, in a time zone.
//!
//! A window is computed when a worker's clock passes the end of the one it has, never per request. Days begin at
//! midnight of the zone, or where daylight saving skips that at the first moment after it; they may have 23 or 25
//! hours.

use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};

/// How long a quota counts before it begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// From full hour to full hour.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first of a month to the first of the next.
    Month,
    /// A number of months from a date on; in a month that is too short, its last day begins the cycle.
    Cycle {
        /// A day on which a cycle begins; times before it have cycles too.
        anchor: Date,
        /// Months of a cycle, 1 to 120.
        months: u16,
    },
}

/// A period in a time zone.
#[derive(Debug, Clone)]
pub struct Calendar {
    period: Period,
    zone: TimeZone,
}

/// One window, from `start_s` up to but without `end_s`, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its first second.
    pub start_s: i64,
    /// The first second of the next.
    pub end_s: i64,
}

/// Why there is no such calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarError {
    /// The time zone database has no zone of that name.
    Zone,
    /// A cycle has 1 to 120 months.
    Months,
}

/// Beyond what a calendar can tell (the years -9999 to 9999) there is one window without end.
const FOREVER: Window = Window { start_s: i64::MIN, end_s: i64::MAX };

impl Period {
    /// Cycles of some months, one of which begins on this day; none if there is no such day, or not 1 to 120 months.
    pub fn cycle((year, month, day): (i16, i8, i8), months: u16) -> Option<Self> {
        let anchor = Date::new(year, month, day).ok()?;
        (1..=120).contains(&months).then_some(Self::Cycle { anchor, months })
    }
}

impl Calendar {
    /// A calendar in universal time.
    pub fn utc(period: Period) -> Self {
        Self { period, zone: TimeZone::UTC }
    }

    /// A calendar in a zone of the IANA database (`Europe/Berlin`, `UTC`).
    pub fn new(period: Period, zone: &str) -> Result<Self, CalendarError> {
        if matches!(period, Period::Cycle { months, .. } if !(1..=120).contains(&months)) {
            return Err(CalendarError::Months);
        }
        let zone = TimeZone::get(zone).map_err(|_| CalendarError::Zone)?;
        Ok(Self { period, zone })
    }

    /// The window a time is in, in seconds since 1970.
    pub fn window(&self, now_s: i64) -> Window {
        self.dated(now_s).unwrap_or(FOREVER)
    }

    fn dated(&self, now_s: i64) -> Option<Window> {
        let now = Timestamp::from_second(now_s).ok()?.to_zoned(self.zone.clone());
        let today = now.date();
        let (first, next) = match self.period {
            Period::Hour => {
                let offset = i64::from(now.offset().seconds());
                let start_s = (now_s + offset).div_euclid(3600) * 3600 - offset;
                return Some(Window { start_s, end_s: start_s + 3600 });
            }
            Period::Day => (today, today.tomorrow().ok()?),
            Period::Week => {
                let since = i64::from(today.weekday().to_monday_zero_offset());
                let monday = today.checked_sub(Span::new().try_days(since).ok()?).ok()?;
                (monday, monday.checked_add(Span::new().days(7)).ok()?)
            }
            Period::Month => (today.first_of_month(), today.last_of_month().tomorrow().ok()?),
            Period::Cycle { anchor, months } => cycle(anchor, i64::from(months), today)?,
        };
        Some(Window { start_s: self.midnight(first)?, end_s: self.midnight(next)? })
    }

    fn midnight(&self, date: Date) -> Option<i64> {
        Some(date.to_zoned(self.zone.clone()).ok()?.timestamp().as_second())
    }
}

/// The cycle a day is in: its first day, and that of the next.
fn cycle(anchor: Date, months: i64, today: Date) -> Option<(Date, Date)> {
    let start = |count: i64| anchor.checked_add(Span::new().try_months(count * months).ok()?).ok();
    let month = |date: Date| i64::from(date.year()) * 12 + i64::from(date.month());
    let mut count = (month(today) - month(anchor)).div_euclid(months);
    if start(count)? > today {
        count -= 1;
    }
    Some((start(count)?, start(count + 1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    #[track_caller]
    fn check(period: Period, zone: &str, now: &str, start: &str, end: &str) {
        let window = Calendar::new(period, zone).unwrap().window(second(now));
        assert_eq!(window, Window { start_s: second(start), end_s: second(end) }, "{now}");
    }

    #[test]
    fn days_follow_the_zone_and_its_daylight_saving() {
        check(Period::Day, "UTC", "2026-11-21T15:00:00Z", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z");
        let berlin = "Europe/Berlin";
        check(Period::Day, berlin, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
        check(Period::Day, berlin, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
    }

    #[test]
    fn hours_weeks_and_months() {
        check(Period::Hour, "Asia/Kolkata", "2026-11-21T15:40:00Z", "2026-11-21T15:30:00Z", "2026-11-21T16:30:00Z");
        // The hour that comes twice is two windows.
        check(Period::Hour, "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z");
        check(Period::Hour, "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z");
        check(Period::Week, "UTC", "2026-11-21T15:00:00Z", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z");
        check(Period::Month, "UTC", "2028-02-29T23:59:59Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z");
    }

    #[test]
    fn cycles_begin_on_their_day_or_the_last_of_a_short_month() {
        let monthly = Period::Cycle { anchor: "2025-01-31".parse().unwrap(), months: 1 };
        check(monthly, "UTC", "2026-02-27T10:00:00Z", "2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z");
        check(monthly, "UTC", "2026-02-28T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z");
        let quarterly = Period::Cycle { anchor: "2026-01-15".parse().unwrap(), months: 3 };
        check(quarterly, "UTC", "2026-04-14T10:00:00Z", "2026-01-15T00:00:00Z", "2026-04-15T00:00:00Z");
        check(quarterly, "UTC", "2025-12-31T10:00:00Z", "2025-10-15T00:00:00Z", "2026-01-15T00:00:00Z");
    }

    #[test]
    fn every_second_is_in_one_window_and_they_follow_each_other() {
        let cycle = Period::Cycle { anchor: "2026-01-30".parse().unwrap(), months: 1 };
        for period in [Period::Hour, Period::Day, Period::Week, Period::Month, cycle] {
            let calendar = Calendar::new(period, "America/New_York").unwrap();
            let mut now = second("2026-01-01T00:00:00Z");
            for _ in 0..800 {
                let window = calendar.window(now);
                assert!((window.start_s..window.end_s).contains(&now), "{period:?} {window:?}");
                assert_eq!(calendar.window(window.end_s - 1), window);
                assert_eq!(calendar.window(window.end_s).start_s, window.end_s);
                now = window.end_s;
            }
        }
    }

    #[test]
    fn what_is_no_calendar() {
        assert_eq!(Calendar::new(Period::Day, "Europe/Berlinn").err(), Some(CalendarError::Zone));
        let none = Period::Cycle { anchor: "2026-01-30".parse().unwrap(), months: 0 };
        assert_eq!(Calendar::new(none, "UTC").err(), Some(CalendarError::Months));
    }
}
