//! `/etc/hosts` (hosts(5)): addresses, each with the names it has.

use std::net::IpAddr;

/// The addresses `text` gives a name, in their order. What is no line of addresses is passed over, as everywhere.
#[must_use]
pub fn hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let found = lines.filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_comments_are_not() {
        let text = "127.0.0.1 localhost\n::1\tlocalhost ip6-localhost # home\n# 10.0.0.1 a.test\nnonsense a.test\n10.0.0.2  b.test A.test";
        let addresses = |name: &str| hosts(text, name).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(addresses("LocalHost"), ["127.0.0.1", "::1"]);
        assert_eq!(addresses("a.test."), ["10.0.0.2"]);
        assert!(addresses("home").is_empty() && addresses("10.0.0.2").is_empty());
    }
}
