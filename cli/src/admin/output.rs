//! How answers are shown: tables for people, JSON and YAML for scripts.
//!
//! A list of objects is a table with a column for each key whose values are plain; one object is a list of its keys.

use crate::terminal;
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use serde_json::{Map, Value};

/// How an answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Table,
    /// For programs
    Json,
    /// For programs and files
    Yaml,
}

impl Output {
    pub(crate) fn show(self, value: &Value) {
        let text = self.text(value);
        if !text.is_empty() {
            terminal::answer(text);
        }
    }

    fn text(self, value: &Value) -> String {
        match self {
            Self::Json => format!("{value:#}"),
            Self::Yaml => yaml(value),
            Self::Table => match value {
                Value::Array(rows) => table(rows),
                Value::Object(map) => pairs(map),
                Value::Null => String::new(),
                other => plain(other),
            },
        }
    }
}

/// `value` as YAML.
pub(super) fn yaml(value: &Value) -> String {
    // Values of JSON always have a YAML; what has none is shown as JSON, which is one.
    serde_saphyr::to_string(value).map_or_else(|_| value.to_string(), |text| text.trim_end().to_owned())
}

fn is_plain(value: &Value) -> bool {
    !value.is_object() && !value.as_array().is_some_and(|list| list.iter().any(|value| !is_plain(value)))
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

fn empty() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

fn table(rows: &[Value]) -> String {
    let mut columns: Vec<&String> = Vec::new();
    for (key, value) in rows.iter().filter_map(Value::as_object).flatten() {
        if is_plain(value) && !columns.contains(&key) {
            columns.push(key);
        }
    }
    // What a row is about comes first; the others are in the order of their names.
    columns.sort_by_key(|column| *column != "name");
    let mut table = empty();
    table.set_header(columns.iter().map(|column| column.to_uppercase()));
    for row in rows {
        table.add_row(columns.iter().map(|column| row.get(column.as_str()).map(plain).unwrap_or_default()));
    }
    trimmed(&table)
}

fn pairs(map: &Map<String, Value>) -> String {
    let mut table = empty();
    for (key, value) in map.iter().filter(|(_, value)| !value.is_null()) {
        table.add_row([key.clone(), if is_plain(value) { plain(value) } else { yaml(value) }]);
    }
    trimmed(&table)
}

fn trimmed(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_shown_in_three_ways() {
        let value = json!([{ "name": "a", "tags": ["x", "y"], "made": { "by": "ann" } }, { "name": "b", "limit": 1 }]);
        let table = Output::Table.text(&value);
        let words: Vec<_> = table.split_whitespace().collect();
        assert_eq!(words, ["NAME", "TAGS", "LIMIT", "a", "x", "y", "b", "1"]);
        assert_eq!(serde_json::from_str::<Value>(&Output::Json.text(&value)).unwrap(), value);
        assert_eq!(serde_saphyr::from_str::<Value>(&Output::Yaml.text(&value)).unwrap(), value);
        assert_eq!(Output::Table.text(&json!({ "name": "a", "none": null })).split_whitespace().count(), 2);
    }
}
