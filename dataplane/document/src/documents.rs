//! The texts that a configuration comes from: the file, the files it includes, the patches since.
//!
//! A place (`Location`) names its text by number: files count from 0, a patch has the number of its generation above
//! them. The texts are kept while a change is judged, so that an error can show the line; what stays afterwards is the
//! names of the files, and an error about something older shows its place only.

use std::sync::Arc;

use tollgate_place::Location;

use crate::ConfigError;

/// A text and what it is called.
#[derive(Clone)]
struct Document {
    /// In errors: the path of a file, or what the caller calls its text.
    name: Arc<str>,
    /// `None` once its change was judged.
    text: Option<Arc<str>>,
}

/// The texts by their numbers.
#[derive(Clone, Default)]
pub struct Documents {
    files: Vec<Document>,
    /// The patch that is being judged, and its number.
    patch: Option<(u32, Document)>,
}

/// Files of one configuration: the first and those it includes.
pub const FILES_MAX: usize = 1024;

/// The number of the patch that leads to a generation.
const FIRST_PATCH: u32 = FILES_MAX as u32;

impl Documents {
    /// Adds a file and gives its number.
    pub fn add(&mut self, name: &str, text: String) -> u32 {
        self.files.push(Document { name: name.into(), text: Some(text.into()) });
        u32::try_from(self.files.len() - 1).unwrap_or(FIRST_PATCH)
    }

    /// These and the patch that leads to `generation`; gives its number.
    pub fn with_patch(&self, name: &str, text: &str, generation: u64) -> (Self, u32) {
        // Patches 4 billion apart share a number: it is only ever shown.
        let number = FIRST_PATCH.saturating_add((generation % u64::from(u32::MAX / 2)) as u32);
        let patch = Document { name: name.into(), text: Some(text.into()) };
        (Self { files: self.files.clone(), patch: Some((number, patch)) }, number)
    }

    /// What is kept: no texts.
    pub fn forget_texts(&mut self) {
        self.patch = None;
        for file in &mut self.files {
            file.text = None;
        }
    }

    /// The text that is being judged.
    fn current(&self) -> (u32, Option<&Document>) {
        self.patch.as_ref().map_or((0, self.files.first()), |(number, patch)| (*number, Some(patch)))
    }

    fn find(&self, number: u32) -> Option<&Document> {
        match &self.patch {
            Some((own, patch)) if *own == number => Some(patch),
            _ => self.files.get(number as usize),
        }
    }

    /// What the text of this number is called.
    pub fn name(&self, number: u32) -> String {
        match self.find(number) {
            Some(document) => document.name.to_string(),
            None => format!("the patch to generation {}", number.saturating_sub(FIRST_PATCH)),
        }
    }

    /// The text of a document, while it is there.
    pub fn text(&self, number: u32) -> Option<&str> {
        self.find(number)?.text.as_deref()
    }

    /// A mistake at a place.
    pub fn error(&self, at: Location, message: String, help: Option<String>) -> ConfigError {
        ConfigError::new(&self.name(at.document), self.text(at.document), at, message, help)
    }

    /// A mistake of the whole text that is being judged.
    pub fn whole_error(&self, message: String, help: Option<String>) -> ConfigError {
        let (_, current) = self.current();
        let name = current.map_or("", |document| &document.name);
        ConfigError { help, ..ConfigError::whole_file(name, message) }
    }

    /// A place as seen from another: `line 7`, or with the name of its text where that is another one.
    pub fn seen_from(&self, from: Location, place: Location) -> String {
        match place.document == from.document {
            true => format!("line {}", place.line),
            false => format!("line {} of {}", place.line, self.name(place.document)),
        }
    }
}
