//! A full disk, played by the limit on the size of a file: writes beyond it fail, and a short one comes first.
//!
//! The limit is the process's, so the journal runs in a second process: this test again, told by a variable what to do.

use std::{
    env,
    fs::{self, File},
    process::Command,
};

use tollgate_journal::{Retention, Rotation, Writer};

use crate::fixture::{Fixture, until, writers};

const ROLE: &str = "JOURNAL_TEST_WRITER";
const TEST: &str = "full_disk::records_that_do_not_fit_are_counted_and_the_next_ones_written";
/// Blocks of 512 bytes, as POSIX has it for `ulimit -f`.
const LIMIT_BLOCKS: usize = 1001;

#[test]
fn records_that_do_not_fit_are_counted_and_the_next_ones_written() {
    if let Ok(writer) = env::var(ROLE) {
        return fill(if writer == "direct" { Writer::Direct } else { Writer::Plain });
    }
    for writer in writers() {
        let role = if writer == Writer::Direct { "direct" } else { "plain" };
        let script = format!("trap '' XFSZ; ulimit -f {LIMIT_BLOCKS}; exec \"$0\" --exact {TEST} --nocapture");
        let child = Command::new("sh").arg("-c").arg(script).arg(env::current_exe().unwrap()).env(ROLE, role).output();
        let child = child.unwrap();
        let said = String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success(), "{writer:?}: {said}{}", String::from_utf8_lossy(&child.stdout));
        let lines = said.lines().filter(|line| line.contains("access records are lost: cannot write"));
        assert_eq!(lines.count(), 2, "{writer:?}: one line for each of two series of failures:\n{said}");
    }
}

fn fill(writer: Writer) {
    let record = format!("{}\n", "x".repeat(99));
    let mut fixture = Fixture::start(writer, Rotation::default(), Retention::default());
    let (mut handed_over, lost) = (0, |fixture: &Fixture| fixture.registry.journal().records_lost.value());
    for round in 0..2 {
        let before = lost(&fixture);
        for _ in 0..20 {
            fixture.append(&[record.as_str(); 500]);
            handed_over += 500;
        }
        let settled = |fixture: &Fixture| fixture.registry.journal().records_written.value() + lost(fixture);
        until("all are written or lost", || settled(&fixture) == handed_over);
        let text = fs::read_to_string(fixture.path()).unwrap();
        assert!(text.len() > 400_000 && text.len() <= LIMIT_BLOCKS * 512, "{} bytes", text.len());
        assert!(lost(&fixture) > before);
        assert_eq!(
            text.lines().filter(|line| line.len() == 99).count(),
            text.lines().count() - usize::from(!text.ends_with('\n'))
        );
        // There is room again.
        File::options().write(true).open(fixture.path()).unwrap().set_len(0).unwrap();
        fixture.append(&[&record]);
        handed_over += 1;
        fixture.until_holds(&record);
        assert_eq!(fixture.registry.journal().records_written.value() + lost(&fixture), handed_over, "round {round}");
    }
    let (_folder, totals) = fixture.end();
    assert_eq!(totals.records_written + totals.records_lost, handed_over);
}
