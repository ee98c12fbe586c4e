//! A whole document as an API.
//!
//! Servers, then what vendors' extensions say of the whole API, then operations: in that order, since every path stands
//! behind the base path. All mistakes are told together; only a document without any is an API.

use crate::{
    document::{At, Dialect, Document},
    error::{ImportError, Note},
    extensions::{self, Policies},
    limits::MISTAKES_MAX,
    operation::{self, Operation, Reader},
    security::{self, Need, Scheme},
    server::{self, Endpoint},
};
use serde_json::Value;

/// What a document says of an API.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// Which format it had.
    pub dialect: Dialect,
    /// Of the title: lower case letters, digits and `-`.
    pub name: String,
    /// As it stands there; may be empty.
    pub title: String,
    /// As it stands there; may be empty.
    pub version: String,
    /// As it stands there; may be empty.
    pub description: String,
    /// In front of every path: begins with `/` and does not end with it; empty for none.
    pub base_path: String,
    /// Where requests go.
    pub endpoints: Vec<Endpoint>,
    /// How callers may show who they are.
    pub schemes: Vec<Scheme>,
    /// What a caller of any operation must show that says nothing itself.
    pub need: Option<Need>,
    /// Those of all operations, in the words of the gateway's configuration.
    pub policies: Policies,
    /// In the order of the document; at least one.
    pub operations: Vec<Operation>,
    /// What was read and has no effect.
    pub notes: Vec<Note>,
    /// The document itself, without places.
    pub document: Value,
}

/// Reads an API out of the text of a document.
///
/// # Errors
/// All that has to be mended, up to 100 mistakes at one time.
pub fn import(text: &str) -> Result<Import, ImportError> {
    let document = Document::read(text)?;
    let (root, dialect) = (document.root(), document.dialect);
    let mut notes = Vec::new();
    let servers = match dialect {
        Dialect::Swagger20 => server::swagger(&root),
        Dialect::OpenApi30 | Dialect::OpenApi31 => server::servers(&root, &mut notes),
    };
    let vendor = extensions::api(&root, &mut notes);
    let base_path = vendor.base_path.unwrap_or(servers.base_path);
    let mut reader = Reader { dialect, base_path: &base_path, mistakes: Vec::new(), notes };
    let operations = reader.operations(&root);
    if operations.is_empty() && reader.mistakes.is_empty() {
        reader.mistake(&root, "no operation under `paths`: there is nothing to serve".into());
    }
    let info = root.get("info");
    let text = |key| info.as_ref().and_then(|info| info.get(key)?.scalar()).unwrap_or_default();
    if text("title").is_empty() {
        reader.mistake(&root, "`info.title` is missing: it names the API".into());
    }
    if let Some(at) = root.get("webhooks") {
        reader.note(&at, "what the API calls itself does not pass the gateway");
    }
    let Reader { mut mistakes, notes, .. } = reader;
    if !mistakes.is_empty() {
        mistakes.truncate(MISTAKES_MAX);
        return Err(ImportError(mistakes));
    }
    let endpoints = if vendor.endpoints.is_empty() { servers.endpoints } else { vendor.endpoints };
    Ok(Import {
        dialect,
        name: slug(vendor.name.as_deref().unwrap_or(&text("title"))),
        title: text("title"),
        version: text("version"),
        description: text("description"),
        endpoints,
        schemes: security::schemes(&root),
        need: security::need(&root),
        policies: vendor.policies,
        operations,
        notes,
        document: document.value(),
        base_path,
    })
}

/// Lower case letters, digits and `-`, at most 63; `api` for nothing.
fn slug(title: &str) -> String {
    let mut name = operation::name(&title.to_ascii_lowercase()).replace(['.', '_'], "-");
    name.truncate(63);
    let name = name.trim_matches('-');
    if name.is_empty() { "api".to_owned() } else { name.to_owned() }
}

/// A text, or the texts of a list.
pub(crate) fn texts(at: &At<'_>) -> Vec<String> {
    match at.text() {
        Some(text) => vec![text.to_owned()],
        None => at.items().filter_map(|item| item.scalar()).collect(),
    }
}
