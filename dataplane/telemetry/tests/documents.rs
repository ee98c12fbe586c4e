//! What is written about the metrics holds: the page's tables are the metrics, both ways, and the dashboard, the alert rules
//! and the page's examples ask for nothing that does not exist.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[cfg(test)]
mod promql;

use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    panic,
};
use tollgate_telemetry::names::ALL;

const PAGE: &str = include_str!("../../../docs/users/logs-and-metrics.md");
const RULES: &str = include_str!("../../../docs/monitoring/alerts.yaml");
const DASHBOARD: &str = include_str!("../../../docs/monitoring/tollgate-dashboard.json");

/// Name, kind and labels of each row of a metric table.
fn documented() -> Vec<(String, String, Vec<String>)> {
    let code = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut in_table = false;
    let rows = PAGE.lines().filter(|line| {
        in_table = line.starts_with("| metric |") || in_table && line.starts_with('|');
        in_table && line.starts_with("| `")
    });
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert!(cells.len() == 5 && !cells[4].is_empty(), "metric, kind, unit, labels, meaning: {row}");
        (code(cells[0]).remove(0), cells[1].to_owned(), code(cells[3]))
    })
    .collect()
}

#[test]
fn the_tables_are_the_metrics() {
    let documented = documented();
    let unique: BTreeSet<_> = documented.iter().map(|(name, ..)| name).collect();
    assert_eq!(unique.len(), documented.len(), "a metric has two rows");
    for (name, kind, labels) in &documented {
        let metric = ALL.iter().find(|metric| metric.name == name);
        let metric = metric.unwrap_or_else(|| panic!("{name} has a row but does not exist"));
        assert_eq!((metric.kind.as_str(), metric.labels), (&**kind, &*labels.iter().map(|l| &**l).collect::<Vec<_>>()));
    }
    for metric in ALL {
        assert!(unique.contains(&metric.name.to_owned()), "{} has no row", metric.name);
    }
}

#[test]
fn the_examples_of_the_page_ask_for_what_there_is() {
    let blocks = PAGE.split("```promql\n").skip(1).map(|block| block.split("```").next().unwrap());
    let lines = blocks.flat_map(str::lines).filter(|line| !line.is_empty() && !line.starts_with('#'));
    assert!(lines.map(promql::check).count() >= 5);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "there so that no other key is accepted")]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "there so that no other key is accepted")]
struct Rule {
    alert: String,
    expr: String,
    r#for: Option<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

#[test]
fn alerts_ask_for_what_there_is_and_say_what_they_found() {
    let rules: Rules = serde_saphyr::from_str(RULES).unwrap();
    let rules: Vec<Rule> = rules.groups.into_iter().flat_map(|group| group.rules).collect();
    let names: BTreeSet<_> = rules.iter().map(|rule| &rule.alert).collect();
    assert!(names.len() == rules.len() && rules.len() >= 10, "each has a name of its own");
    for rule in &rules {
        let metrics = promql::check(&rule.expr);
        assert!(["critical", "warning"].contains(&rule.labels["severity"].as_str()), "{}", rule.alert);
        assert!(rule.annotations.contains_key("summary"), "{}", rule.alert);
        for text in rule.annotations.values() {
            for label in text.split("$labels.").skip(1).map(|rest| rest.split(' ').next().unwrap()) {
                let is_known =
                    ["job", "instance"].contains(&label) || metrics.iter().any(|metric| metric.labels.contains(&label));
                assert!(is_known && !is_aggregated_away(&rule.expr, label), "{}: no label {label}", rule.alert);
            }
        }
    }
}

/// Whether an expression sums up by labels of which `label` is none.
fn is_aggregated_away(expression: &str, label: &str) -> bool {
    let lists = expression.split(" by (").skip(1).map(|rest| rest.split(')').next().unwrap());
    let mut lists = lists.map(|list| list.split(", ").any(|kept| kept == label)).peekable();
    lists.peek().is_some() && !lists.any(|keeps| keeps)
}

#[test]
fn the_dashboard_asks_for_what_there_is_and_nearly_all_of_it() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut asked = BTreeSet::new();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert!(variables.iter().any(|variable| variable["type"] == "datasource"), "the data source is a variable");
    for variable in variables.iter().filter(|variable| variable["type"] == "query") {
        promql::check(variable["definition"].as_str().unwrap());
    }
    let (mut ids, mut titles) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert!(titles.insert(panel["title"].as_str().unwrap()), "{panel}");
        assert!(panel["type"] == "row" || panel["datasource"]["uid"] == "${datasource}", "{panel}");
        for target in panel["targets"].as_array().into_iter().flatten() {
            asked.extend(promql::check(target["expr"].as_str().unwrap()).iter().map(|metric| metric.name));
        }
    }
    let missing: Vec<_> = ALL.iter().map(|metric| metric.name).filter(|name| !asked.contains(name)).collect();
    assert!(missing.len() < ALL.len() / 5, "a dashboard without {missing:?}");
}

#[test]
fn what_prometheus_would_refuse_or_never_find_is_found() {
    for wrong in [
        "sum(rate(tollgate_requests_total[5m])",
        "sum(rate(tollgate_request_total[5m]))",
        "summe(rate(tollgate_requests_total[5m]))",
        "tollgate_requests_total{upstream=\"a\"}",
        "tollgate_requests_total{http_route}",
        "sum by (upstream) (tollgate_requests_total)",
        "rate(tollgate_requests_total[5m 1m])",
        "http_server_request_duration_seconds",
        "tollgate_requests_total > 5 %",
        "1 + 2",
    ] {
        let judged = panic::catch_unwind(|| promql::check(wrong));
        assert!(judged.is_err(), "{wrong}");
    }
}
