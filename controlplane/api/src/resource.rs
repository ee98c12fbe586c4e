//! Records that are written whole, by their name: environments, products, plans, applications, members, tenants.
//!
//! Each says which action writes it, what it names that has to exist, and what still needs it. Listing, reading,
//! writing and deleting are the same for all, for single requests as for `apply`.

use crate::{
    answer::Answer,
    call::{self, Call, Permit},
    change::{Change, Written},
    endpoint::Outcome,
    problem::Problem,
};
use serde_json::{Map, Value, json};
use tollgate_domain::{Action, Name};
use tollgate_store::{Cursor, Expect, Page, Query, Record, Records as _, Rows, Space};

/// A record that is written whole.
pub(crate) trait Resource: Record {
    /// What writes it.
    const WRITE: Action;

    /// Whether it is for who asks; others' things are not told.
    fn is_visible(&self, _: &Permit) -> bool {
        true
    }

    /// Fills in what a request may leave out.
    fn complete(_: &mut Map<String, Value>, _: &Change<'_>) -> Result<(), Problem> {
        Ok(())
    }

    /// What is wrong in it, or names what there is not.
    fn judge(&self, change: &Change<'_>, space: Space<'_>) -> Result<(), Problem>;

    /// What has to go first, or goes with it.
    fn release(&self, change: &mut Change<'_>, space: Space<'_>) -> Result<(), Problem>;
}

/// A page as it is answered.
pub(crate) fn page<T>(page: Page<T>, shown: impl FnMut(T) -> Option<Value>) -> Answer {
    let next = page.next.as_ref().map(Cursor::write);
    let items: Vec<_> = page.rows.into_iter().filter_map(shown).collect();
    Answer::of(&json!({ "items": items, "next": next }))
}

pub(crate) fn list<R: Resource>(call: &Call, rows: &dyn Rows) -> Outcome {
    let found = rows.load_page::<R>(&call.page(Query::of(R::KIND, call.space()?))?)?;
    let permit = call.permit()?;
    Ok(page(found, |kept| kept.record.is_visible(permit).then(|| json!(kept.record))))
}

pub(crate) fn get<R: Resource>(call: &Call, rows: &dyn Rows) -> Outcome {
    let name: Name = call.named("name")?;
    let kept = rows.load::<R>(call.space()?, name.as_str())?.ok_or_else(Problem::not_found)?;
    if !kept.record.is_visible(call.permit()?) {
        return Err(Problem::not_found());
    }
    Ok(Answer::of(&kept.record).tagged(kept.etag))
}

/// Writes what the body says under the name of the path.
pub(crate) fn put<R: Resource>(change: &mut Change<'_>) -> Outcome {
    let call = change.call;
    let name: Name = call.named("name")?;
    let mut body = call.body()?;
    named(&mut body, "name", name.as_str())?;
    let record = record::<R>(body, change)?;
    let written = write(change, &record, call.expect()?)?;
    let answer = if written.is_new { Answer::created(&record) } else { Answer::of(&record) };
    Ok(answer.tagged(written.etag))
}

/// Fills in what a record is called by its path, which its body may leave out.
pub(crate) fn named(body: &mut Map<String, Value>, field: &str, name: &str) -> Result<(), Problem> {
    let said = body.entry(field).or_insert_with(|| json!(name));
    if said.as_str() == Some(name) {
        return Ok(());
    }
    Err(Problem::invalid(field, format!("the path says another {field}"), format!("write `{name}`, or leave it out")))
}

/// A record out of a JSON object.
pub(crate) fn record<R: Resource>(mut body: Map<String, Value>, change: &Change<'_>) -> Result<R, Problem> {
    R::complete(&mut body, change)?;
    call::read(body)
}

/// Writes a record, if it is right and who asks may.
pub(crate) fn write<R: Resource>(change: &mut Change<'_>, record: &R, expect: Expect) -> Result<Written, Problem> {
    let call = change.call;
    let (space, permit) = (call.space()?, call.permit()?);
    owned(change, record, permit, space)?;
    record.judge(change, space)?;
    change.save(space, record, expect, "write")
}

/// Refuses what is somebody else's: `NotFound`, as if it were not there.
fn owned<R: Resource>(change: &Change<'_>, record: &R, permit: &Permit, space: Space<'_>) -> Result<(), Problem> {
    let before = change.load::<R>(space, &record.key())?;
    let fits = before.is_none_or(|kept| kept.record.is_visible(permit)) && record.is_visible(permit);
    if fits { Ok(()) } else { Err(Problem::not_found()) }
}

pub(crate) fn delete<R: Resource>(change: &mut Change<'_>) -> Outcome {
    let name: Name = change.call.named("name")?;
    let expect = change.call.expect()?;
    erase::<R>(change, name.as_str(), expect)?;
    Ok(Answer::done())
}

/// Removes a record, if nothing needs it any more.
pub(crate) fn erase<R: Resource>(change: &mut Change<'_>, key: &str, expect: Expect) -> Result<(), Problem> {
    let call = change.call;
    let (space, permit) = (call.space()?, call.permit()?);
    let kept = change.wanted::<R>(space, key)?;
    if !kept.record.is_visible(permit) {
        return Err(Problem::not_found());
    }
    expect.check(Some(kept.etag))?;
    kept.record.release(change, space)?;
    change.remove::<R>(space, key, expect)
}

/// Whether there is a record; otherwise a refusal at `place`.
pub(crate) fn exists<R: Record>(change: &Change<'_>, space: Space<'_>, key: &str, place: &str) -> Result<(), Problem> {
    if change.load::<R>(space, key)?.is_some() {
        return Ok(());
    }
    let what = format!("there is no {} `{key}`", R::KIND);
    Err(Problem::invalid(place, what, "create it first, or name another"))
}
