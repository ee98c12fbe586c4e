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
}
