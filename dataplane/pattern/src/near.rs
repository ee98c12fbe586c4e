//! The near miss: which known word was most likely meant by an unknown one.

/// The candidate closest to `word`, if it is close: one edit for each three characters, at least one, and
/// never all of them.
#[must_use]
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let length = word.chars().count();
    let edits_max = (length / 3).max(1);
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        // Its length alone rules out most of a long list.
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= edits_max)
        .map(|candidate| (strsim::osa_distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|&(edits, _)| edits <= edits_max && edits < length)
        .min_by_key(|&(edits, _)| edits)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_typo_is_near_and_another_word_is_not() {
        let known = ["upstream", "timeouts", "name", "match", "1"];
        for (word, expected) in [
            ("upstrem", Some("upstream")),
            ("Upstream", Some("upstream")),
            ("tiemouts", Some("timeouts")),
            ("nme", Some("name")),
            ("policies", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
