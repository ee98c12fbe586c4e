//! Times as access logs have them: RFC 3339 and the common log format, in milliseconds since 1970.
//!
//! Pure and without time zones but for the offset that a text has. Years 1970 to 9999.

/// `2023-11-14T22:13:20.123Z`, also with an offset.
pub(crate) fn rfc3339(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', ' '])?;
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let at = rest.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = rest.split_at(at);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let milliseconds: i64 = format!("{fraction:0<3.3}").parse().ok()?;
    let offset = if zone.eq_ignore_ascii_case("z") { 0 } else { offset(zone)? };
    Some((days(year, month, day)? * 86_400 + seconds(clock)? - offset) * 1000 + milliseconds)
}

/// `10/Oct/2000:13:55:36 -0700`, as the common log format has it.
pub(crate) fn common(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (time, zone) = text.split_once(' ')?;
    let (date, clock) = time.split_once(':')?;
    let mut parts = date.splitn(3, '/');
    let (day, month, year) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?.parse().ok()?);
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    Some((days(year, month, day)? * 86_400 + seconds(clock)? - offset(zone)?) * 1000)
}

/// `13:55:36`; a leap second is the one after it.
fn seconds(clock: &str) -> Option<i64> {
    let mut parts = clock.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let is_one = (0..24).contains(&hours) && (0..60).contains(&minutes) && (0..=60).contains(&seconds);
    is_one.then_some(hours * 3600 + minutes * 60 + seconds)
}

/// `+0200`, `-07:00`, in seconds.
fn offset(zone: &str) -> Option<i64> {
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = zone[1..].replace(':', "");
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
    Some(sign * (hours * 3600 + minutes * 60))
}

/// Days since 1970 in the Gregorian calendar: whole years since year 0 with March as their first month, so that a leap day is
/// the last one.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    Some(year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_offsets() {
        assert_eq!(rfc3339("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(rfc3339("2023-11-14T22:13:20.123Z"), Some(1_700_000_000_123));
        assert_eq!(rfc3339("2023-11-14T23:13:20.1+01:00"), Some(1_700_000_000_100));
        assert_eq!(rfc3339("2024-02-29T12:00:00.123456Z"), Some(1_709_208_000_123));
        assert_eq!(common("10/Oct/2000:13:55:36 -0700"), Some(971_211_336_000));
        for text in
            ["", "yesterday", "2023-11-14", "2023-13-14T00:00:00Z", "2023-11-14T25:00:00Z", "2023-11-14T00:00:00"]
        {
            assert_eq!(rfc3339(text), None, "{text}");
        }
        for text in ["", "10/Okt/2000:13:55:36 -0700", "10/Oct/2000:13:55:36", "10/Oct/2000:13:55 +0000"] {
            assert_eq!(common(text), None, "{text}");
        }
    }
}
