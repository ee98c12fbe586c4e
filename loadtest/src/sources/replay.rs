//! A replay: the requests of an access log at the distances in which they came.
//!
//! Tollgate's own JSON lines, and the common and combined formats of other servers, also mixed. Lines are ordered by their
//! time, since a log has them in the order in which exchanges ended. Logs with whole seconds have their requests spread over
//! each second, or all would come at once. Unsafe methods are left out unless they are asked for: a log has no bodies.

use super::{SourceError, Sourced, checked, is_safe, limits::LINE_BYTES_MAX};
use crate::{
    load::{Request, limits::REQUESTS_MAX},
    times,
};
use serde::Deserialize;
use std::{
    io::{BufRead, Read as _},
    path::Path,
    time::Duration,
};

/// One line of a log.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    number: u64,
    /// Milliseconds since 1970.
    time: i64,
    /// Whether the log has no parts of a second.
    is_whole_second: bool,
    method: String,
    host: Option<String>,
    path: String,
}

#[derive(Default)]
struct LeftOut {
    unsafe_methods: u64,
    cut: u64,
    unreadable: u64,
    first_unreadable: Option<(u64, String)>,
}

/// Reads the access log at `path`.
///
/// # Errors
/// It cannot be read, has too many lines, or none that can be replayed.
pub fn read(path: &Path, mut log: impl BufRead, all_methods: bool) -> Result<Sourced, SourceError> {
    let name = path.display().to_string();
    let (mut lines, mut left_out, mut text) = (Vec::new(), LeftOut::default(), Vec::new());
    for number in 1_u64.. {
        text.clear();
        let read = log.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut text);
        if read.map_err(|error| SourceError::new(name.clone(), error.to_string()))? == 0 {
            break;
        }
        match line(number, &String::from_utf8_lossy(&text)) {
            Ok(None) => {}
            Ok(Some(line)) if line.path.ends_with('…') => left_out.cut += 1,
            Ok(Some(line)) if !all_methods && !is_safe(&line.method) => left_out.unsafe_methods += 1,
            Ok(Some(line)) => lines.push(line),
            Err(what) => left_out.unreadable(number, what),
        }
        if lines.len() > REQUESTS_MAX {
            let what = format!("more than {REQUESTS_MAX} requests: cut the log into parts");
            return Err(SourceError::new(name, what));
        }
    }
    replay(&name, lines, left_out)
}

fn replay(name: &str, mut lines: Vec<Line>, mut left_out: LeftOut) -> Result<Sourced, SourceError> {
    lines.sort_by_key(|line| line.time);
    let times = spread(&lines);
    let mut found = Sourced::default();
    let mut first = None;
    for (line, time) in lines.into_iter().zip(times) {
        let number = line.number;
        match checked(line.request()) {
            Ok(mut request) => {
                let since = (time - *first.get_or_insert(time)).max(0.0);
                request.at = Some(Duration::from_secs_f64(since / 1000.0));
                found.requests.push(request);
            }
            Err(what) => left_out.unreadable(number, what),
        }
    }
    if found.requests.is_empty() {
        return Err(left_out.nothing(name));
    }
    found.notes = left_out.notes(name);
    Ok(found)
}

/// The milliseconds of each line, those of whole seconds spread over their second.
fn spread(lines: &[Line]) -> Vec<f64> {
    let mut times = Vec::with_capacity(lines.len());
    for same in lines.chunk_by(|one, other| one.time == other.time && one.is_whole_second && other.is_whole_second) {
        let step = if same[0].is_whole_second { 1000.0 / same.len() as f64 } else { 0.0 };
        times.extend(same.iter().enumerate().map(|(at, line)| line.time as f64 + step * at as f64));
    }
    times
}

impl LeftOut {
    fn unreadable(&mut self, line: u64, what: String) {
        self.unreadable += 1;
        self.first_unreadable.get_or_insert((line, what));
    }

    fn notes(&self, name: &str) -> Vec<String> {
        let mut notes = Vec::new();
        if self.unsafe_methods > 0 {
            let count = self.unsafe_methods;
            notes.push(format!(
                "{name}: {count} requests with unsafe methods left out; --all-methods sends them, without bodies"
            ));
        }
        if self.cut > 0 {
            notes.push(format!("{name}: {} requests left out, whose path the log has cut", self.cut));
        }
        if let Some((line, what)) = &self.first_unreadable {
            notes.push(format!("{name}: {} lines left out; the first, line {line}: {what}", self.unreadable));
        }
        notes
    }

    fn nothing(&self, name: &str) -> SourceError {
        let notes = self.notes(name);
        let what = if notes.is_empty() { "the log is empty".to_owned() } else { notes.join("; ") };
        SourceError::new(name, format!("no request to replay: {what}"))
    }
}

impl Line {
    fn request(self) -> Request {
        let headers = self.host.map(|host| ("Host".to_owned(), host)).into_iter().collect();
        Request { headers, ..Request::new(&self.method, &self.path) }
    }
}

/// `None` of an empty line.
fn line(number: u64, text: &str) -> Result<Option<Line>, String> {
    match text.trim().as_bytes().first() {
        None => Ok(None),
        Some(b'{') => record(number, text.trim()).map(Some),
        Some(_) => common(number, text.trim()).map(Some).ok_or_else(|| {
            "neither a JSON object with time, method and path nor a line of the common or combined format".to_owned()
        }),
    }
}

/// An access record of Tollgate.
fn record(number: u64, text: &str) -> Result<Line, String> {
    #[derive(Deserialize)]
    struct Record {
        time: String,
        method: String,
        host: Option<String>,
        path: String,
    }
    let Record { time, method, host, path } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let time = times::rfc3339(&time).ok_or_else(|| format!("`{time}` is no time like 2023-11-14T22:13:20.123Z"))?;
    Ok(Line { number, time, is_whole_second: false, method, host, path })
}

/// `host ident user [time] "METHOD /path HTTP/1.1" status bytes ...`
fn common(number: u64, text: &str) -> Option<Line> {
    let (_, rest) = text.split_once('[')?;
    let (time, rest) = rest.split_once(']')?;
    let (_, rest) = rest.split_once('"')?;
    let (request, _) = rest.split_once('"')?;
    let mut words = request.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    // A bare word is what a port scan leaves.
    words.next()?.strip_prefix("HTTP/")?;
    let (method, path) = (method.to_owned(), path.to_owned());
    Some(Line { number, time: times::common(time)?, is_whole_second: true, method, host: None, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(log: &str, all_methods: bool) -> Result<Sourced, String> {
        read(Path::new("access.log"), log.as_bytes(), all_methods).map_err(|error| error.to_string())
    }

    fn seen(replay: &Sourced) -> Vec<(&str, u128)> {
        let due = |request: &Request| request.at.map_or(u128::MAX, |at| at.as_millis());
        replay.requests.iter().map(|request| (request.path.as_str(), due(request))).collect()
    }

    #[test]
    fn records_come_in_the_order_of_their_times_at_their_distances() {
        let log = "{\"time\":\"2023-11-14T22:13:20.500Z\",\"method\":\"GET\",\"host\":\"a.example\",\"path\":\"/b\",\"status\":200}\n\
                   {\"time\":\"2023-11-14T22:13:20.100Z\",\"method\":\"GET\",\"path\":\"/a\"}\n\n\
                   {\"time\":\"2023-11-14T22:13:21.100Z\",\"method\":\"HEAD\",\"path\":\"/c\"}\n";
        let replay = of(log, false).unwrap();
        assert_eq!(seen(&replay), [("/a", 0), ("/b", 400), ("/c", 1000)]);
        assert_eq!(replay.requests[1].headers, [("Host".to_owned(), "a.example".to_owned())]);
        assert!(replay.notes.is_empty());
    }

    #[test]
    fn whole_seconds_are_spread() {
        let log = "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] \"GET /a HTTP/1.0\" 200 2326\n\
                   1.2.3.4 - joe [10/Oct/2000:13:55:36 -0700] \"GET /b?c=d HTTP/1.1\" 200 2 \"http://x/\" \"curl [8]\"\n\
                   1.2.3.4 - - [10/Oct/2000:13:55:38 -0700] \"GET /e HTTP/1.1\" 200 2\n";
        assert_eq!(seen(&of(log, false).unwrap()), [("/a", 0), ("/b?c=d", 500), ("/e", 2000)]);
    }

    #[test]
    fn what_cannot_be_replayed_is_left_out_and_told() {
        let log = "{\"time\":\"2023-11-14T22:13:20Z\",\"method\":\"GET\",\"path\":\"/a\"}\n\
                   {\"time\":\"2023-11-14T22:13:20Z\",\"method\":\"DELETE\",\"path\":\"/a\"}\n\
                   {\"time\":\"2023-11-14T22:13:20Z\",\"method\":\"GET\",\"path\":\"/aaa…\"}\n\
                   {\"time\":\"2023-11-14T22:13:20Z\",\"method\"\n\
                   1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] \"\\x16\\x03\" 400 0\n";
        let replay = of(log, false).unwrap();
        assert_eq!(seen(&replay), [("/a", 0)]);
        let notes = replay.notes.join("\n");
        for expected in [
            "1 requests with unsafe",
            "--all-methods",
            "1 requests left out, whose path",
            "2 lines left out; the first, line 4",
        ] {
            assert!(notes.contains(expected), "{expected}: {notes}");
        }
        let all = of(log, true).unwrap();
        assert_eq!(all.requests.len(), 2);
    }

    #[test]
    fn a_log_without_requests_is_an_error() {
        assert!(of("", false).unwrap_err().contains("the log is empty"));
        assert!(of("hello\n", false).unwrap_err().contains("line 1: neither a JSON object"));
        let post = "{\"time\":\"2023-11-14T22:13:20Z\",\"method\":\"POST\",\"path\":\"/a\"}\n";
        assert!(of(post, false).unwrap_err().contains("--all-methods"));
    }
}
