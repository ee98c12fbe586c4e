//! What a Cache-Control field says (RFC 9111, section 5.2, and RFC 5861), of a request or an answer.
//!
//! What is said twice counts as the stricter of the two. A number of seconds that is none counts as 0, so that a mistake
//! keeps less, never more; directives without a meaning here are passed over.

use crate::fields::quoted_elements;

/// The directives that decide about copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directives {
    pub(crate) no_store: bool,
    /// With or without names of fields.
    pub(crate) no_cache: bool,
    /// With or without names of fields.
    pub(crate) private: bool,
    pub(crate) public: bool,
    /// `must-revalidate` or `proxy-revalidate`.
    pub(crate) must_revalidate: bool,
    /// Seconds.
    pub(crate) max_age: Option<u64>,
    /// Seconds.
    pub(crate) s_maxage: Option<u64>,
    /// Seconds past freshness.
    pub(crate) stale_if_error: Option<u64>,
}

impl Directives {
    pub(crate) fn read<'v>(values: impl Iterator<Item = &'v [u8]>) -> Self {
        let mut all = Self::default();
        for directive in values.flat_map(quoted_elements) {
            let mut parts = directive.splitn(2, |&byte| byte == b'=');
            let (name, argument) = (parts.next().unwrap_or_default().trim_ascii(), parts.next());
            all.take(&name.to_ascii_lowercase(), argument);
        }
        all
    }

    fn take(&mut self, name: &[u8], argument: Option<&[u8]>) {
        let seconds = |before: Option<u64>| {
            let said = seconds(argument.unwrap_or_default());
            Some(before.map_or(said, |before| before.min(said)))
        };
        match name {
            b"no-store" => self.no_store = true,
            b"no-cache" => self.no_cache = true,
            b"private" => self.private = true,
            b"public" => self.public = true,
            b"must-revalidate" | b"proxy-revalidate" => self.must_revalidate = true,
            b"max-age" => self.max_age = seconds(self.max_age),
            b"s-maxage" => self.s_maxage = seconds(self.s_maxage),
            b"stale-if-error" => self.stale_if_error = seconds(self.stale_if_error),
            _ => {}
        }
    }
}

/// Delta seconds (RFC 9111, section 1.2.2), quoted or not; what is too large to count is as much as can be counted.
pub(crate) fn seconds(text: &[u8]) -> u64 {
    let digits = text.trim_ascii();
    let digits = digits.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(digits);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    digits.iter().fold(0_u64, |number, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Directives {
        Directives::read(std::iter::once(text.as_bytes()))
    }

    #[test]
    fn directives_are_read_in_any_case_and_the_stricter_counts() {
        let said = read("Public, MAX-AGE=60, max-age=\"30\", stale-if-error = 5");
        assert_eq!((said.public, said.max_age, said.stale_if_error), (true, Some(30), Some(5)));
        assert!(read("no-cache=\"Set-Cookie, max-age=9\"").no_cache);
        assert_eq!(read("private=\"a, max-age=9\"").max_age, None);
        assert!(read("proxy-revalidate").must_revalidate && read("must-revalidate").must_revalidate);
    }

    #[test]
    fn seconds_that_are_none_are_0() {
        for text in ["", "x", "-1", "1.5", "\"", "+9"] {
            assert_eq!(seconds(text.as_bytes()), 0, "{text}");
        }
        assert_eq!(seconds(b"99999999999999999999999"), u64::MAX);
    }
}
