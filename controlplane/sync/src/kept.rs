//! What a node was sent, in a file: for a start without the control plane.
//!
//! ```text
//! line 1:   everything              each line: 8 hexadecimal digits (CRC 32 of the rest), a space, a delta as JSON
//! line 2..: deltas, in their order
//! ```
//!
//! Synced before it is acknowledged, for its owner alone (0600). What is damaged ends the file: the lines before it are
//! good, and the control plane sends what is lacking. When the deltas have grown to as much as the first line, all of it is
//! written as one, to a file beside it that takes its place. Nothing of it stays in memory but where it ends.

use crate::{limits::KEPT_DELTAS_BYTES, message::Delta, position::Position};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// The file.
#[derive(Debug)]
pub(crate) struct Kept {
    path: PathBuf,
    /// Where it leads to. `None`: there is nothing in it.
    position: Option<Position>,
    /// Bytes of the first line, and of all that are good.
    bytes: (u64, u64),
}

impl Kept {
    /// Looks at the file, which need not be there; gives all of it, too, as `whole` would.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn open(path: PathBuf) -> io::Result<(Self, Option<Delta>)> {
        let mut kept = Self { path, position: None, bytes: (0, 0) };
        let whole = kept.read()?.map(|(delta, bytes)| {
            (kept.position, kept.bytes) = (Some(delta.to.clone()), bytes);
            delta
        });
        Ok((kept, whole))
    }

    pub(crate) const fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// All of it as one delta, which is everything.
    pub(crate) fn whole(&self) -> io::Result<Option<Delta>> {
        Ok(self.read()?.map(|(delta, _)| delta))
    }

    /// Keeps a delta: everything, or what goes on where the file ends.
    pub(crate) fn keep(&mut self, delta: &Delta) -> io::Result<()> {
        if delta.from.is_none() {
            return self.replace(delta);
        }
        let line = line(delta)?;
        // A torn line of before is cut off.
        let mut file = OpenOptions::new().write(true).open(&self.path)?;
        file.set_len(self.bytes.1)?;
        io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
        file.write_all(&line)?;
        file.sync_data()?;
        self.bytes.1 += line.len() as u64;
        self.position = Some(delta.to.clone());
        if self.bytes.1 - self.bytes.0 > self.bytes.0.max(KEPT_DELTAS_BYTES)
            && let Some(whole) = self.whole()?
        {
            self.replace(&whole)?;
        }
        Ok(())
    }

    fn replace(&mut self, whole: &Delta) -> io::Result<()> {
        let line = line(whole)?;
        let beside = self.path.with_added_extension("new");
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = BufWriter::new(OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?);
        file.write_all(&line)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&beside, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
        self.bytes = (line.len() as u64, line.len() as u64);
        self.position = Some(whole.to.clone());
        Ok(())
    }

    /// Everything in it as one, with the bytes of the first line and of all good ones.
    fn read(&self) -> io::Result<Option<(Delta, (u64, u64))>> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let (mut reader, mut text) = (BufReader::new(file), Vec::new());
        let mut found: Option<(Delta, (u64, u64))> = None;
        loop {
            text.clear();
            let bytes = reader.read_until(b'\n', &mut text)? as u64;
            let Some(delta) = parsed(&text) else { return Ok(found) };
            found = match (found, &delta.from) {
                (None, None) => Some((delta, (bytes, bytes))),
                (Some((before, (first, all))), Some(from)) if before.to == *from => {
                    Some((before.then(delta), (first, all + bytes)))
                }
                (found, _) => return Ok(found),
            };
        }
    }
}

fn line(delta: &Delta) -> io::Result<Vec<u8>> {
    let text = serde_json::to_vec(delta)?;
    let mut line = format!("{:08x} ", crc32fast::hash(&text)).into_bytes();
    line.extend(text);
    line.push(b'\n');
    Ok(line)
}

/// The delta of a line that is whole.
fn parsed(line: &[u8]) -> Option<Delta> {
    let (sum, text) = line.strip_suffix(b"\n")?.split_at_checked(9)?;
    let sum = u32::from_str_radix(str::from_utf8(sum).ok()?.strip_suffix(' ')?, 16).ok()?;
    (sum == crc32fast::hash(text)).then(|| serde_json::from_slice(text).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::Patch;
    use std::os::unix::fs::PermissionsExt as _;

    fn delta(from: Option<u64>, to: u64, name: &str, bytes: usize) -> Delta {
        let mut patch = Patch::default();
        patch.set("routes", name.to_owned(), format!("\"{}\"", "x".repeat(bytes))).unwrap();
        let at = |generation| Position::new(generation, generation);
        Delta { from: from.map(at), to: at(to), patch }
    }

    fn opened(path: &Path) -> Kept {
        Kept::open(path.to_owned()).unwrap().0
    }

    fn names(kept: &Kept) -> Vec<String> {
        let whole = kept.whole().unwrap().unwrap();
        assert!(whole.from.is_none() && Some(&whole.to) == kept.position());
        whole.patch.changed["routes"].keys().cloned().collect()
    }

    #[test]
    fn what_was_kept_is_there_again_and_for_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("published");
        let mut kept = opened(&path);
        assert!(kept.position().is_none() && kept.whole().unwrap().is_none());
        fs::write(folder.path().join("published.new"), "left behind by a crash").unwrap();
        kept.keep(&delta(None, 1, "a", 1)).unwrap();
        kept.keep(&delta(Some(1), 2, "b", 1)).unwrap();
        let mut gone = delta(Some(2), 3, "c", 1);
        gone.patch.remove("routes", "a".to_owned());
        kept.keep(&gone).unwrap();
        assert_eq!(names(&opened(&path)), ["b", "c"]);
        kept.keep(&delta(None, 9, "z", 1)).unwrap();
        assert_eq!(names(&opened(&path)), ["z"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn damage_ends_the_file_wherever_it_is_and_what_comes_then_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("published");
        let mut kept = opened(&path);
        kept.keep(&delta(None, 1, "a", 1)).unwrap();
        let first = kept.bytes.1;
        kept.keep(&delta(Some(1), 2, "b", 1)).unwrap();
        let text = fs::read(&path).unwrap();
        for cut in 0..=text.len() {
            for flipped in [false, true] {
                let mut torn = text[..cut].to_vec();
                if let Some(last) = torn.last_mut().filter(|_| flipped) {
                    *last ^= 1;
                }
                fs::write(&path, &torn).unwrap();
                let good = (cut - usize::from(flipped && cut > 0)) as u64;
                let mut kept = opened(&path);
                let to = kept.position().map(|position| position.generation);
                let wanted = if good >= text.len() as u64 { Some(2) } else { (good >= first).then_some(1) };
                assert_eq!(to, wanted, "cut at {cut}, flipped {flipped}");
                if let Some(to) = to {
                    kept.keep(&delta(Some(to), 7, "later", 1)).unwrap();
                    let reread = opened(&path);
                    assert_eq!((names(&reread).contains(&"later".to_owned()), reread.bytes), (true, kept.bytes));
                }
            }
        }
    }

    #[test]
    fn it_is_written_as_one_when_the_changes_have_grown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("published");
        let mut kept = opened(&path);
        kept.keep(&delta(None, 1, "a", 1)).unwrap();
        for generation in 1..30 {
            kept.keep(&delta(Some(generation), generation + 1, "b", 100_000)).unwrap();
        }
        assert!(fs::metadata(&path).unwrap().len() < KEPT_DELTAS_BYTES + 300_000);
        assert_eq!(
            (names(&kept), fs::metadata(&path).unwrap().len()),
            (vec!["a".to_owned(), "b".to_owned()], kept.bytes.1)
        );
    }
}
