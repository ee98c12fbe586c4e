//! Copies of answers, made while they pass, of upstreams whose breaker has them for a fallback.
//!
//! ```text
//! head of the answer -> Ruling -> Drafting ~ body as it is relayed -> whole: Store::keep
//!                                                `--> cut off, too large: as if nothing had been
//! ```
//!
//! Each worker has stores of its own, one by upstream, each with an equal part of what the node may keep. A store lasts as
//! long as its upstream and its key `cache` do, over any number of snapshots. All other upstreams cost a look at a pointer.
//! Crate `cache` decides; here is what it needs to know, and the bytes.

use crate::{
    Program,
    body::{Part, Sink, Source},
    exchange::Machine,
    forward::Forward,
    program::UpstreamProgram,
    relay::relay,
    state::Worker,
    throttle::Metered,
};
use ahash::AHashMap;
use std::{
    cell::{RefCell, RefMut},
    rc::Rc,
};
use tollgate_cache::{Draft, Kept, Now, Request, Ruling, Store};
use tollgate_http::{BodyLength, FieldEdits, Reason, ResponseHead, write_request};
use tollgate_io::{Buffer, Io};
use tollgate_model::Cache;
use tollgate_policy::Chain;

/// The stores of a worker, by name of the upstream.
#[derive(Default)]
pub(crate) struct Stores(RefCell<AHashMap<Box<str>, Counted>>);

/// A store, and where its upstream is counted.
#[derive(Clone)]
struct Counted {
    store: Rc<RefCell<Store>>,
    figures: u32,
}

/// A request of an upstream whose answers are copied.
pub(crate) struct Copying {
    request: Request,
    counted: Counted,
    rules: Cache,
}

/// A copy that is being made. Without [`Drafting::finish`] nothing is kept of it.
pub(crate) struct Drafting<'a, I: Io> {
    worker: &'a Worker<I>,
    copying: &'a Copying,
    draft: Option<Box<Draft>>,
    /// Bytes of the store.
    reserved: usize,
}

/// The body of an answer that is copied on its way.
struct Copied<'c, 'a, S, I: Io> {
    source: &'c mut S,
    drafting: &'c mut Drafting<'a, I>,
}

/// What copies are kept of an upstream's answers, if it has them for a fallback.
pub(crate) fn rules_of(upstream: &UpstreamProgram) -> Option<&Cache> {
    upstream.upstream.breaker.as_ref()?.cache()
}

impl<I: Io> Worker<I> {
    /// The times that copies are judged by.
    fn copy_time(&self) -> Now {
        let now = self.io.now();
        Now { monotonic_ns: now.nanos(), unix_s: self.io.wall(now).0 / 1_000_000_000 }
    }

    /// The store of this upstream, made when it is first asked for. `None` for one that is no longer run, so that no
    /// exchange of an older program brings it back.
    fn store(&self, upstream: &UpstreamProgram, rules: &Cache) -> Option<Counted> {
        let name = &*upstream.upstream.name;
        let mut stores = self.stores.0.borrow_mut();
        if let Some(counted) = stores.get(name) {
            return Some(counted.clone());
        }
        self.program().upstream_named(name).and_then(rules_of)?;
        let store = Rc::new(RefCell::new(Store::new(self.part_of(rules))));
        let counted = Counted { store, figures: upstream.figures };
        stores.insert(name.into(), counted.clone());
        Some(counted)
    }

    /// Drops the stores that `program` has no use for, and takes its bounds over for the others.
    pub(crate) fn sweep_stores(&self, program: &Program) {
        self.stores.0.borrow_mut().retain(|name, counted| {
            let rules = program.upstream_named(name).and_then(rules_of);
            // An exchange that still has a store that goes can keep nothing in it.
            counted.store.borrow_mut().resize(rules.map_or(0, |rules| self.part_of(rules)));
            counted.measure(self);
            rules.is_some()
        });
    }

    fn part_of(&self, rules: &Cache) -> usize {
        usize::try_from(rules.bytes_max).unwrap_or(usize::MAX) / self.peers.workers().max(1)
    }
}

impl<I: Io> Machine<'_, '_, I> {
    /// The request as the endpoints of `upstream` are sent it, if their answers are copied and this one could be one of
    /// them.
    pub(crate) fn copying(
        &self,
        received: &[u8],
        upstream: &UpstreamProgram,
        target: &[u8],
        body: BodyLength,
    ) -> Option<Copying> {
        let rules = *rules_of(upstream)?;
        if self.facts.method.is_safe() && !body.is_empty() {
            // What it asks for is in its body as well.
            return None;
        }
        let worker = &self.connection.worker;
        let mut buffer = worker.io.buffers().take();
        let len = write_request(buffer.spare_mut(), self.index.head(received), &self.forwarded_as(target, b"")).ok()?;
        buffer.grow(len);
        let set = self.chain().and_then(Chain::request_edits).map_or(&[][..], FieldEdits::lines);
        let request = Request::new(buffer.bytes(), self.connection.scheme(), set)?;
        Some(Copying { request, counted: worker.store(upstream, &rules)?, rules })
    }
}

impl Copying {
    /// What becomes of the answer with this head: a copy, if there may be one.
    pub(crate) fn begin<'a, I: Io>(
        &'a self,
        worker: &'a Worker<I>,
        head: &ResponseHead<'_>,
    ) -> Option<Box<Drafting<'a, I>>> {
        match Ruling::on(&self.request, head, &self.rules, worker.copy_time()) {
            Ruling::Copy(draft) => {
                return Some(Box::new(Drafting { worker, copying: self, draft: Some(draft), reserved: 0 }));
            }
            Ruling::ForgetUri => self.store().forget(&self.request),
            Ruling::ForgetCopy => self.store().discard(&self.request),
            Ruling::Nothing => return None,
        }
        self.counted.measure(worker);
        None
    }

    /// The copy that is the answer to the request, and its head.
    pub(crate) fn find<I: Io>(&self, worker: &Worker<I>) -> Option<(Rc<Kept>, Vec<u8>)> {
        let now_ns = worker.io.now().nanos();
        let kept = self.store().find(&self.request, &self.rules, now_ns)?;
        let head = kept.head(&self.request, now_ns);
        Some((kept, head))
    }

    /// Borrowed for less than a step: nothing is awaited with it.
    fn store(&self) -> RefMut<'_, Store> {
        self.counted.store.borrow_mut()
    }
}

impl Counted {
    fn measure<I: Io>(&self, worker: &Worker<I>) {
        worker.metrics.upstream_cache_bytes(self.figures).set(self.store.borrow().bytes() as u64);
    }
}

impl<I: Io> Drafting<'_, I> {
    /// Copies a part of the body; gives up if there is no room for it.
    fn take(&mut self, part: &Part) {
        let Some(buffer) = &part.buffer else { return };
        for (start, end) in part.slices().into_iter().filter(|(start, end)| start < end) {
            let bytes = buffer.storage().get(start as usize..end as usize).unwrap_or_default();
            let Some(draft) = &mut self.draft else { return };
            let mut store = self.copying.store();
            match draft.wants(bytes.len()).filter(|&more| store.reserve(more)) {
                Some(more) => {
                    self.reserved += more;
                    draft.push(bytes);
                }
                None => {
                    // What there was before is not what the upstream says now.
                    store.discard(&self.copying.request);
                    self.draft = None;
                }
            }
        }
    }

    /// Keeps the copy of an answer that is whole.
    fn finish(mut self) {
        let mut store = self.copying.store();
        store.release(std::mem::take(&mut self.reserved));
        if let Some(draft) = self.draft.take() {
            store.keep(&self.copying.request, *draft);
        }
    }
}

impl<I: Io> Drop for Drafting<'_, I> {
    fn drop(&mut self) {
        self.copying.store().release(self.reserved);
        self.copying.counted.measure(self.worker);
    }
}

impl<I: Io> Forward<'_, '_, I> {
    /// Relays the body of a response, charged for if a rule says so.
    pub(crate) async fn relay_body(&self, body: &mut impl Source, reply: &mut impl Sink) -> Result<(), Reason> {
        match &self.meter {
            Some(meter) if meter.rules.charges_response() => {
                relay(&mut Metered { source: body, forward: self, meter }, reply).await
            }
            _ => relay(body, reply).await,
        }
    }

    /// The same, with a copy that is kept when all of it has passed.
    pub(crate) async fn relay_copied(
        &self,
        body: &mut impl Source,
        reply: &mut impl Sink,
        mut drafting: Box<Drafting<'_, I>>,
    ) -> Result<(), Reason> {
        self.relay_body(&mut Copied { source: body, drafting: &mut drafting }, reply).await?;
        drafting.finish();
        Ok(())
    }
}

impl<S: Source, I: Io> Source for Copied<'_, '_, S, I> {
    fn ready(&mut self) -> Result<Option<Part>, Reason> {
        let part = self.source.ready()?;
        part.iter().for_each(|part| self.drafting.take(part));
        Ok(part)
    }

    async fn next(&mut self) -> Result<Part, Reason> {
        let part = self.source.next().await?;
        self.drafting.take(&part);
        Ok(part)
    }

    fn give_back(&mut self, buffer: Option<Buffer>) {
        self.source.give_back(buffer);
    }
}
