//! Where access records go, when their file is closed and which closed ones stay.

use super::{
    node::{path, shape_or},
    report::Report,
};
use crate::{
    limits as bounds,
    raw::{self, OrWord, Spanned, Text},
    snapshot::{AccessLog, Keep, LogFile, LogWriter, Rotate},
};
use tollgate_document::{Count, Size};

pub(super) fn access_log(report: &mut Report<'_>, raw: Option<&Spanned<OrWord<raw::AccessLog>>>) -> AccessLog {
    let Some(raw) = raw else { return AccessLog::Stdout };
    let Some(log) = shape_or(report, raw, "off") else {
        return AccessLog::Off;
    };
    report.word(log.format.as_ref(), "format", &[("json", ())], ());
    let writer = writer(report, log.writer.as_ref());
    let rotate = log.rotate.as_ref().map(|raw| rotate(report, raw)).unwrap_or_default();
    let keep = log.keep.as_ref().map(|raw| keep(report, raw)).unwrap_or_default();
    if let Some(keep) = log.keep.as_ref().filter(|_| log.rotate.is_none()) {
        let help = "write `rotate: { size: 100MiB }` too, or take `keep` away".to_owned();
        report.error(keep.referenced, "`keep` has no meaning without `rotate`".to_owned(), Some(help));
    }
    let file = report.required(log.path.as_ref(), "path", raw.referenced);
    let file = file.and_then(|file| path(report, file, "path"));
    file.map_or(AccessLog::Stdout, |path| AccessLog::File(LogFile { path, writer, rotate, keep }))
}

fn writer(report: &mut Report<'_>, raw: Option<&Text>) -> LogWriter {
    let words = [("auto", LogWriter::Auto), ("direct", LogWriter::Direct), ("plain", LogWriter::Plain)];
    report.word(raw, "writer", &words, LogWriter::Plain)
}

fn rotate(report: &mut Report<'_>, raw: &Spanned<raw::Rotate>) -> Rotate {
    let raw::Rotate { size, every } = &raw.value;
    if size.is_none() && every.is_none() {
        let help = "write one of them, like `rotate: { size: 100MiB }`".to_owned();
        report.error(raw.referenced, "`rotate` has neither `size` nor `every`".to_owned(), Some(help));
    }
    Rotate {
        size: size.as_ref().and_then(|size| report.quantity(size, &bounds::SEGMENT_BYTES)).map(|size| size.0),
        every: every.as_ref().and_then(|every| report.quantity(every, &bounds::SEGMENT_EVERY)),
    }
}

fn keep(report: &mut Report<'_>, raw: &Spanned<raw::Keep>) -> Keep {
    let raw::Keep { files, bytes, age } = &raw.value;
    if files.is_none() && bytes.is_none() && age.is_none() {
        let help = "write one of them, like `keep: { files: 10 }`, or take `keep` away".to_owned();
        report.error(raw.referenced, "`keep` has none of `files`, `bytes` and `age`".to_owned(), Some(help));
    }
    Keep {
        files: files.as_ref().and_then(|files| report.quantity(files, &bounds::KEPT_FILES)).map(Count::index),
        bytes: bytes.as_ref().and_then(|bytes| report.quantity(bytes, &bounds::KEPT_BYTES)).map(|Size(bytes)| bytes),
        age: age.as_ref().and_then(|age| report.quantity(age, &bounds::KEPT_AGE)),
    }
}
