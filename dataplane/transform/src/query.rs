//! Changes of a query: parameters that go, and some that come behind those that stay.
//!
//! Names are compared decoded (`%41` and `+` included), so that no other spelling of a name gets past; what stays is left
//! as it was sent. A changed query is allocated, once per request of a route that has such changes.

use tollgate_model::Edit;

/// What a query loses and gains.
#[derive(Clone, Debug, Default)]
pub struct QueryEdits {
    /// Decoded names.
    removed: Vec<String>,
    /// `name=value` pairs, encoded, with `&` between.
    added: String,
}

impl QueryEdits {
    /// Compiles the changes; `None` if there are none. The parameters of `also_removed` go as well.
    #[must_use]
    pub fn compile(edits: &[Edit], also_removed: &[&str]) -> Option<Self> {
        let mut compiled = Self::default();
        compiled.removed.extend(also_removed.iter().map(|&name| name.to_owned()));
        for Edit { name, replaces, values, .. } in edits {
            if *replaces {
                compiled.removed.push(name.clone());
            }
            for value in values {
                if !compiled.added.is_empty() {
                    compiled.added.push('&');
                }
                encode(name, &mut compiled.added);
                compiled.added.push('=');
                encode(value, &mut compiled.added);
            }
        }
        (!edits.is_empty() || !also_removed.is_empty()).then_some(compiled)
    }

    /// Whether this query does not stay as it is.
    #[must_use]
    pub fn changes(&self, query: &[u8]) -> bool {
        !self.added.is_empty() || query.split(|&byte| byte == b'&').any(|pair| self.is_removed(pair))
    }

    /// Appends the changed form of `query`, with the question mark if anything is left of it.
    pub fn apply(&self, query: &[u8], target: &mut Vec<u8>) {
        let kept = query.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty() && !self.is_removed(pair));
        let added = (!self.added.is_empty()).then_some(self.added.as_bytes());
        for (index, pair) in kept.chain(added).enumerate() {
            target.push(if index == 0 { b'?' } else { b'&' });
            target.extend_from_slice(pair);
        }
    }

    fn is_removed(&self, pair: &[u8]) -> bool {
        let name = pair.split(|&byte| byte == b'=').next().unwrap_or_default();
        self.removed.iter().any(|removed| decoded(name).eq(removed.bytes()))
    }
}

/// The bytes a name stands for. An escape that is none stands for itself.
fn decoded(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (&first, behind) = rest.split_first()?;
        rest = behind;
        if first == b'+' {
            return Some(b' ');
        }
        if let (b'%', Some((digits, behind))) = (first, behind.split_first_chunk::<2>())
            && let [Some(high), Some(low)] = digits.map(|digit| (digit as char).to_digit(16))
        {
            rest = behind;
            return u8::try_from(high << 4 | low).ok();
        }
        Some(first)
    })
}

/// Everything but unreserved characters (RFC 3986, section 2.3) as escapes.
fn encode(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte as char);
        } else {
            out.extend(['%', HEX[usize::from(byte >> 4)] as char, HEX[usize::from(byte & 15)] as char]);
        }
    }
}
