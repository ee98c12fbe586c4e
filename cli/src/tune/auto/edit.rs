//! The user's file with other keys of `tuning`, and everything else as it stands, comments too.
//!
//! Works on lines: a file of mappings in block style, in which `tuning:` begins a line. Whatever else is there, such as a
//! file in one pair of braces, is given back as "cannot"; whether the result says what it should is checked by reading it.

use tollgate_tuning::search::Keys;

/// The text with these keys written under `tuning`; `None` where that cannot be done line by line.
pub(super) fn with(text: &str, keys: &Keys) -> Option<String> {
    if text.trim_start().starts_with('{') {
        return None;
    }
    let lines: Vec<&str> = text.lines().collect();
    let Some(head) = lines.iter().position(|line| line.starts_with("tuning:")) else {
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        return Some(format!("{text}{end}\ntuning:\n{}", written(keys, "  ")));
    };
    let after = lines[head + 1..].iter().position(|line| begins_key(line)).map_or(lines.len(), |at| head + 1 + at);
    let block = match lines[head]["tuning:".len()..].split('#').next().map(str::trim) {
        Some("") => block(&lines[head..after], keys),
        Some(flow) => flow_block(flow, keys)?,
        None => return None,
    };
    let join = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    Some(format!("{}{block}{}", join(&lines[..head]), join(&lines[after..])))
}

/// Whether a line begins the next key of the file, and no comment or rest of a value.
fn begins_key(line: &str) -> bool {
    line.starts_with(|first: char| !first.is_whitespace() && first != '#')
}

fn written(keys: &Keys, indent: &str) -> String {
    keys.iter().map(|(key, value)| format!("{indent}{key}: {value}\n")).collect()
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// A block of lines: what is written anew takes the place of its line, and of what belongs to that; new keys come behind.
fn block(lines: &[&str], keys: &Keys) -> String {
    let is_blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let depth = lines[1..].iter().find(|line| !is_blank(line)).map_or(2, |line| indent(line));
    let (mut out, mut left, mut skips) = (format!("{}\n", lines[0]), keys.clone(), false);
    // Blank lines and comments at the end belong to what follows.
    let end = lines.iter().rposition(|line| !is_blank(line)).unwrap_or(0) + 1;
    for line in &lines[1..end.max(1)] {
        if skips && !is_blank(line) && indent(line) > depth {
            continue;
        }
        skips = false;
        let found = left.iter().position(|(key, _)| {
            !is_blank(line) && line.trim_start().strip_prefix(key).is_some_and(|rest| rest.starts_with(':'))
        });
        match found {
            Some(at) => {
                let (key, value) = left.remove(at);
                let comment = line.find(" #").map_or("", |at| &line[at..]);
                out += &format!("{}{key}: {value}{comment}\n", " ".repeat(depth));
                skips = true;
            }
            None => out += &format!("{line}\n"),
        }
    }
    out += &written(&left, &" ".repeat(depth));
    lines[end.max(1)..].iter().for_each(|line| out += &format!("{line}\n"));
    out
}

/// `{ a: b, c: { d: e } }` on one line becomes a block.
fn flow_block(flow: &str, keys: &Keys) -> Option<String> {
    let inside = flow.strip_prefix('{')?.strip_suffix('}')?;
    let (mut entries, mut depth, mut entry) = (Vec::new(), 0_i32, String::new());
    for letter in inside.chars() {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        if letter == ',' && depth == 0 {
            entries.push(std::mem::take(&mut entry));
        } else {
            entry.push(letter);
        }
    }
    entries.push(entry);
    let kept = entries.iter().map(|entry| entry.trim()).filter(|entry| {
        let name = entry.split(':').next().unwrap_or_default().trim();
        !entry.is_empty() && keys.iter().all(|(key, _)| *key != name)
    });
    let kept: String = kept.map(|entry| format!("  {entry}\n")).collect();
    Some(format!("tuning:\n{kept}{}", written(keys, "  ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        vec![("turn_budget", "128"), ("idle", "{ spin_us: 50 }")]
    }

    #[test]
    fn a_file_without_tuning_gets_it_at_its_end() {
        let text = "# mine\nversion: 1 # one\nlisteners: []";
        let expected = format!("{text}\n\ntuning:\n  turn_budget: 128\n  idle: {{ spin_us: 50 }}\n");
        assert_eq!(with(text, &keys()).unwrap(), expected);
    }

    #[test]
    fn a_block_keeps_its_comments_and_other_keys() {
        let text = "version: 1\ntuning:  # for the new machines\n    # short turns\n    turn_budget: 512 # was 64\n    idle:\n      \
                    spin_us: 10\n    backlog: 99\n\n# the rest\nio: auto\n";
        let expected = "version: 1\ntuning:  # for the new machines\n    # short turns\n    turn_budget: 128 # was 64\n    idle: { spin_us: 50 }\n    \
                        backlog: 99\n\n# the rest\nio: auto\n";
        assert_eq!(with(text, &keys()).unwrap(), expected);
    }

    #[test]
    fn one_line_becomes_a_block() {
        let text = "tuning: { profile: latency, idle: { spin_us: 7 } } # ours\nio: auto\n";
        let expected = "tuning:\n  profile: latency\n  turn_budget: 128\n  idle: { spin_us: 50 }\nio: auto\n";
        assert_eq!(with(text, &keys()).unwrap(), expected);
    }

    #[test]
    fn what_is_not_understood_is_left_to_the_user() {
        assert_eq!(with("{ version: 1 }", &keys()), None);
        assert_eq!(with("tuning: { profile: latency,\n  backlog: 99 }\n", &keys()), None);
    }
}
