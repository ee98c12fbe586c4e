//! What is written about errors holds: the page for users has a row for each reason, with its status.

use tollgate_http::Reason;

const PAGE: &str = include_str!("../../../docs/users/errors.md");

/// Status and code of each row of a table.
fn rows() -> Vec<(u16, &'static str)> {
    let rows = PAGE.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (status, code) = (cells.next()?.parse().ok()?, cells.next()?.trim_matches('`'));
        assert!(cells.clone().count() >= 1 && cells.all(|cell| cell != "|"), "what happened, what to do: {line}");
        Some((status, code))
    });
    rows.collect()
}

#[test]
fn every_reason_has_one_row() {
    let rows = rows();
    for reason in Reason::ALL {
        let found: Vec<_> = rows.iter().filter(|(_, code)| *code == reason.code()).collect();
        assert_eq!(found, [&(reason.status(), reason.code())], "docs/users/errors.md");
    }
}

#[test]
fn the_example_is_the_document_of_its_reason() {
    let example = PAGE.lines().find(|line| line.starts_with('{')).unwrap();
    let mut written = Vec::new();
    let problem = tollgate_http::Problem {
        reason: Reason::ConnectRefused,
        request_id: b"e010509b8c6a62f29e3779b97f4a7c15",
        instance: None,
        violated: &[],
    };
    tollgate_http::write_problem(&mut written, &problem);
    assert_eq!(String::from_utf8(written).unwrap().trim_end(), example);
}
