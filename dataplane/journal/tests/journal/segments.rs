//! What holds for every writer: rotation, retention, repair, and what other hands do to the files.

use std::{
    fs::{self, File},
    thread,
    time::{Duration, SystemTime},
};

use tollgate_journal::{Retention, Rotation, Totals, Writer};

use crate::fixture::{Fixture, closed, records, until, writers};

const NEVER: Rotation = Rotation { size: None, every: None };
const ALL: Retention = Retention { files: None, bytes: None, age: None };
const SEGMENT: Rotation = Rotation { size: Some(300_000), every: None };

#[test]
fn rotation_in_mid_stream_keeps_every_record_once_and_in_order() {
    const SINKS: usize = 3;
    const RECORDS: usize = 40_000;
    for writer in writers() {
        let fixture = Fixture::start(writer, SEGMENT, ALL);
        thread::scope(|scope| {
            for worker in 0..SINKS {
                let mut sink = fixture.sink(worker + 1);
                scope.spawn(move || {
                    for number in 0..RECORDS {
                        sink.append(format!("{worker} {number} {}\n", "x".repeat(number % 50)).as_bytes());
                        if number % 997 == 0 {
                            sink.flush();
                        }
                    }
                });
            }
        });
        let (folder, totals) = fixture.end();
        let folder = folder.path().join("logs");
        let segments = closed(&folder);
        assert!(segments.len() >= 10, "{writer:?}: {} segments", segments.len());
        for segment in segments {
            assert!(fs::metadata(&segment).unwrap().len() <= 300_000, "{writer:?}: {segment:?} is too large");
            assert!(fs::read(&segment).unwrap().ends_with(b"\n"), "{writer:?}: {segment:?} ends in mid-line");
        }
        let text = records(&folder);
        let mut next = [0; SINKS];
        for line in text.lines() {
            let mut words = line.split(' ');
            let worker: usize = words.next().unwrap().parse().unwrap();
            assert_eq!(words.next().unwrap().parse::<usize>().unwrap(), next[worker], "{writer:?}: worker {worker}");
            next[worker] += 1;
        }
        assert_eq!(next, [RECORDS; SINKS], "{writer:?}");
        let records_written = (RECORDS * SINKS) as u64;
        assert_eq!(totals, Totals { records_written, records_lost: 0, bytes_written: text.len() as u64 }, "{writer:?}");
    }
}

#[test]
fn retention_removes_only_closed_segments_of_its_own() {
    const OTHERS: [&str; 6] = [
        "access.log.1",
        "access.log.20200101T000000Z-00001.gz",
        "access.log.20200101T000000Z-0001",
        "other.log.20200101T000000Z-00001",
        "access.log-20200101T000000Z-00001",
        "access.logs",
    ];
    for writer in writers() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        fs::create_dir(&logs).unwrap();
        OTHERS.iter().for_each(|name| fs::write(logs.join(name), "not ours\n").unwrap());
        fs::create_dir(logs.join("access.log.20200101T000000Z-00002")).unwrap();
        fs::write(logs.join("access.log.29990101T000000Z-00041"), "old\n").unwrap();

        let retention = Retention { files: Some(2), ..ALL };
        let mut fixture = Fixture::start_in(folder, writer, Rotation { size: Some(1), every: None }, retention);
        for number in 0..5 {
            fixture.append(&[&format!("{number}\n")]);
        }
        let (folder, totals) = fixture.end();
        let logs = folder.path().join("logs");
        assert_eq!(totals.records_written, 5);
        assert_eq!(fs::read_to_string(logs.join("access.log")).unwrap(), "4\n", "{writer:?}");
        for name in OTHERS {
            assert_eq!(fs::read_to_string(logs.join(name)).unwrap(), "not ours\n", "{writer:?}: {name}");
        }
        let kept = closed(&logs).into_iter().filter(|path| path.is_file());
        let kept: Vec<_> = kept.filter(|path| fs::read(path).unwrap() != b"not ours\n").collect();
        let text: String = kept.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        assert_eq!(text, "2\n3\n", "{writer:?}");
        let name = kept[1].file_name().unwrap().to_str().unwrap();
        assert_eq!(
            name, "access.log.29990101T000000Z-00045",
            "{writer:?}: behind what a clock that went ahead has left"
        );
    }
}

#[test]
fn names_go_on_where_closed_segments_were_taken_away() {
    let mut fixture = Fixture::start(Writer::Plain, Rotation { size: Some(1), every: None }, ALL);
    let mut names = Vec::new();
    for number in 0..6 {
        fixture.append(&[&format!("{number}\n")]);
        fixture.until_holds(&format!("{number}\n"));
        for path in closed(&fixture.folder.path().join("logs")) {
            fs::remove_file(&path).unwrap();
            names.push(path);
        }
    }
    assert_eq!(names.len(), 5);
    assert!(names.is_sorted_by(|one, other| one < other), "{names:?}");
    fixture.end();
}

#[test]
fn a_segment_of_a_period_that_is_over_is_closed_at_the_start() {
    let rotation = Rotation { size: None, every: Some(Duration::from_secs(3600)) };
    for writer in writers() {
        let mut fixture = Fixture::start(writer, rotation, ALL);
        fixture.append(&["yesterday\n"]);
        let (folder, _) = fixture.end();
        let current = folder.path().join("logs/access.log");
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
        File::options().write(true).open(current).unwrap().set_modified(then).unwrap();

        let mut fixture = Fixture::start_in(folder, writer, rotation, ALL);
        fixture.append(&["today\n"]);
        let (folder, _) = fixture.end();
        let logs = folder.path().join("logs");
        // The hour may have ended in between, which closes one more.
        assert!(!closed(&logs).is_empty(), "{writer:?}");
        assert_eq!(fs::read_to_string(&closed(&logs)[0]).unwrap(), "yesterday\n", "{writer:?}");
        assert_eq!(records(&logs), "yesterday\ntoday\n", "{writer:?}");
    }
}

#[test]
fn what_a_crash_left_is_cut_and_gone_on_with() {
    for writer in writers() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("logs")).unwrap();
        // Whole blocks of the disk are behind the cut, and in front of it.
        let whole = "a record of forty bytes, line end and all\n".repeat(300);
        fs::write(folder.path().join("logs/access.log"), format!("{whole}{}", "torn".repeat(2_000))).unwrap();
        let mut fixture = Fixture::start_in(folder, writer, NEVER, ALL);
        fixture.append(&["after\n"]);
        let (folder, totals) = fixture.end();
        assert_eq!(records(&folder.path().join("logs")), format!("{whole}after\n"), "{writer:?}");
        assert_eq!(totals, Totals { records_written: 1, records_lost: 0, bytes_written: 6 });
    }
}

#[test]
fn a_renamed_segment_is_left_to_who_renamed_it() {
    for writer in writers() {
        let mut fixture = Fixture::start(writer, NEVER, ALL);
        fixture.append(&["one\n"]);
        fixture.until_holds("one\n");
        let moved = fixture.path().with_file_name("access.log.1");
        fs::rename(fixture.path(), &moved).unwrap();
        fixture.append(&["two\n"]);
        until("the renamed one goes on", || fs::read_to_string(&moved).unwrap() == "one\ntwo\n");
        fixture.journal.reopen();
        until("a new one", || fixture.path().exists());
        fixture.append(&["three\n"]);
        fixture.until_holds("three\n");
        // Nothing was renamed this time.
        fixture.journal.reopen();
        fixture.append(&["four\n"]);
        let (folder, totals) = fixture.end();
        assert_eq!(fs::read_to_string(folder.path().join("logs/access.log")).unwrap(), "three\nfour\n", "{writer:?}");
        assert_eq!(fs::read_to_string(moved).unwrap(), "one\ntwo\n", "{writer:?}");
        assert_eq!((totals.records_written, totals.records_lost), (4, 0), "{writer:?}");
    }
}

#[test]
fn a_removed_folder_is_made_again() {
    for writer in writers() {
        let mut fixture = Fixture::start(writer, NEVER, ALL);
        fixture.append(&["one\n"]);
        fixture.until_holds("one\n");
        let logs = fixture.folder.path().join("logs");
        fs::remove_dir_all(&logs).unwrap();
        fixture.append(&["two\n"]);
        fixture.until_holds("two\n");

        fs::remove_dir_all(&logs).unwrap();
        fs::write(&logs, "in the way").unwrap();
        fixture.append(&["lost\n", "lost too\n"]);
        until("the loss is counted", || fixture.registry.journal().records_lost.value() == 2);
        fs::remove_file(&logs).unwrap();
        fixture.append(&["three\n"]);
        fixture.until_holds("three\n");
        let (_folder, totals) = fixture.end();
        assert_eq!((totals.records_written, totals.records_lost), (3, 2), "{writer:?}");
    }
}

#[test]
fn bytes_that_were_flushed_and_are_written_again_count_once() {
    for writer in writers() {
        let mut fixture = Fixture::start(writer, NEVER, ALL);
        fixture.append(&["one\n"]);
        fixture.until_holds("one\n");
        fixture.append(&[&format!("{}\n", "x".repeat(10_000))]);
        let (folder, totals) = fixture.end();
        let bytes_written = records(&folder.path().join("logs")).len() as u64;
        assert_eq!(totals, Totals { records_written: 2, records_lost: 0, bytes_written }, "{writer:?}");
    }
}

#[test]
fn a_file_that_somebody_else_put_at_the_path_is_not_renamed() {
    for writer in writers() {
        let mut fixture = Fixture::start(writer, Rotation { size: Some(10), every: None }, ALL);
        fixture.append(&["one\n"]);
        fixture.until_holds("one\n");
        fs::rename(fixture.path(), fixture.path().with_file_name("access.log.1")).unwrap();
        fs::write(fixture.path(), "").unwrap();
        fixture.append(&["two, which is too long\n"]);
        let (folder, _) = fixture.end();
        let logs = folder.path().join("logs");
        assert_eq!((closed(&logs).len(), records(&logs).as_str()), (0, "two, which is too long\n"), "{writer:?}");
    }
}

/// What `copytruncate` of logrotate does.
#[test]
fn a_truncated_segment_has_no_gap() {
    for writer in writers() {
        let mut fixture = Fixture::start(writer, NEVER, ALL);
        let long = format!("{}\n", "x".repeat(10_000));
        fixture.append(&[&long]);
        fixture.until_holds(&long);
        File::options().write(true).open(fixture.path()).unwrap().set_len(0).unwrap();
        fixture.append(&["after\n"]);
        fixture.until_holds("after\n");
        let (_folder, totals) = fixture.end();
        assert_eq!((totals.records_written, totals.records_lost), (2, 0), "{writer:?}");
    }
}

#[test]
fn two_journals_at_one_path_tear_nothing() {
    for (first, second) in
        writers().into_iter().flat_map(|first| writers().into_iter().map(move |second| (first, second)))
    {
        let mut old = Fixture::start(first, NEVER, ALL);
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(old.folder.path().join("logs"), folder.path().join("logs")).unwrap();
        old.append(&["old 0\n"]);
        let mut new = Fixture::start_in(folder, second, NEVER, ALL);
        for number in 1..200 {
            old.append(&[&format!("old {number}\n")]);
            new.append(&[&format!("new {number}\n")]);
        }
        let (folder, _) = old.end();
        new.append(&["new 200\n"]);
        drop(new.end());
        let text = records(&folder.path().join("logs"));
        let numbers = |who: &str| -> Vec<usize> {
            text.lines().filter_map(|line| line.strip_prefix(who)?.trim().parse().ok()).collect()
        };
        assert_eq!(numbers("old"), (0..200).collect::<Vec<_>>(), "{first:?}, {second:?}");
        assert_eq!(numbers("new"), (1..201).collect::<Vec<_>>(), "{first:?}, {second:?}");
        let is_shared = first == Writer::Plain && second == Writer::Plain;
        assert_eq!(closed(&folder.path().join("logs")).is_empty(), is_shared, "{first:?}, {second:?}");
    }
}
