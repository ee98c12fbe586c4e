//! Times as people write them among arguments.

use std::time::Duration;

/// `90m`, `24h`, `7d`.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time: write 24h, 7d or 90m");
    let at = text.find(|character: char| !character.is_ascii_digit()).ok_or_else(wrong)?;
    let seconds = match &text[at..] {
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..at].parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

/// `500ms`, `10s`, `2m`, `1h`: how long something may take.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time: write 10s, 500ms, 2m or 1h");
    let at = text.find(|character: char| !character.is_ascii_digit()).ok_or_else(wrong)?;
    let milliseconds = match &text[at..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..at].parse().map_err(|_| wrong())?;
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_with_a_unit() {
        for (text, seconds) in [("90m", Some(5400)), ("24h", Some(86_400)), ("7d", Some(604_800)), ("0h", Some(0))] {
            assert_eq!(time(text).ok().map(|time| time.as_secs()), seconds, "{text}");
        }
        for text in ["", "h", "24", "1w", "-1h", "1.5h", "99999999999999999999h", "9999999999999999d"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_may_be_short() {
        for (text, milliseconds) in [("500ms", 500), ("10s", 10_000), ("2m", 120_000), ("1h", 3_600_000), ("0s", 0)] {
            assert_eq!(span(text).unwrap().as_millis(), milliseconds, "{text}");
        }
        for text in ["", "10", "s", "1.5s", "-1s", "1d", "99999999999999999999s", "99999999999999999h"] {
            assert!(span(text).unwrap_err().contains("write 10s"), "{text}");
        }
    }
}
