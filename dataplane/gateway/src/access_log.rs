//! From the access log of a snapshot to a running journal and one sink per worker.
//!
//! Nothing is started, and no ring is opened, where access records go nowhere. The direct writer is only asked for where
//! the kernel grants io_uring: the library behind it would end the process.

use crate::{StartError, error::Part, limits::log_blocks};
use std::{io, iter};
use tollgate_journal::{Destination, Journal, LogFile, Retention, Rotation, Writer};
use tollgate_model::{self as model, AccessLog, LogWriter};
use tollgate_ring::preflight;
use tollgate_telemetry::{LogSink, Registry, log_queue};

/// Starts the journal, unless access records go nowhere, and makes one sink per worker.
pub(crate) fn start(
    log: &AccessLog,
    registry: &Registry,
    workers: usize,
) -> Result<(Option<Journal>, Vec<Option<LogSink>>), StartError> {
    let destination = match log {
        AccessLog::Off => return Ok((None, iter::repeat_with(|| None).take(workers).collect())),
        AccessLog::Stdout => Destination::Stdout,
        AccessLog::File(file) => Destination::File(log_file(file).map_err(part(log).failed())?),
    };
    let (sender, source) = log_queue(log_blocks(workers), registry);
    let journal = Journal::start(destination, source).map_err(part(log).failed())?;
    let sinks = (0..workers).map(|index| Some(sender.sink(registry.worker(index)))).collect();
    Ok((Some(journal), sinks))
}

const fn part(log: &AccessLog) -> Part {
    Part::AccessLog { is_direct: matches!(log, AccessLog::File(model::LogFile { writer: LogWriter::Direct, .. })) }
}

fn log_file(file: &model::LogFile) -> io::Result<LogFile> {
    Ok(LogFile {
        path: file.path.clone(),
        writer: writer(file.writer)?,
        rotation: Rotation { size: file.rotate.size, every: file.rotate.every },
        retention: Retention { files: file.keep.files, bytes: file.keep.bytes, age: file.keep.age },
    })
}

fn writer(wanted: LogWriter) -> io::Result<Writer> {
    let (writer, refusal) = match wanted {
        LogWriter::Plain => return Ok(Writer::Plain),
        LogWriter::Direct => (Writer::Direct, preflight::uring_support().err()),
        LogWriter::Auto => (Writer::Auto, preflight::uring_support().err()),
    };
    match refusal {
        None => Ok(writer),
        Some(error) if wanted == LogWriter::Direct => Err(error),
        Some(error) => {
            eprintln!("tollgate: the access log is written without direct I/O: {error}");
            Ok(Writer::Plain)
        }
    }
}
