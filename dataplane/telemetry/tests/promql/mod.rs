//! A reader of PromQL that is good for one thing: to find what the metrics of the product cannot answer.
//!
//! It panics at an unknown metric, function or label, at brackets that do not close and at characters that PromQL does not
//! have. It knows no precedence and no types; `promtool` does, but is not everywhere.

use tollgate_telemetry::names::{ALL, Kind, Metric};

/// What Prometheus adds to every series of a target, and `le` of histograms.
const ADDED_LABELS: [&str; 3] = ["job", "instance", "le"];
/// Those in use; `label_values` is Grafana's.
const FUNCTIONS: [&str; 11] =
    ["changes", "count", "histogram_quantile", "increase", "label_values", "max", "min", "rate", "sum", "time", "topk"];
const LABEL_LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const OPERATORS: [&str; 4] = ["and", "or", "unless", "bool"];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Number,
    Text,
    /// A bracket, a comma or an operator.
    Sign(char),
}

/// Judges one expression; returns the metrics it asks for.
pub(crate) fn check(expression: &str) -> Vec<&'static Metric> {
    let tokens = tokens(expression);
    let metrics: Vec<_> = metrics(&tokens, expression).collect();
    assert!(!metrics.is_empty(), "asks for nothing: {expression}");
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign(bracket @ ('(' | '{' | '[')) => open.push((*bracket, at)),
            Token::Sign(bracket @ (')' | '}' | ']')) => {
                let (opened, from) = open.pop().unwrap_or_else(|| panic!("closes nothing: {expression}"));
                assert!(matches!((opened, bracket), ('(', ')') | ('{', '}') | ('[', ']')), "{expression}");
                check_brackets(&tokens, from, at, &metrics, expression);
            }
            _ => {}
        }
    }
    assert!(open.is_empty(), "does not close: {expression}");
    metrics
}

/// Judges what stands in brackets: label lists, selectors and ranges.
fn check_brackets(tokens: &[Token], from: usize, to: usize, metrics: &[&Metric], expression: &str) {
    let inside = &tokens[from + 1..to];
    let before = from.checked_sub(1).map(|before| &tokens[before]);
    match (&tokens[from], before) {
        (Token::Sign('('), Some(Token::Word(word))) if LABEL_LISTS.contains(&word.as_str()) => {
            for label in words(inside) {
                let known = metrics.iter().any(|metric| has_label(metric, label));
                assert!(known, "no metric has the label `{label}`: {expression}");
            }
        }
        (Token::Sign('{'), Some(Token::Word(name))) => {
            let metric = metric(name).unwrap_or_else(|| panic!("no metric `{name}`: {expression}"));
            for label in words(inside) {
                assert!(has_label(metric, label), "`{name}` has no label `{label}`: {expression}");
            }
            let texts = inside.iter().filter(|token| **token == Token::Text).count();
            assert_eq!(texts, words(inside).count(), "labels and values: {expression}");
        }
        (Token::Sign('{'), _) => panic!("a selector without a metric: {expression}"),
        (Token::Sign('['), _) => {
            assert!(matches!(inside, [Token::Number | Token::Word(_)]), "not one duration: {expression}");
        }
        _ => {}
    }
}

fn words(tokens: &[Token]) -> impl Iterator<Item = &str> {
    tokens.iter().filter_map(|token| if let Token::Word(word) = token { Some(word.as_str()) } else { None })
}

/// The words that are neither functions nor keywords nor in braces, lists or ranges; all must be metrics.
fn metrics<'t>(tokens: &'t [Token], expression: &'t str) -> impl Iterator<Item = &'static Metric> + 't {
    let mut in_list = false;
    let mut last = "";
    tokens.iter().enumerate().filter_map(move |(at, token)| {
        match token {
            Token::Sign('{' | '[') => in_list = true,
            Token::Sign('(') => in_list = LABEL_LISTS.contains(&last),
            Token::Sign('}' | ']' | ')') => in_list = false,
            _ => {}
        }
        let Token::Word(word) = token else {
            last = "";
            return None;
        };
        last = word;
        if in_list || LABEL_LISTS.contains(&last) || OPERATORS.contains(&last) {
            return None;
        }
        let is_called = matches!(tokens.get(at + 1), Some(Token::Sign('(')))
            || matches!(tokens.get(at + 1), Some(Token::Word(next)) if LABEL_LISTS.contains(&next.as_str()));
        if is_called {
            assert!(FUNCTIONS.contains(&last), "no function `{word}`: {expression}");
            return None;
        }
        // The second argument of label_values(metric, label).
        if matches!(tokens.first(), Some(Token::Word(first)) if first == "label_values") && at + 2 == tokens.len() {
            return None;
        }
        Some(metric(word).unwrap_or_else(|| panic!("no metric `{word}`: {expression}")))
    })
}

fn metric(name: &str) -> Option<&'static Metric> {
    ALL.iter().find(|metric| match metric.kind {
        Kind::Histogram => {
            ["_bucket", "_sum", "_count"].iter().any(|suffix| name == format!("{}{suffix}", metric.name))
        }
        Kind::Counter | Kind::Gauge => name == metric.name,
    })
}

fn has_label(metric: &Metric, label: &str) -> bool {
    ADDED_LABELS.contains(&label) || metric.labels.contains(&label)
}

fn tokens(expression: &str) -> Vec<Token> {
    let mut rest = expression.trim_start();
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        let length = |is_part: fn(char) -> bool| rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
        let (token, len) = match first {
            'a'..='z' | 'A'..='Z' | '_' | '$' => {
                let len = length(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'));
                (Token::Word(rest[..len].to_owned()), len)
            }
            '0'..='9' => (Token::Number, length(|c| c.is_ascii_alphanumeric() || c == '.')),
            '"' => {
                let end = rest[1..].find('"').unwrap_or_else(|| panic!("a text without end: {expression}"));
                (Token::Text, end + 2)
            }
            '(' | ')' | '{' | '}' | '[' | ']' | ',' | '+' | '-' | '*' | '/' | '<' | '>' | '=' | '!' | '~' => {
                (Token::Sign(first), 1)
            }
            _ => panic!("`{first}` is not PromQL: {expression}"),
        };
        tokens.push(token);
        rest = rest[len..].trim_start();
    }
    tokens
}
