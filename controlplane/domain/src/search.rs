//! What a search in the catalog means: words, and conditions of the form `tag:billing`.
//!
//! A question is read once (`Search::read`) and asked of every API that may be seen; all of it must hold. Nothing is
//! ranked here.

use crate::{
    api::Api,
    name::Name,
    refusal::{Code, Refusal},
};

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    /// In name, title, description or a tag, in lower case.
    Word(String),
    Name(String),
    Version(String),
    Tag(Name),
    Plan(Name),
    State(String),
    /// Name and, if it is asked for, value.
    Label(Name, Option<String>),
}

const REMEDY: &str = "write words, or name:, version:, tag:, plan:, state:, label:NAME or label:NAME=VALUE";

impl Search {
    /// Reads a question: words and conditions with white space between.
    ///
    /// # Errors
    /// `InvalidValue`, if a condition is none.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        text.split_whitespace().map(Term::read).collect::<Result<_, _>>().map(Self)
    }

    /// The same, of somebody whom the catalog does not tell labels: they are for the programs of publishers.
    ///
    /// # Errors
    /// `InvalidValue`, if it asks for one.
    pub fn without_labels(self) -> Result<Self, Refusal> {
        if self.0.iter().any(|term| matches!(term, Term::Label(..))) {
            let remedy = "write words, or name:, version:, tag:, plan:, state:";
            return Err(Refusal::new(Code::InvalidValue, "search", "`label:` is no condition here", remedy));
        }
        Ok(self)
    }

    /// Whether all of it holds for `api`.
    #[must_use]
    pub fn admits(&self, api: &Api) -> bool {
        self.0.iter().all(|term| term.admits(api))
    }
}

impl Term {
    fn read(text: &str) -> Result<Self, Refusal> {
        let Some((condition, value)) = text.split_once(':') else { return Ok(Self::Word(text.to_lowercase())) };
        let name = |value: &str| value.parse::<Name>().map_err(|refusal| refusal.inside("search"));
        match condition {
            "name" => Ok(Self::Name(value.to_lowercase())),
            "version" => Ok(Self::Version(value.to_owned())),
            "tag" => name(value).map(Self::Tag),
            "plan" => name(value).map(Self::Plan),
            "state" => Ok(Self::State(value.to_lowercase())),
            "label" => {
                let (label, value) = value.split_once('=').map_or((value, None), |(label, value)| (label, Some(value)));
                Ok(Self::Label(name(label)?, value.map(str::to_owned)))
            }
            _ => Err(Refusal::new(Code::InvalidValue, "search", format!("`{condition}:` is no condition"), REMEDY)),
        }
    }

    fn admits(&self, api: &Api) -> bool {
        let spec = &api.spec;
        match self {
            Self::Word(word) => {
                let texts = [Some(spec.name.as_str()), spec.title.as_deref(), spec.description.as_deref()];
                let text = texts.into_iter().flatten().any(|text| text.to_lowercase().contains(word));
                text || spec.tags.iter().any(|tag| tag.as_str().contains(word.as_str()))
            }
            Self::Name(name) => spec.name.as_str().contains(name.as_str()),
            Self::Version(version) => spec.version.as_str() == version,
            Self::Tag(tag) => spec.tags.contains(tag),
            Self::Plan(plan) => spec.plans.contains(plan),
            Self::State(state) => api.lifecycle.as_str() == state,
            Self::Label(name, value) => {
                spec.labels.get(name).is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_of_a_question_must_hold() {
        let api: Api = serde_json::from_value(json!({
            "spec": {
                "name": "orders", "version": "1.0", "title": "Order Desk", "base_path": "/", "tags": ["billing"],
                "labels": {"team": "a"}, "plans": ["gold"],
            },
            "lifecycle": "published",
            "made": {"by": "ann", "at_s": 1},
        }))
        .unwrap();
        let rows = [
            ("", true),
            ("desk", true),
            ("DESK ord", true),
            ("desk stock", false),
            ("bill", true),
            ("tag:billing state:published plan:gold version:1.0", true),
            ("tag:bill", false),
            ("label:team", true),
            ("label:team=a name:ord", true),
            ("label:team=b", false),
            ("state:created", false),
        ];
        for (text, found) in rows {
            assert_eq!(Search::read(text).unwrap().admits(&api), found, "{text}");
        }
        for text in ["colour:red", "tag:", "label:A=1"] {
            assert_eq!(Search::read(text).unwrap_err().place, "search", "{text}");
        }
        Search::read("desk tag:a").unwrap().without_labels().unwrap();
        Search::read("desk label:team").unwrap().without_labels().unwrap_err();
    }
}
