//! A path template of a document in the words of a route's match.
//!
//! `/pets/{id}` is written alike in both. A segment that mixes text and parameters, `/files/{name}.json`, becomes a
//! regular expression, and so does nothing else. Names of parameters are letters, digits and `_` in a route: others are
//! spelled with `_`, made unique with a number, and the name in the document stays that of the parameter.

use std::fmt::Write;

/// What a route matches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoutePath {
    /// `match.path`.
    Template(String),
    /// `match.path_regex`.
    Regex(String),
}

/// A path template that cannot be read: why.
pub(crate) type Refusal = String;

/// Characters that mean something in a regular expression.
const SPECIAL: &[char] = &['\\', '.', '+', '*', '?', '(', ')', '|', '[', ']', '{', '}', '^', '$'];

impl RoutePath {
    /// Of a template, behind `base`, a path without parameters that does not end with `/`.
    pub(crate) fn of(base: &str, template: &str) -> Result<Self, Refusal> {
        let Some(rest) = template.strip_prefix('/') else {
            return Err("a path begins with `/`".into());
        };
        if template.contains(['?', '#']) {
            return Err("a path has no query and no fragment".into());
        }
        let segments = rest.split('/').map(pieces).collect::<Result<Vec<_>, _>>()?;
        let is_mixed = |pieces: &Vec<Piece<'_>>| pieces.len() > 1;
        let mut names = Names(Vec::new());
        if segments.iter().any(is_mixed) {
            let mut regex = escaped(base);
            for pieces in segments {
                regex.push('/');
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => regex.push_str(&escaped(text)),
                        Piece::Name(name) => {
                            // The name is letters, digits and `_`.
                            let _ = write!(regex, "(?<{}>[^/]+?)", names.of(name));
                        }
                    }
                }
            }
            return Ok(Self::Regex(regex));
        }
        let mut path = base.to_owned();
        for pieces in segments {
            path.push('/');
            match pieces.first() {
                None => {}
                Some(Piece::Text(text)) => path.push_str(text),
                Some(Piece::Name(name)) => path.push_str(&format!("{{{}}}", names.of(name))),
            }
        }
        Ok(Self::Template(path))
    }
}

/// A part of a segment.
#[derive(Clone, Copy)]
enum Piece<'t> {
    Text(&'t str),
    Name(&'t str),
}

fn pieces(segment: &str) -> Result<Vec<Piece<'_>>, Refusal> {
    let (mut pieces, mut rest) = (Vec::new(), segment);
    while let Some((text, behind)) = rest.split_once('{') {
        let Some((name, behind)) = behind.split_once('}') else {
            return Err(format!("`{segment}` has a `{{` without a `}}`"));
        };
        if name.is_empty() {
            return Err(format!("`{segment}` has a parameter without a name"));
        }
        pieces.extend(
            [Piece::Text(text), Piece::Name(name)].into_iter().filter(|piece| !matches!(piece, Piece::Text(""))),
        );
        rest = behind;
    }
    if rest.contains('}') {
        return Err(format!("`{segment}` has a `}}` without a `{{`"));
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// The names there are already.
struct Names(Vec<String>);

impl Names {
    fn of(&mut self, name: &str) -> String {
        let spelled: String =
            name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
        let spelled =
            if spelled.starts_with(|first: char| first.is_ascii_digit()) { format!("_{spelled}") } else { spelled };
        let mut unique = spelled.clone();
        let mut number = 2;
        while self.0.contains(&unique) {
            unique = format!("{spelled}_{number}");
            number += 1;
        }
        self.0.push(unique.clone());
        unique
    }
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut regex, letter| {
        if SPECIAL.contains(&letter) {
            regex.push('\\');
        }
        regex.push(letter);
        regex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_routes_can_say() {
        for (template, expected) in [
            ("/", "/v1/"),
            ("/pets", "/v1/pets"),
            ("/pets/{id}", "/v1/pets/{id}"),
            ("/pets/{pet-id}/toys/{toy.id}", "/v1/pets/{pet_id}/toys/{toy_id}"),
            ("/a/{x-y}/{x.y}", "/v1/a/{x_y}/{x_y_2}"),
            ("/a/{1st}/", "/v1/a/{_1st}/"),
        ] {
            assert_eq!(RoutePath::of("/v1", template), Ok(RoutePath::Template(expected.into())), "{template}");
        }
    }

    #[test]
    fn mixed_segments_are_regular_expressions() {
        let expected = RoutePath::Regex("/v1\\.0/files/(?<name>[^/]+?)\\.(?<ext>[^/]+?)".into());
        assert_eq!(RoutePath::of("/v1.0", "/files/{name}.{ext}"), Ok(expected));
    }

    #[test]
    fn what_is_no_template() {
        for template in ["pets", "/a/{", "/a/}", "/a/{}", "/a?b=1", "/a#b"] {
            RoutePath::of("", template).unwrap_err();
        }
    }
}
