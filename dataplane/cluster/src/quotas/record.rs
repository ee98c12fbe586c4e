//! The bytes of the file of quotas: a header, then frames; a frame is counts of one rule.
//!
//! ```text
//! header: "TGQUOTA" version | secret 32 | probe 8 | crc 4
//! frame:  length 4 | crc 4 | identity length 2 | identity | (key 8 | used 8 | end 8) ...
//! ```
//!
//! All numbers are little-endian, `end` in seconds since 1970; a crc (CRC-32 of IEEE 802.3) is of what follows its length,
//! in the header of what stands before it. Later frames win over earlier ones. Reading stops at the first frame that is
//! not whole. Pure.

use crate::secret::SECRET_BYTES;
use std::sync::Arc;
use tollgate_limit::Usage;

const MAGIC: &[u8; 7] = b"TGQUOTA";
const VERSION: u8 = 1;
pub(super) const HEADER_BYTES: usize = MAGIC.len() + 1 + SECRET_BYTES + 8 + 4;

const FRAME_HEAD_BYTES: usize = 8;
const ENTRY_BYTES: usize = 24;
/// What the length of an identity has room for.
pub(super) const IDENTITY_BYTES_MAX: usize = u16::MAX as usize;
/// Entries of a frame: what is torn at the end is at most one of these.
const ENTRIES_MAX: usize = 16 << 10;
const FRAME_BYTES_MAX: usize = 2 + IDENTITY_BYTES_MAX + ENTRIES_MAX * ENTRY_BYTES;

/// What the keys in a file were hashed with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) secret: [u8; SECRET_BYTES],
    pub(super) probe: u64,
}

/// Why a file has no header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeaderError {
    /// It begins like no file of quotas.
    Foreign,
    /// A version that is not known here.
    Version(u8),
    /// It is one, but its secret cannot be read.
    Damaged,
}

/// What keys of a rule have used.
pub(super) struct Counts {
    pub(super) identity: Arc<str>,
    pub(super) entries: Vec<(u64, Usage)>,
}

impl Counts {
    pub(super) fn new(identity: &Arc<str>, entries: impl Iterator<Item = (u64, Usage)>) -> Self {
        Self { identity: identity.clone(), entries: entries.collect() }
    }

    /// Appends them as frames.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let identity = self.identity.as_bytes();
        debug_assert!(identity.len() <= IDENTITY_BYTES_MAX);
        for entries in self.entries.chunks(ENTRIES_MAX) {
            let begin = out.len();
            out.extend_from_slice(&[0; FRAME_HEAD_BYTES]);
            out.extend_from_slice(&(identity.len() as u16).to_le_bytes());
            out.extend_from_slice(identity);
            for (key, usage) in entries {
                out.extend_from_slice(&key.to_le_bytes());
                out.extend_from_slice(&usage.used.to_le_bytes());
                out.extend_from_slice(&usage.end_s.to_le_bytes());
            }
            let (head, payload) = out[begin..].split_at_mut(FRAME_HEAD_BYTES);
            head[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
            head[4..].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
        }
    }
}

impl Header {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        out.extend_from_slice(&self.secret);
        out.extend_from_slice(&self.probe.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(out).to_le_bytes());
    }

    /// The header, and what stands behind it.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, &[u8]), HeaderError> {
        if !bytes.starts_with(&MAGIC[..bytes.len().min(MAGIC.len())]) {
            return Err(HeaderError::Foreign);
        }
        match bytes.get(MAGIC.len()) {
            Some(&VERSION) | None => {}
            Some(version) => return Err(HeaderError::Version(*version)),
        }
        let (header, rest) = bytes.split_at_checked(HEADER_BYTES).ok_or(HeaderError::Damaged)?;
        let (header, crc) = header.split_at(HEADER_BYTES - 4);
        if crc32fast::hash(header).to_le_bytes() != crc {
            return Err(HeaderError::Damaged);
        }
        let mut secret = [0; SECRET_BYTES];
        secret.copy_from_slice(&header[MAGIC.len() + 1..][..SECRET_BYTES]);
        Ok((Self { secret, probe: number(&header[MAGIC.len() + 1 + SECRET_BYTES..]) }, rest))
    }
}

/// Reads frames; returns how many bytes are not read, since a frame there is not whole.
pub(super) fn read(mut bytes: &[u8], mut each: impl FnMut(&str, u64, Usage)) -> usize {
    while let Some((payload, rest)) = frame(bytes) {
        let Some((identity, entries)) = split(payload) else { break };
        for entry in entries.chunks_exact(ENTRY_BYTES) {
            // Signed numbers are written as the same bits.
            let usage = Usage { used: number(&entry[8..]) as i64, end_s: number(&entry[16..]) as i64 };
            each(identity, number(entry), usage);
        }
        bytes = rest;
    }
    bytes.len()
}

/// The payload of the first frame, and what stands behind it.
fn frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(FRAME_HEAD_BYTES)?;
    let length = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
    let (payload, rest) = rest.split_at_checked(length)?;
    let is_whole = length <= FRAME_BYTES_MAX && crc32fast::hash(payload).to_le_bytes() == head[4..];
    is_whole.then_some((payload, rest))
}

fn split(payload: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = payload.split_at_checked(2)?;
    let (identity, entries) = rest.split_at_checked(u16::from_le_bytes(length.try_into().ok()?).into())?;
    Some((str::from_utf8(identity).ok().filter(|_| entries.len() % ENTRY_BYTES == 0)?, entries))
}

/// The number in the first 8 bytes; whoever asks knows that they are there.
fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Entry = (String, u64, i64);

    fn sample() -> Vec<u8> {
        let mut bytes = Vec::new();
        Header { secret: [7; SECRET_BYTES], probe: 9 }.write(&mut bytes);
        for number in 0..4_i64 {
            let entries = (0..=number).map(|key| (key as u64 + 1, Usage { used: 10 * number - key, end_s: 900 }));
            Counts::new(&format!("rule {number}").into(), entries).write(&mut bytes);
        }
        bytes
    }

    fn read_all(bytes: &[u8]) -> Result<(Vec<Entry>, usize), HeaderError> {
        let (_, rest) = Header::read(bytes)?;
        let mut all = Vec::new();
        let left = read(rest, |identity, key, usage| all.push((identity.to_owned(), key, usage.used)));
        Ok((all, left))
    }

    #[test]
    fn what_is_written_is_read() {
        let (all, left) = read_all(&sample()).unwrap();
        assert_eq!((all.len(), left), (10, 0));
        assert_eq!(all[9], ("rule 3".to_owned(), 4, 27));
    }

    #[test]
    fn a_file_cut_anywhere_is_read_up_to_there() {
        let (bytes, whole) = (sample(), read_all(&sample()).unwrap().0);
        for length in 0..bytes.len() {
            match read_all(&bytes[..length]) {
                Ok((all, left)) => {
                    assert_eq!(all, whole[..all.len()], "cut at {length}");
                    assert!(all.len() < whole.len() && (left > 0 || [0, 1, 3, 6].contains(&all.len())), "{length}");
                }
                Err(error) => assert!(length < HEADER_BYTES && error == HeaderError::Damaged, "cut at {length}"),
            }
        }
    }

    #[test]
    fn a_byte_that_changed_anywhere_is_noticed() {
        let (bytes, whole) = (sample(), read_all(&sample()).unwrap().0);
        for at in 0..bytes.len() {
            for flipped in [1, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= flipped;
                match read_all(&bytes) {
                    Ok((all, left)) => {
                        assert!(left > 0 && all.len() < whole.len() && all == whole[..all.len()], "byte {at}");
                    }
                    Err(error) => assert!(at < HEADER_BYTES, "byte {at}: {error:?}"),
                }
            }
        }
    }

    #[test]
    fn files_of_others_and_of_later_versions_are_told_apart() {
        assert_eq!(Header::read(b"listeners:").err(), Some(HeaderError::Foreign));
        assert_eq!(Header::read(b"TGQUOTA\x02").err(), Some(HeaderError::Version(2)));
    }
}
