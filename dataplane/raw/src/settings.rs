//! The keys of a file that are no lists of items, one by one: to merge those of an included file, to lay those of a patch
//! over them, to take one away.
//!
//! [`File::settings`] names every field of [`File`], so that a new key cannot be forgotten: without it the crate does not
//! build.

use std::any::Any;

use super::{File, Location, Spanned};

/// A key of a file, as written.
pub trait Setting {
    /// Where its value stands; `None` when it is left out.
    fn place(&self) -> Option<Location>;

    /// Takes the value of the same key of another file.
    fn take(&mut self, other: &mut dyn Any);

    /// Leaves it out.
    fn clear(&mut self);

    /// For [`Setting::take`].
    fn as_any(&mut self) -> &mut dyn Any;
}

impl<T: 'static> Setting for Option<Spanned<T>> {
    fn place(&self) -> Option<Location> {
        self.as_ref().map(|value| value.referenced)
    }

    fn take(&mut self, other: &mut dyn Any) {
        if let Some(other) = other.downcast_mut::<Self>() {
            *self = other.take();
        }
    }

    fn clear(&mut self) {
        *self = None;
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

impl File {
    /// Every key but the lists of items and `include`, always in the same order.
    pub fn settings(&mut self) -> Vec<(&'static str, &mut dyn Setting)> {
        let Self {
            include: _,
            listeners: _,
            upstreams: _,
            routes: _,
            plans: _,
            applications: _,
            version,
            workers,
            io,
            status,
            access_log,
            defaults,
            policy_sets,
            trusted_proxies,
            forwarded,
            tracing,
            dns,
            shedding,
            quota_store,
            cluster,
            limits,
            timeouts,
            tuning,
        } = self;
        vec![
            ("version", version),
            ("workers", workers),
            ("io", io),
            ("status", status),
            ("access_log", access_log),
            ("defaults", defaults),
            ("policy_sets", policy_sets),
            ("trusted_proxies", trusted_proxies),
            ("forwarded", forwarded),
            ("tracing", tracing),
            ("dns", dns),
            ("shedding", shedding),
            ("quota_store", quota_store),
            ("cluster", cluster),
            ("limits", limits),
            ("timeouts", timeouts),
            ("tuning", tuning),
        ]
    }

    /// Whether a setting is written.
    pub fn has_settings(&mut self) -> bool {
        self.settings().iter().any(|(_, setting)| setting.place().is_some())
    }

    /// Takes each setting that `other` has. `both` is told of those that were here too: key, first and second place.
    pub fn lay_over(&mut self, mut other: Self, mut both: impl FnMut(&'static str, Location, Location)) {
        for ((key, own), (_, other)) in self.settings().into_iter().zip(other.settings()) {
            let Some(second) = other.place() else { continue };
            if let Some(first) = own.place() {
                both(key, first, second);
            }
            own.take(other.as_any());
        }
    }
}
