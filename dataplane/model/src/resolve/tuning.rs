//! `tuning`: the keys that are written over the values of the profile.

use std::time::Duration;

use super::{node::shape_or, report::Report};
use crate::{
    limits as bounds,
    raw::{self, OrWord, Spanned, Text},
    tuning::{BALANCED, FixedTuning, LiveTuning, PROFILES, Tuning},
};
use tollgate_document::{Count, Quantity as _, Size};

/// Whether the kernel may use them.
const HUGE_PAGES: [(&str, bool); 2] = [("allowed", true), ("off", false)];

/// What a buffer has besides the largest head: room in front and for what is added.
const HEAD_ROOM: u64 = 1 << 10;

pub(super) fn tuning(report: &mut Report<'_>, raw: Option<&Spanned<raw::Tuning>>, head_bytes: usize) -> Tuning {
    let Spanned { value: raw, .. } = raw.cloned().unwrap_or_default();
    let Tuning { fixed, live } = report.word(raw.profile.as_ref(), "profile", &PROFILES, BALANCED);
    let mut count = |raw: &Option<Text>, range, default: usize| {
        report.quantity_or(raw.as_ref(), range, Count(default as u64)).index()
    };
    let live = LiveTuning {
        busy_connections: count(&raw.busy_connections, &bounds::BUSY_CONNECTIONS, live.busy_connections),
        handshakes_per_turn: count(&raw.handshakes_per_turn, &bounds::HANDSHAKES, live.handshakes_per_turn as usize)
            as u32,
        park_after: live.park_after,
    };
    let fixed = FixedTuning {
        buffers_kept: count(&raw.buffers_kept, &bounds::BUFFERS_KEPT, fixed.buffers_kept),
        turn_budget: count(&raw.turn_budget, &bounds::TURN_BUDGET, fixed.turn_budget),
        task_budget: count(&raw.task_budget, &bounds::TASK_BUDGET, fixed.task_budget as usize) as u32,
        backlog: count(&raw.backlog, &bounds::BACKLOG, fixed.backlog as usize) as u32,
        ..fixed
    };
    Tuning {
        fixed: FixedTuning {
            ring_entries: ring_entries(report, raw.ring_entries.as_ref(), fixed.ring_entries),
            buffer_bytes: buffer_bytes(report, raw.buffer_bytes.as_ref(), fixed.buffer_bytes, head_bytes),
            spin: spin(report, raw.idle.as_ref(), fixed.spin),
            offload_threads: threads(report, raw.offload_threads.as_ref(), fixed.offload_threads),
            huge_pages: report.word(raw.huge_pages.as_ref(), "huge_pages", &HUGE_PAGES, fixed.huge_pages),
            ..fixed
        },
        live: LiveTuning {
            park_after: report.quantity_or(raw.park_after.as_ref(), &bounds::DURATION, live.park_after),
            ..live
        },
    }
}

fn ring_entries(report: &mut Report<'_>, raw: Option<&Text>, default: u32) -> u32 {
    let Some(raw) = raw else { return default };
    let Some(Count(entries)) = report.quantity(raw, &bounds::RING_ENTRIES) else { return default };
    if !entries.is_power_of_two() {
        let above = entries.next_power_of_two();
        let help = format!("write {} or {above}", above / 2);
        report.error(raw.referenced, "`ring_entries` is not a power of two".to_owned(), Some(help));
        return default;
    }
    entries as u32
}

/// What is written has to fit; a default grows with the heads that may come.
fn buffer_bytes(report: &mut Report<'_>, raw: Option<&Text>, default: usize, head_bytes: usize) -> usize {
    let least = Size(head_bytes as u64 + HEAD_ROOM);
    let default = Size((default as u64).max(least.0));
    let bytes = report.quantity_or(raw, &bounds::TUNED_BUFFER_BYTES, default);
    if let Some(raw) = raw.filter(|_| bytes < least) {
        let help = format!("at least {}, or lower `limits.head_bytes`", least.show());
        report.error(raw.referenced, "`buffer_bytes` holds no head of `limits.head_bytes`".to_owned(), Some(help));
    }
    bytes.index()
}

fn spin(report: &mut Report<'_>, raw: Option<&Spanned<OrWord<raw::Spin>>>, default: Duration) -> Duration {
    let Some(raw) = raw else { return default };
    let Some(spin) = shape_or(report, raw, "block") else { return Duration::ZERO };
    let micros = report.required(spin.spin_us.as_ref(), "spin_us", raw.referenced);
    let micros = micros.and_then(|micros| report.quantity(micros, &bounds::SPIN_US));
    micros.map_or(default, |Count(micros)| Duration::from_micros(micros))
}

/// The word asks for the rule that a profile may have replaced.
fn threads(report: &mut Report<'_>, raw: Option<&Text>, default: Option<usize>) -> Option<usize> {
    match raw {
        None => default,
        raw => report.quantity_or_word(raw, "auto", &bounds::OFFLOAD_THREADS).map(Count::index),
    }
}
