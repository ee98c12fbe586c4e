//! Changes of header fields in the form heads are written with.

use tollgate_http::FieldEdits;
use tollgate_model::Edit;

/// The changes of a head; `None` if there are none. The fields of `also_removed` go as well.
#[must_use]
pub fn field_edits(edits: &[Edit], also_removed: &[&str]) -> Option<FieldEdits> {
    if edits.is_empty() && also_removed.is_empty() {
        return None;
    }
    let mut compiled = FieldEdits::new();
    also_removed.iter().for_each(|name| compiled.remove(name));
    for Edit { name, replaces, values, .. } in edits {
        // A request has one Host and always needs it, so that it is replaced where it stands.
        if let (true, [host]) = (name.eq_ignore_ascii_case("host"), &values[..]) {
            compiled.set_host(host);
            continue;
        }
        if *replaces {
            compiled.remove(name);
        }
        values.iter().for_each(|value| compiled.add(name, value));
    }
    Some(compiled)
}
