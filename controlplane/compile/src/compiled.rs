//! What was compiled, and the change from one state of the records to the next.
//!
//! ```text
//! changes -> Affected: parts -> items of each -> judged -> no two at one place -> Delta, and what is remembered
//! ```
//!
//! Remembered is what a later change needs: of each part the names of its items with a hash, and which requests its routes take;
//! of an application, of which there may be a million, a hash of its name and of its text. A part with a mistake stays
//! as it was, whole, and is told; so do later parts that take requests which another one takes. Deltas applied one after
//! the other give what a compilation from the beginning gives, as long as nothing fails.

use crate::{
    affected::{Affected, Before, Products},
    api, application,
    delta::{Delta, Failure, Item, Kind, Note, Part},
    judge::{Footprint, judge},
    names, plan,
    settings::Settings,
    source::{Change, Source},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher as _},
};
use tollgate_domain::{Code, Name, Refusal};

/// Tenant and part.
type Key = (Name, Part);

/// What was compiled.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    settings: Settings,
    /// All parts but applications.
    parts: BTreeMap<Key, Kept>,
    /// Hash of the name -> hash of the text.
    applications: BTreeMap<u128, u64>,
    /// The names of all plans that are items.
    plans: BTreeSet<String>,
    products: Products,
    footprints: BTreeMap<Footprint, Key>,
    /// The sum over all items.
    digest: u64,
}

/// What is remembered of a part.
#[derive(Clone, Debug, Default)]
struct Kept {
    /// Item -> hash of its text.
    items: BTreeMap<(Kind, String), u64>,
    footprints: Vec<Footprint>,
}

/// What a change comes to, before it is made.
#[derive(Default)]
struct Staged {
    parts: BTreeMap<Key, (Vec<Item>, Kept)>,
    /// Name of an application -> its item; `None`: gone.
    applications: BTreeMap<String, Option<Item>>,
    /// Whether plans are items, where that changes.
    plans: BTreeMap<String, bool>,
    failed: Vec<Failure>,
    notes: Vec<Note>,
}

impl Compiled {
    /// Nothing yet, for nodes with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Compiles what `changes` touch and remembers it.
    ///
    /// # Errors
    /// What the store says; nothing is remembered then. Mistakes in records are in `Delta::failed`.
    pub fn compile<S: Source>(&mut self, source: &S, changes: &[Change]) -> Result<Delta, S::Error> {
        let (affected, staged) = self.stage(source, changes)?;
        let delta = self.delta(&staged);
        self.remember(affected.products, staged);
        Ok(delta)
    }

    /// What [`compile`](Self::compile) would give, without remembering it: for a change that is tried first.
    ///
    /// # Errors
    /// As `compile`.
    pub fn preview<S: Source>(&self, source: &S, changes: &[Change]) -> Result<Delta, S::Error> {
        let (_, staged) = self.stage(source, changes)?;
        Ok(self.delta(&staged))
    }

    /// What all items come to: the same for the same items, in whichever order they came. Of this build of the program only.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    fn stage<S: Source>(&self, source: &S, changes: &[Change]) -> Result<(Affected, Staged), S::Error> {
        let apis = |tenant: &Name| self.apis(tenant);
        let before = Before { products: &self.products, apis: &apis };
        let mut affected = Affected::of(source, &before, changes)?;
        let mut staged = Staged::default();
        // In the order of parts, so that plans are there before the applications that need them.
        while let Some((tenant, part)) = affected.parts.pop_first() {
            let more = self.part(source, &tenant, &part, &mut staged)?;
            affected.parts.extend(more.into_iter().map(|name| (tenant.clone(), Part::Application(name))));
        }
        self.settle(&mut staged);
        Ok((affected, staged))
    }

    /// Compiles one part. Gives the applications that have to be compiled again because of it.
    fn part<S: Source>(
        &self,
        source: &S,
        tenant: &Name,
        part: &Part,
        staged: &mut Staged,
    ) -> Result<BTreeSet<Name>, S::Error> {
        let mut more = BTreeSet::new();
        let (items, notes) = match part {
            Part::Plan(name) => {
                let plan = source.plan(tenant, name)?;
                (plan.iter().map(|plan| plan::of_tenant(tenant, plan)).collect(), Vec::new())
            }
            Part::Target(target) => plan::of_target(source, tenant, target)?,
            Part::Api(environment, name) => {
                let api = api::compile(source, &self.settings, (tenant, environment, name))?;
                let failure =
                    |(api, refusals)| Failure { tenant: tenant.clone(), part: part.clone(), api: Some(api), refusals };
                if !api.failed.is_empty() {
                    staged.failed.extend(api.failed.into_iter().map(failure));
                    return Ok(more);
                }
                (api.items, api.notes)
            }
            Part::Application(name) => {
                let has_plan =
                    |plan: &str| staged.plans.get(plan).copied().unwrap_or_else(|| self.plans.contains(plan));
                let issuer = self.settings.issuer.as_deref();
                let application = application::compile(source, (tenant, name), issuer, &has_plan)?;
                staged.note(tenant, part, application.notes);
                staged.applications.insert(names::application(tenant, name), application.item);
                return Ok(more);
            }
        };
        staged.note(tenant, part, notes);
        if self.put(tenant, part, items, staged) {
            match part {
                Part::Plan(plan) => more = source.applications_under(tenant, plan)?,
                Part::Target(target) => more = source.subscribers(tenant, target)?,
                Part::Api(..) | Part::Application(_) => {}
            }
        }
        Ok(more)
    }

    /// Stages the items of a part, if they differ and the contract takes them. Tells whether plans come or go.
    fn put(&self, tenant: &Name, part: &Part, items: Vec<Item>, staged: &mut Staged) -> bool {
        let key = (tenant.clone(), part.clone());
        let now: BTreeMap<_, _> = items.iter().map(|item| ((item.kind, item.name.clone()), hash(&item.text))).collect();
        let before = self.parts.get(&key).map(|kept| &kept.items);
        if before.map_or(now.is_empty(), |before| *before == now) {
            return false;
        }
        let footprints = match judge(&self.settings, &items) {
            Ok(footprints) => footprints,
            Err(refusals) => {
                staged.failed.push(Failure { tenant: key.0, part: key.1, api: None, refusals });
                return false;
            }
        };
        let is_plan = |(kind, _): &&(Kind, String)| *kind == Kind::Plan;
        let none = BTreeMap::new();
        let before = before.unwrap_or(&none);
        let gone = before.keys().filter(is_plan).filter(|item| !now.contains_key(*item));
        let come = now.keys().filter(is_plan).filter(|item| !before.contains_key(*item));
        let flips = gone.map(|(_, name)| (name.clone(), false)).chain(come.map(|(_, name)| (name.clone(), true)));
        let flips: Vec<_> = flips.collect();
        let has_flips = !flips.is_empty();
        staged.plans.extend(flips);
        staged.parts.insert(key, (items, Kept { items: now, footprints }));
        has_flips
    }

    /// Takes parts out that take the requests of another, until none does.
    fn settle(&self, staged: &mut Staged) {
        while let Some((key, owner)) = self.conflict(&staged.parts) {
            let what = format!("{} takes the same requests already", owner.1);
            let whose = if owner.0 == key.0 {
                what
            } else {
                "an API of another tenant takes the same requests already".to_owned()
            };
            let remedy = "give one of them another base path, host or version, or withdraw it";
            let refusals = vec![Refusal::new(Code::InUse, "base_path", whose, remedy)];
            staged.parts.remove(&key);
            staged.failed.push(Failure { tenant: key.0, part: key.1, api: None, refusals });
        }
    }

    /// A part, and one that takes some of its requests.
    fn conflict(&self, staged: &BTreeMap<Key, (Vec<Item>, Kept)>) -> Option<(Key, Key)> {
        let mut taken: BTreeMap<Footprint, &Key> = BTreeMap::new();
        for (key, (_, kept)) in staged {
            for footprint in &kept.footprints {
                let before = self.footprints.get(footprint).filter(|owner| !staged.contains_key(*owner));
                if let Some(owner) = before.or_else(|| taken.get(footprint).copied()) {
                    return Some((key.clone(), owner.clone()));
                }
                taken.insert(*footprint, key);
            }
        }
        None
    }

    fn delta(&self, staged: &Staged) -> Delta {
        let mut delta = Delta { failed: staged.failed.clone(), notes: staged.notes.clone(), ..Delta::default() };
        let none = BTreeMap::new();
        for (key, (items, kept)) in &staged.parts {
            let before = self.parts.get(key).map_or(&none, |kept| &kept.items);
            for item in items {
                let name = (item.kind, item.name.clone());
                if before.get(&name) != kept.items.get(&name) {
                    delta.set.insert(name, item.text.clone());
                }
            }
            delta.remove.extend(before.keys().filter(|name| !kept.items.contains_key(*name)).cloned());
        }
        for (name, item) in &staged.applications {
            let before = self.applications.get(&key_of(name)).copied();
            match item {
                Some(item) if before != Some(hash(&item.text)) => {
                    delta.set.insert((Kind::Application, name.clone()), item.text.clone());
                }
                None if before.is_some() => drop(delta.remove.insert((Kind::Application, name.clone()))),
                _ => {}
            }
        }
        // A name may have gone from one part to another.
        let set = &delta.set;
        delta.remove.retain(|name| !set.contains_key(name));
        delta
    }

    fn remember(&mut self, products: BTreeMap<(Name, Name), Option<Vec<tollgate_domain::ProductApi>>>, staged: Staged) {
        for key in staged.parts.keys() {
            let old = self.parts.remove(key).unwrap_or_default();
            self.digest = self.digest.wrapping_sub(sum(&old.items));
            old.footprints.iter().for_each(|footprint| drop(self.footprints.remove(footprint)));
        }
        for (key, (_, kept)) in staged.parts {
            self.footprints.extend(kept.footprints.iter().map(|footprint| (*footprint, key.clone())));
            self.digest = self.digest.wrapping_add(sum(&kept.items));
            if !kept.items.is_empty() {
                self.parts.insert(key, kept);
            }
        }
        for (plan, is_there) in staged.plans {
            if is_there {
                self.plans.insert(plan)
            } else {
                self.plans.remove(&plan)
            };
        }
        for (name, item) in staged.applications {
            let key = key_of(&name);
            let before = match &item {
                Some(item) => self.applications.insert(key, hash(&item.text)),
                None => self.applications.remove(&key),
            };
            let now = item.map(|item| one(&(key, hash(&item.text))));
            self.digest = self.digest.wrapping_sub(before.map_or(0, |text| one(&(key, text))));
            self.digest = self.digest.wrapping_add(now.unwrap_or(0));
        }
        for (key, contents) in products {
            match contents {
                Some(contents) => self.products.insert(key, contents),
                None => self.products.remove(&key),
            };
        }
    }

    /// The environments and names of the APIs of a tenant that have items.
    fn apis(&self, tenant: &Name) -> Vec<(Name, Name)> {
        let of_tenant = self.parts.keys().filter(|(of, _)| of == tenant);
        let apis = of_tenant.filter_map(|(_, part)| match part {
            Part::Api(environment, name) => Some((environment.clone(), name.clone())),
            _ => None,
        });
        apis.collect()
    }
}

impl Staged {
    fn note(&mut self, tenant: &Name, part: &Part, messages: Vec<String>) {
        let note = |message| Note { tenant: tenant.clone(), part: part.clone(), message };
        self.notes.extend(messages.into_iter().map(note));
    }
}

/// The same in every run, which the hasher of a map is not.
fn hash(text: &str) -> u64 {
    one(text)
}

fn one<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// What the items of a part come to.
fn sum(items: &BTreeMap<(Kind, String), u64>) -> u64 {
    items.iter().fold(0, |sum, item| sum.wrapping_add(one(&item)))
}

/// Wide enough that no two of millions meet.
fn key_of(name: &str) -> u128 {
    let salted = format!("{name}\n");
    u128::from(hash(name)) << 64 | u128::from(hash(&salted))
}
