//! The text log of HdrHistogram: each interval by itself, then the whole run under tags. Values are nanoseconds.
//!
//! Intervals without a tag have two decimal digits; `corrected`, `uncorrected` and the others have three. Readers of the
//! format add up the lines of one tag.

use hdrhistogram::serialization::{
    V2DeflateSerializer,
    interval_log::{IntervalLogWriterBuilder, Tag},
};
use std::{
    io,
    time::{Duration, SystemTime},
};
use tollgate_loadtest::load::{Latencies, Recording};

/// So that the column of maxima is in milliseconds.
const NANOS_PER_MILLISECOND: f64 = 1e6;

/// The log of a run that began at `started`.
///
/// # Errors
/// A histogram cannot be encoded, which cannot be for one that is within its bounds.
pub fn hdr_log(recording: &Recording, started: SystemTime) -> io::Result<Vec<u8>> {
    let (mut text, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("tollgate load: nanoseconds; without a tag corrected latencies by interval, with one whole runs")
        .with_start_time(started)
        .with_base_time(started)
        .with_max_value_divisor(NANOS_PER_MILLISECOND)
        .begin_log_with(&mut text, &mut serializer)?;
    let mut write = |latencies: &Latencies, at, long, tag: Option<&str>| {
        log.write_histogram(latencies.histogram(), at, long, tag.and_then(Tag::new)).map_err(io::Error::other)
    };
    let width = recording.series.width();
    for (index, interval) in recording.series.intervals().iter().enumerate() {
        write(&interval.latencies, width * index as u32, width, None)?;
    }
    let whole = [
        ("corrected", &recording.corrected),
        ("uncorrected", &recording.uncorrected),
        ("slip", &recording.slip),
        ("waited", &recording.waited),
        ("connect", &recording.connect),
        ("handshake", &recording.handshake),
        ("first_byte", &recording.first_byte),
        ("first_event", &recording.first_event),
        ("event_gap", &recording.event_gap),
    ];
    for (tag, latencies) in whole.into_iter().filter(|(_, latencies)| latencies.count() > 0) {
        write(latencies, Duration::ZERO, recording.elapsed, Some(tag))?;
    }
    Ok(text)
}
