//! Large JSON files and patches, several times faster than the YAML reader, which takes JSON too.
//!
//! The long lists (`upstreams`, `routes`, `plans`, `applications`) are read here; all else is left to the YAML reader, with
//! the lists of a file blanked out so that every place is what it was, and those of a patch taken out. An item knows where
//! it begins, but its values do not know their places. So this reader never tells a mistake: it gives up, and whoever finds
//! one later reads again with the other.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Delta, File, Location, Spanned};
use tollgate_document::read as read_exactly;

/// The file, if it is JSON whose items are plain: all scalars in quotes, as in what `Configuration::to_text` writes.
pub(crate) fn read(number: u32, name: &str, text: &str) -> Option<File> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let lists: Lists<'_> = serde_json::from_str(text).ok()?;
    let mut file: File = read_exactly(number, name, &lists.emptied(text, blank)).ok()?;
    lists.fill(&mut file, number, text)?;
    Some(file)
}

/// The patch, if it is JSON with such items. What stands behind its lists is told at another place than it has.
pub(crate) fn read_delta(number: u32, name: &str, text: &str) -> Option<Delta> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let Changed { changed } = serde_json::from_str(text).ok()?;
    let mut delta: Delta = read_exactly(number, name, &changed.emptied(text, |rest, _| rest.push_str("[]"))).ok()?;
    changed.fill(&mut delta.changed, number, text)?;
    Some(delta)
}

/// What is read here. A list that is written twice is no JSON for serde, and the YAML reader tells why.
#[derive(Default, serde::Deserialize)]
struct Lists<'t> {
    #[serde(borrow)]
    upstreams: Option<&'t RawValue>,
    #[serde(borrow)]
    routes: Option<&'t RawValue>,
    #[serde(borrow)]
    plans: Option<&'t RawValue>,
    #[serde(borrow)]
    applications: Option<&'t RawValue>,
}

/// The same of a patch.
#[derive(serde::Deserialize)]
struct Changed<'t> {
    #[serde(borrow, default)]
    changed: Lists<'t>,
}

impl Lists<'_> {
    /// The text with these lists empty, as `put` writes each.
    fn emptied(&self, text: &str, put: impl Fn(&mut String, &str)) -> String {
        let mut found: Vec<&RawValue> =
            [self.upstreams, self.routes, self.plans, self.applications].into_iter().flatten().collect();
        found.sort_unstable_by_key(|list| offset(text, list));
        let (mut rest, mut behind) = (String::new(), 0);
        for list in found {
            let begin = offset(text, list);
            rest.push_str(&text[behind..begin]);
            put(&mut rest, list.get());
            behind = begin + list.get().len();
        }
        rest.push_str(&text[behind..]);
        rest
    }

    /// Puts what they have into the file that was read without them.
    fn fill(&self, file: &mut File, number: u32, text: &str) -> Option<()> {
        file.upstreams = items(number, text, self.upstreams)?;
        file.routes = items(number, text, self.routes)?;
        file.plans = items(number, text, self.plans)?;
        file.applications = items(number, text, self.applications)?;
        Some(())
    }
}

/// Where a part of the text begins.
fn offset(text: &str, part: &RawValue) -> usize {
    part.get().as_ptr() as usize - text.as_ptr() as usize
}

/// An empty list that is as long as this one, and has as many lines.
fn blank(rest: &mut String, list: &str) {
    rest.push('[');
    let (lines, last) = (list.matches('\n').count(), list.rsplit('\n').next().unwrap_or_default());
    rest.extend(std::iter::repeat_n('\n', lines));
    // The brackets count as well when they stand in this line.
    let brackets = if lines == 0 { 2 } else { 1 };
    rest.extend(std::iter::repeat_n(' ', last.chars().count().saturating_sub(brackets)));
    rest.push(']');
}

fn items<T: DeserializeOwned>(number: u32, text: &str, list: Option<&RawValue>) -> Option<Vec<Spanned<T>>> {
    let Some(list) = list else { return Some(Vec::new()) };
    let items: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
    let mut place = Location { document: number, line: 1, column: 1, width: 1 };
    let mut at = 0;
    let read = |item: &RawValue| {
        let begin = offset(text, item);
        let passed = &text[at..begin];
        let lines = passed.bytes().filter(|&byte| byte == b'\n').count();
        let last = passed.rsplit('\n').next().unwrap_or_default().chars().count();
        place.column = if lines == 0 { place.column } else { 1 } + u32::try_from(last).ok()?;
        place.line += u32::try_from(lines).ok()?;
        at = begin;
        Some(Spanned { value: serde_json::from_str(item.get()).ok()?, referenced: place })
    };
    items.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical;

    const TEXT: &str = "{ \"version\": 1, \"upstreams\": [ { \"name\": \"a\" } ], \"io\": \"auto\",\n\"routes\": [\n \
        { \"name\": \"é\" }, { \"name\": \"s\" },\n  { \"name\": \"t\" }\n  ], \"forwarded\": \"off\" }";

    #[test]
    fn both_readers_see_the_same_file_at_the_same_places() {
        let fast = read(3, "x.json", TEXT).unwrap();
        let slow: File = read_exactly(3, "x.json", TEXT).unwrap();
        assert_eq!(canonical::text(&fast), canonical::text(&slow));
        let places = |file: &File| {
            let items =
                file.upstreams.iter().map(|item| item.referenced).chain(file.routes.iter().map(|item| item.referenced));
            let settings = [&file.version, &file.io, &file.forwarded].map(|text| text.as_ref().unwrap().referenced);
            items.chain(settings).map(|at| (at.document, at.line, at.column)).collect::<Vec<_>>()
        };
        assert_eq!(places(&fast), places(&slow));
        assert_eq!(places(&fast)[2], (3, 3, 19));
    }

    #[test]
    fn both_readers_see_the_same_patch_at_the_same_places() {
        let text = format!("{{ \"base\": \"7\",\n \"changed\": {TEXT}, \"removed\": {{ \"routes\": [ \"u\" ] }} }}");
        let fast = read_delta(3, "body", &text).unwrap();
        let slow: Delta = read_exactly(3, "body", &text).unwrap();
        assert_eq!(canonical::text(&fast.changed), canonical::text(&slow.changed));
        let places = |delta: &Delta| {
            let items = delta.changed.routes.iter().map(|item| item.referenced);
            let base = delta.base.as_ref().map(|base| base.referenced);
            items.chain(base).map(|at| (at.document, at.line, at.column)).collect::<Vec<_>>()
        };
        assert_eq!(places(&fast), places(&slow));
        // Its place is told after a mistake, and then by the other reader.
        assert_eq!(fast.removed.routes[0].value, slow.removed.routes[0].value);
        for text in
            ["base: 7", "{ \"base\": \"7\", \"changed\": { \"routes\": [ { \"name\": 1 } ] } }", "{ \"bas\": 7 }"]
        {
            assert!(read_delta(0, "body", text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_other() {
        for text in [
            "version: 1",
            "{ \"routes\": [ { \"nam\": \"x\" } ] }",
            "{ \"routes\": [], \"routes\": [] }",
            "{ \"upstreams\": [ { \"name\": 1 } ] }",
            "{ \"version\": 1, \"version\": 1 }",
            "{ \"routes\": [ {} ] ",
        ] {
            assert!(read(0, "x", text).is_none(), "{text}");
        }
    }
}
