//! Values as the kernel writes them, held against each other.
//!
//! `4096\t131072\t6291456` and `4096 131072 6291456` are the same; of several numbers each is judged for itself, and a
//! machine's better one is never made worse.

use crate::Rule;

/// What comes of comparing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// As wanted.
    Good,
    /// Beyond what is wanted, which is as good.
    Better,
    /// This would be right.
    Worse(String),
}

/// One space between the parts and none around them.
#[must_use]
pub(crate) fn normal(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The word in brackets of `always [madvise] never`; the whole where there are none.
#[must_use]
pub(crate) fn chosen(value: &str) -> String {
    let inside = value.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    normal(inside.map_or(value, |(chosen, _)| chosen))
}

/// Holds `found` against `wanted`.
#[must_use]
pub(crate) fn judge(rule: Rule, found: &str, wanted: &str) -> Judgement {
    let (found, wanted) = (normal(found), normal(wanted));
    if found == wanted {
        return Judgement::Good;
    }
    let (Some(numbers), Some(ours)) = (numbers(&found), numbers(&wanted)) else {
        return Judgement::Worse(wanted);
    };
    if rule == Rule::Exactly || numbers.len() != ours.len() {
        return Judgement::Worse(wanted);
    }
    let better = |at: usize, theirs: u64, ours: u64| match rule {
        Rule::AtLeast => theirs.max(ours),
        Rule::AtMost => theirs.min(ours),
        // The first number is the lower end.
        Rule::Wide if at == 0 => theirs.min(ours),
        Rule::Wide => theirs.max(ours),
        Rule::Exactly => ours,
    };
    let best: Vec<u64> =
        numbers.iter().zip(&ours).enumerate().map(|(at, (&theirs, &ours))| better(at, theirs, ours)).collect();
    if best == numbers {
        return Judgement::Better;
    }
    Judgement::Worse(best.iter().map(u64::to_string).collect::<Vec<_>>().join(" "))
}

/// The numbers of a value; `None` if a part of it is none. No limit is the largest.
fn numbers(value: &str) -> Option<Vec<u64>> {
    value.split(' ').map(|part| if part == "unlimited" { Some(u64::MAX) } else { part.parse().ok() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_and_spaces_are_alike() {
        assert_eq!(judge(Rule::AtLeast, "4096\t131072\t6291456\n", "4096 131072 6291456"), Judgement::Good);
        assert_eq!(judge(Rule::Exactly, " fq\n", "fq"), Judgement::Good);
        assert_eq!(chosen("always [madvise] never\n"), "madvise");
        assert_eq!(chosen("performance\n"), "performance");
    }

    #[test]
    fn what_is_better_stays() {
        let worse = |value: &str| Judgement::Worse(value.to_owned());
        assert_eq!(judge(Rule::AtLeast, "65536", "4096"), Judgement::Better);
        assert_eq!(judge(Rule::AtLeast, "128", "4096"), worse("4096"));
        assert_eq!(judge(Rule::AtLeast, "8192 10 99", "4096 20 50"), worse("8192 20 99"), "number by number");
        assert_eq!(judge(Rule::AtMost, "10", "15"), Judgement::Better);
        assert_eq!(judge(Rule::AtMost, "60", "15"), worse("15"));
        assert_eq!(judge(Rule::Wide, "1024 65535", "15000 60999"), Judgement::Better);
        assert_eq!(judge(Rule::Wide, "32768 65535", "1024 60999"), worse("1024 65535"));
        assert_eq!(judge(Rule::AtLeast, "unlimited", "67108864"), Judgement::Better);
        assert_eq!(judge(Rule::Exactly, "2", "1"), worse("1"));
    }

    #[test]
    fn what_is_no_number_is_replaced_as_a_whole() {
        assert_eq!(judge(Rule::AtLeast, "auto", "1"), Judgement::Worse("1".to_owned()));
        assert_eq!(judge(Rule::AtLeast, "1 2", "1 2 3"), Judgement::Worse("1 2 3".to_owned()));
    }
}
