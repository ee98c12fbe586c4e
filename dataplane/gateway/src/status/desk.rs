//! What every connection of the status needs: the pages, and the way to the threads that do what takes long.

use super::{
    Subject,
    body::Budget,
    config::{self, Terms},
    grants::Grants,
    offload::{Answering, Waiting},
    pages::Pages,
    report::Reporter,
};
use crate::{
    changes::{Change, Changes, Job, Live},
    figures::Figures,
};
use std::{rc::Rc, sync::Arc};

pub(super) struct Desk {
    pub(super) pages: Pages,
    pub(super) live: Arc<Live>,
    pub(super) reporter: Reporter,
    pub(super) waiting: Waiting,
    pub(super) budget: Budget,
    pub(super) grants: Rc<Grants>,
    changes: Changes,
}

impl Desk {
    pub(super) fn new(subject: Subject, waiting: Waiting) -> Self {
        let Subject { registry, publisher, live, changes, survival } = subject;
        let grants = Grants::new(publisher.clone());
        Self {
            pages: Pages { registry, publisher: publisher.clone(), figures: Figures::new(publisher.clone(), survival) },
            reporter: Reporter { live: live.clone(), publisher, running: Arc::default() },
            live,
            waiting,
            budget: Budget::default(),
            grants,
            changes,
        }
    }

    /// Hands a change to the updating thread.
    pub(super) fn submit(&self, change: Change, terms: Terms, answering: Answering) {
        let done = Box::new(move |outcome| answering.answer(config::answer(outcome)));
        self.changes.submit(Job { change, if_match: terms.if_match, is_dry_run: terms.is_dry_run, done });
    }
}
