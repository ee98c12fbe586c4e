//! A document as it stands in the text: every value with its line, references not yet followed.
//!
//! [`At`] is a value together with the way to it. It is what all readers walk with, so that whatever they find wrong or
//! useless has its place. Looking for what is not there is no mistake: most of a document is optional.

use crate::{
    error::ImportError,
    limits::{DEPTH_MAX, NODES_MAX, REFERENCES_MAX, TEXT_BYTES_MAX},
};
use indexmap::IndexMap;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Number, Value};
use serde_saphyr::Spanned;
use std::fmt;

/// A value of a document.
#[derive(Clone, Debug)]
pub enum Node {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Spanned<Node>>),
    /// A mapping, in the order of the document.
    Map(IndexMap<String, Spanned<Node>>),
}

/// Which of the formats a document has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `swagger: "2.0"`.
    Swagger20,
    /// `openapi: 3.0.x`.
    OpenApi30,
    /// `openapi: 3.1.x`.
    OpenApi31,
}

/// A document that was read and says which format it has.
#[derive(Debug)]
pub struct Document {
    root: Spanned<Node>,
    /// Which of them.
    pub dialect: Dialect,
}

/// A value and the way to it.
#[derive(Clone, Debug)]
pub struct At<'d> {
    root: &'d Spanned<Node>,
    node: &'d Spanned<Node>,
    place: String,
}

impl Document {
    /// Reads YAML, of which JSON is a part.
    ///
    /// # Errors
    /// The text is no YAML, is larger than 16 MiB or than a million values, or does not say its version.
    pub fn read(text: &str) -> Result<Self, ImportError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(ImportError::whole("the document is larger than 16 MiB"));
        }
        let options = serde_saphyr::options! {
            with_snippet: false,
            emit_comments: false,
            budget: serde_saphyr::budget! {
                max_events: 2 * NODES_MAX,
                max_nodes: NODES_MAX,
                max_depth: DEPTH_MAX,
                max_total_scalar_bytes: TEXT_BYTES_MAX,
            },
        };
        let root = serde_saphyr::from_str_with_options(text, options);
        let root: Spanned<Node> = root.map_err(|error| ImportError::whole(format!("no YAML or JSON: {error}")))?;
        let dialect = dialect(&At { root: &root, node: &root, place: "#".into() })?;
        Ok(Self { root, dialect })
    }

    /// The whole of it.
    pub fn root(&self) -> At<'_> {
        At { root: &self.root, node: &self.root, place: "#".into() }
    }

    /// The whole of it without places.
    pub fn value(&self) -> Value {
        value(&self.root.value)
    }
}

fn dialect(root: &At<'_>) -> Result<Dialect, ImportError> {
    let version = |key| root.get(key).map(|at| at.scalar().unwrap_or_default());
    match (version("swagger").as_deref(), version("openapi").as_deref()) {
        (Some("2.0" | "2"), _) => Ok(Dialect::Swagger20),
        (_, Some(version)) if version.starts_with("3.0") => Ok(Dialect::OpenApi30),
        (_, Some(version)) if version.starts_with("3.1") => Ok(Dialect::OpenApi31),
        (None, None) => {
            Err(ImportError::whole("no OpenAPI document: it has neither `openapi: 3.0.3` nor `swagger: \"2.0\"`"))
        }
        (Some(version), _) | (_, Some(version)) => {
            Err(ImportError::whole(format!("version `{version}` is not known: 2.0, 3.0 and 3.1 are")))
        }
    }
}

impl<'d> At<'d> {
    /// The value itself.
    pub fn node(&self) -> &'d Node {
        &self.node.value
    }

    /// The whole document it is in.
    pub fn top(&self) -> Self {
        Self { root: self.root, node: self.root, place: "#".into() }
    }

    /// A JSON Pointer as a fragment.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// 1 for the first.
    pub fn line(&self) -> u64 {
        self.node.referenced.line()
    }

    /// The value of a key, with references followed. `None` if there is none, or it is null.
    pub fn get(&self, key: &str) -> Option<Self> {
        let Node::Map(map) = self.node() else { return None };
        let node = map.get(key).filter(|node| !matches!(node.value, Node::Null))?;
        Some(self.below(key, node).followed())
    }

    /// The entries of a mapping, with references followed; none of anything else.
    pub fn entries(&self) -> impl Iterator<Item = (&'d str, Self)> {
        let map = if let Node::Map(map) = self.node() { Some(map) } else { None };
        map.into_iter().flatten().map(|(key, node)| (key.as_str(), self.below(key, node).followed()))
    }

    /// The items of a list, with references followed; none of anything else.
    pub fn items(&self) -> impl Iterator<Item = Self> {
        let list = if let Node::List(list) = self.node() { list.as_slice() } else { &[] };
        list.iter().enumerate().map(|(index, node)| self.below(&index.to_string(), node).followed())
    }

    /// A text as it is.
    pub fn text(&self) -> Option<&'d str> {
        if let Node::Text(text) = self.node() { Some(text) } else { None }
    }

    /// A text, or a number or truth value as it is written.
    pub fn scalar(&self) -> Option<String> {
        match self.node() {
            Node::Text(text) => Some(text.clone()),
            Node::Number(number) => Some(number.to_string()),
            Node::Bool(is) => Some(is.to_string()),
            Node::Null | Node::List(_) | Node::Map(_) => None,
        }
    }

    /// A truth value, also one that is written as text.
    pub fn flag(&self) -> Option<bool> {
        self.scalar()?.parse().ok()
    }

    /// A whole number, also one that is written as text.
    pub fn number(&self) -> Option<u64> {
        self.scalar()?.parse().ok()
    }

    /// The value without places.
    pub fn value(&self) -> Value {
        value(self.node())
    }

    /// Whether it is a reference that was not followed: to another document, to nothing, or in a circle.
    pub fn is_reference(&self) -> bool {
        matches!(self.node(), Node::Map(map) if map.contains_key("$ref"))
    }

    fn below(&self, key: &str, node: &'d Spanned<Node>) -> Self {
        let key = key.replace('~', "~0").replace('/', "~1");
        Self { root: self.root, node, place: format!("{}/{key}", self.place) }
    }

    fn followed(self) -> Self {
        let mut at = self;
        for _ in 0..REFERENCES_MAX {
            let Some(next) = at.referenced() else { break };
            at = next;
        }
        at
    }

    /// What a reference within the document leads to.
    fn referenced(&self) -> Option<Self> {
        let Node::Map(map) = self.node() else { return None };
        let Node::Text(reference) = &map.get("$ref")?.value else { return None };
        let mut at = Self { root: self.root, node: self.root, place: "#".into() };
        for key in reference.strip_prefix("#/")?.split('/') {
            let key = key.replace("~1", "/").replace("~0", "~");
            let node = match at.node() {
                Node::Map(map) => map.get(&key)?,
                Node::List(list) => list.get(key.parse::<usize>().ok()?)?,
                Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => return None,
            };
            at = at.below(&key, node);
        }
        Some(at)
    }
}

fn value(node: &Node) -> Value {
    match node {
        Node::Null => Value::Null,
        Node::Bool(is) => Value::Bool(*is),
        Node::Number(number) => Value::Number(number.clone()),
        Node::Text(text) => Value::String(text.clone()),
        Node::List(list) => list.iter().map(|item| value(&item.value)).collect(),
        Node::Map(map) => Value::Object(map.iter().map(|(key, item)| (key.clone(), value(&item.value))).collect()),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(Self)
    }

    fn visit_bool<E: Error>(self, is: bool) -> Result<Node, E> {
        Ok(Node::Bool(is))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Node, E> {
        // Infinity is no number of JSON.
        Ok(Number::from_f64(number).map_or_else(|| Node::Text(number.to_string()), Node::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = IndexMap::new();
        while let Some(key) = map.next_key::<Key>()? {
            entries.insert(key.0, map.next_value()?);
        }
        Ok(Node::Map(entries))
    }
}

/// A key, which in YAML may be a number: `200:` of responses.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Node::deserialize(deserializer)? {
            Node::Text(text) => Ok(Self(text)),
            Node::Number(number) => Ok(Self(number.to_string())),
            Node::Bool(is) => Ok(Self(is.to_string())),
            Node::Null => Ok(Self("null".into())),
            Node::List(_) | Node::Map(_) => Err(D::Error::custom("a key is a text")),
        }
    }
}
