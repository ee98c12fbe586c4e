//! Regular expressions read slowly: every way to take a text is tried, one after the other.
//!
//! It knows what the stock of the route target is written in: bytes, `.`, classes (`[a-c_]`, `[^/]`), groups (`(..)`,
//! `(?<name>..)`), `|`, and `*`, `+`, `?` behind any of these; `\` before a byte makes it one of the text. An expression takes
//! a text when it takes all of it. Time is exponential in the worst case, so texts are to be short.

/// What is left of an expression or a text.
type Rest<'a> = &'a [u8];

/// Goes on with what is left of the text, and says whether that leads to its end.
type Then<'c, 't> = &'c dyn Fn(Rest<'t>) -> bool;

/// Whether `expression` takes all of `text`.
///
/// # Panics
/// If it is written in what this does not know.
#[must_use]
pub fn takes(expression: &str, text: &[u8]) -> bool {
    either(expression.as_bytes(), text, &|rest| rest.is_empty())
}

/// One of the parts between `|`.
fn either<'t>(expression: Rest<'_>, text: Rest<'t>, then: Then<'_, 't>) -> bool {
    let (mut depth, mut from, mut at) = (0, 0, 0);
    while at < expression.len() {
        match expression[at] {
            b'\\' => at += 1,
            b'[' => at += class_len(&expression[at..]) - 1,
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'|' if depth == 0 => {
                if sequence(&expression[from..at], text, then) {
                    return true;
                }
                from = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    sequence(&expression[from..], text, then)
}

/// One item behind the other.
fn sequence<'t>(expression: Rest<'_>, text: Rest<'t>, then: Then<'_, 't>) -> bool {
    if expression.is_empty() {
        return then(text);
    }
    let (item, rest) = expression.split_at(item_len(expression));
    let (often, rest) = match rest.first() {
        Some(b'*' | b'+' | b'?') => (rest[0], &rest[1..]),
        _ => (b'1', rest),
    };
    let behind = |text: Rest<'t>| sequence(rest, text, then);
    match often {
        b'*' => repeated(item, text, &behind),
        b'+' => once(item, text, &|text| repeated(item, text, &behind)),
        b'?' => once(item, text, &behind) || behind(text),
        _ => once(item, text, &behind),
    }
}

/// An item any number of times. Nothing of the text taken is no reason to try again.
fn repeated<'t>(item: Rest<'_>, text: Rest<'t>, then: Then<'_, 't>) -> bool {
    let again = |rest: Rest<'t>| rest.len() < text.len() && repeated(item, rest, then);
    once(item, text, &again) || then(text)
}

fn once<'t>(item: Rest<'_>, text: Rest<'t>, then: Then<'_, 't>) -> bool {
    if item[0] == b'(' {
        let inner = &item[1..item.len() - 1];
        let named = inner.strip_prefix(b"?<").map(|named| named.splitn(2, |&byte| byte == b'>'));
        let inner = named.map_or(inner, |mut named| named.nth(1).expect("a name ends"));
        return either(inner, text, then);
    }
    let Some((&first, rest)) = text.split_first() else { return false };
    let fits = match item[0] {
        b'.' => first != b'\n',
        b'[' => in_class(&item[1..item.len() - 1], first),
        b'\\' => first == item[1],
        byte => first == byte,
    };
    fits && then(rest)
}

fn in_class(class: Rest<'_>, byte: u8) -> bool {
    let (is_negated, mut class) = class.strip_prefix(b"^").map_or((false, class), |class| (true, class));
    let mut is_in = false;
    while let [first, rest @ ..] = class {
        let (last, rest) = match rest {
            [b'-', last, rest @ ..] => (last, rest),
            rest => (first, rest),
        };
        is_in |= (first..=last).contains(&&byte);
        class = rest;
    }
    is_in != is_negated
}

/// Bytes of the item that an expression begins with.
fn item_len(expression: Rest<'_>) -> usize {
    match expression[0] {
        b'\\' => 2,
        b'[' => class_len(expression),
        b'(' => {
            let (mut depth, mut at) = (1, 1);
            while depth > 0 {
                match expression[at] {
                    b'\\' => at += 1,
                    b'[' => at += class_len(&expression[at..]) - 1,
                    b'(' => depth += 1,
                    b')' => depth -= 1,
                    _ => {}
                }
                at += 1;
            }
            at
        }
        _ => 1,
    }
}

fn class_len(expression: Rest<'_>) -> usize {
    expression.iter().position(|&byte| byte == b']').expect("a class ends") + 1
}

#[cfg(test)]
mod tests {
    use super::takes;

    #[test]
    fn an_expression_takes_whole_texts() {
        for (expression, taken, refused) in [
            ("/a/.*", &["/a/", "/a/b/c"][..], &["/a", "x/a/", "/a/\n"][..]),
            ("a|bc|", &["a", "bc", ""], &["b", "abc"]),
            ("/(?<v>[ab]+|c)?/[^/]*", &["//", "/abba/c", "/c/"], &["/cc/", "/a/b/c", "/"]),
            ("(a*)*b", &["b", "aab"], &["", "aa"]),
            (r"a\.b+", &["a.b", "a.bb"], &["axb", "a."]),
            ("[a-c_]+", &["ab_c"], &["d", ""]),
        ] {
            taken.iter().for_each(|text| assert!(takes(expression, text.as_bytes()), "{expression} {text}"));
            refused.iter().for_each(|text| assert!(!takes(expression, text.as_bytes()), "{expression} {text}"));
        }
    }
}
