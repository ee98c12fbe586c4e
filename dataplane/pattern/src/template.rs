//! A text with parameters of the request's match in it: `/v2/{rest}`, `https://{host}/{rest}`.
//!
//! Names are resolved to positions when the file is read, so that to fill a template in is to copy pieces (`route` does
//! it). A parameter is put in as it stands in the normalized path, escapes and all; in front of the path of a URI, where it
//! could lead to another host, only `{host}` is let in.

use crate::{
    Refusal, limits, near,
    path::{PathMatch, Segment, literal},
};

/// A text with parameters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Template {
    pieces: Vec<Piece>,
}

/// A part of a [`Template`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Piece {
    /// These bytes.
    Text(String),
    /// The segment of the path with this index.
    Segment(usize),
    /// The path from the segment with this index on, without the slash before it.
    Rest(usize),
    /// What the group of this number took of the path.
    Group(usize),
    /// The whole path, with its first slash.
    Path,
    /// The host of the request, without port.
    Host,
}

impl Template {
    /// What it is put together from.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The path of a rewritten request.
    pub fn path(text: &str, path: &PathMatch) -> Result<Self, Refusal> {
        let template = Self::parse(text, path, false)?;
        match template.pieces.first() {
            Some(Piece::Text(text)) if text.starts_with('/') => {}
            Some(Piece::Path) => {}
            _ => return Err(("a path starts with `/`".to_owned(), Some(format!("write `/{text}`")))),
        }
        template.check_path(0)?;
        Ok(template)
    }

    /// The target of a redirect, and whether it has a query.
    pub fn target(text: &str, path: &PathMatch) -> Result<(Self, bool), Refusal> {
        let template = Self::parse(text, path, true)?;
        let refusal = || {
            let help = "write an absolute path or URI, like `/new/{rest}` or `https://{host}{path}`";
            (format!("`{text}` is not a place to go to"), Some(help.to_owned()))
        };
        if let Some(bad) = text.chars().find(|&c| !c.is_ascii_graphic() || "\\\"<>^`|".contains(c)) {
            return Err((format!("`{bad}` cannot stand in a URI"), Some("write it as `%` and two digits".to_owned())));
        }
        let is_absolute = ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme));
        if is_absolute {
            template.check_authority().map_err(|refused| refused.unwrap_or_else(refusal))?;
        } else {
            // Of `{path}` only the whole path: a parameter of that name may begin with anything.
            let is_path = match template.pieces.first() {
                Some(Piece::Text(text)) => text.starts_with('/') && !text.starts_with("//"),
                first => matches!(first, Some(Piece::Path)),
            };
            if !is_path {
                return Err(refusal());
            }
        }
        Ok((template, text.contains('?')))
    }

    fn parse(text: &str, path: &PathMatch, has_host: bool) -> Result<Self, Refusal> {
        if text.is_empty() || text.len() > limits::TEMPLATE_BYTES_MAX {
            return Err((format!("1 to {} bytes are wanted here", limits::TEMPLATE_BYTES_MAX), None));
        }
        let known = known(path, has_host);
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err((format!("`{text}` has a `{{` without its `}}`"), None));
            };
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            let found = known.iter().find(|(known, _)| known == name);
            pieces.push(found.map(|(_, piece)| piece.clone()).ok_or_else(|| undefined(name, &known))?);
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        match pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if text.contains('}'))) {
            true => Err((format!("`{text}` has a `}}` without its `{{`"), None)),
            false => Ok(Self { pieces }),
        }
    }

    /// Whether the texts from a piece on are such as a normalized path has.
    fn check_path(&self, from: usize) -> Result<(), Refusal> {
        let texts = self.pieces[from..].iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text),
            _ => None,
        });
        texts.flat_map(|text| text.split('/')).try_for_each(|part| literal(part).map(drop))
    }

    /// Whether nothing but `{host}` and text stands before the path of an absolute URI. `None` for no authority at all.
    fn check_authority(&self) -> Result<(), Option<Refusal>> {
        for (index, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Text(text) => {
                    let authority = if index == 0 { text.split_once("//").map_or("", |(_, rest)| rest) } else { text };
                    let end = authority.find(['/', '?', '#']);
                    if index == 0 && end == Some(0) || (index == 0 && authority.is_empty() && self.pieces.len() == 1) {
                        return Err(None);
                    }
                    if authority[..end.unwrap_or(authority.len())].contains('@') {
                        return Err(Some(("a URI for clients has no `user@`".to_owned(), None)));
                    }
                    if end.is_some() {
                        return Ok(());
                    }
                }
                Piece::Host => {}
                Piece::Path => return Ok(()),
                Piece::Segment(_) | Piece::Rest(_) | Piece::Group(_) => {
                    let message = "a parameter in front of the path could lead to any host".to_owned();
                    return Err(Some((message, Some("put a `/` before it, or use `{host}`".to_owned()))));
                }
            }
        }
        Ok(())
    }
}

/// The names a template may use. Those of the match come first, so they win.
fn known(path: &PathMatch, has_host: bool) -> Vec<(String, Piece)> {
    let mut known: Vec<(String, Piece)> = match path {
        PathMatch::Pattern(pattern) => {
            let segments = pattern.segments().iter().enumerate();
            let named = segments.filter_map(|(index, segment)| match segment {
                Segment::Literal(_) => None,
                Segment::Parameter(name) => Some((name.clone(), Piece::Segment(index))),
                Segment::Rest(name) => Some((name.clone(), Piece::Rest(index))),
            });
            named.collect()
        }
        PathMatch::Expression(expression) => {
            expression.groups().map(|(number, name)| (name.to_owned(), Piece::Group(number))).collect()
        }
    };
    known.push(("path".to_owned(), Piece::Path));
    if has_host {
        known.push(("host".to_owned(), Piece::Host));
    }
    known
}

/// What a parameter of a path stands for; never the host.
///
/// # Errors
/// The path has no parameter of this name.
pub fn parameter(path: &PathMatch, name: &str) -> Result<Piece, Refusal> {
    let known = known(path, false);
    let found = known.iter().find(|(known, _)| known == name);
    found.map(|(_, piece)| piece.clone()).ok_or_else(|| undefined(name, &known))
}

fn undefined(name: &str, known: &[(String, Piece)]) -> Refusal {
    let names: Vec<String> = known.iter().map(|(name, _)| format!("`{{{name}}}`")).collect();
    let near = near::nearest(name.strip_suffix('*').unwrap_or(name), known.iter().map(|(name, _)| name.as_str()));
    // A rest is `{rest*}` where it is matched and `{rest}` where it is used.
    let near = near
        .or_else(|| known.iter().map(|(known, _)| known.as_str()).find(|known| name.strip_suffix('*') == Some(known)));
    let message = match near {
        Some(near) => format!("`{{{name}}}` is no parameter of this match, did you mean `{{{near}}}`?"),
        None => format!("`{{{name}}}` is no parameter of this match"),
    };
    (message, Some(format!("allowed here: {}", names.join(", "))))
}
