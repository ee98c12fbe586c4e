//! Secrets at rest: AES-256-GCM under a key that is not in the store.
//!
//! ```text
//! 1 byte version, 8 digits of the key's digest, 12 bytes nonce, ciphertext and tag
//! ```
//!
//! Each is bound to its tenant and name, so that none can be put in another's place. Former keys open what was sealed
//! with them, and everything new is sealed with the current one. Keys come from a file that is for its owner alone, or from
//! the environment; neither they nor what they seal is ever shown.

use crate::error::{Error, Result};
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    rand,
};
use std::{
    env, fmt,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};
use tollgate_domain::{Digest, digest::hex};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 12;
const HEAD_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_BYTES;

/// What was sealed. Wiped when it is dropped; `Debug` does not tell it.
pub struct Secret(Zeroizing<Vec<u8>>);

/// A key of 32 bytes.
pub struct SealKey {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    id: [u8; KEY_ID_BYTES],
}

/// Seals with one key, opens with all.
#[derive(Debug)]
pub struct Sealer {
    current: SealKey,
    former: Vec<SealKey>,
}

impl SealKey {
    /// Of 64 hexadecimal digits, with white space around them.
    ///
    /// # Errors
    /// `Sealed`, if it is none.
    pub fn read(text: &str) -> Result<Self> {
        let digits = Zeroizing::new(text.trim().chars().map_while(|c| c.to_digit(16)).collect::<Vec<u32>>());
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        if digits.len() != 2 * KEY_BYTES || text.trim().len() != digits.len() {
            return Err(Error::Sealed { remedy: "the key has to be 64 hexadecimal digits".to_owned() });
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = (pair[0] << 4 | pair[1]) as u8;
        }
        Ok(Self::new(bytes))
    }

    /// The one in the environment variable `name`.
    ///
    /// # Errors
    /// `Sealed`, if there is none.
    pub fn from_environment(name: &str) -> Result<Self> {
        let missing = |_| Error::Sealed { remedy: format!("the environment variable {name} has no key") };
        Self::read(&Zeroizing::new(env::var(name).map_err(missing)?))
    }

    /// The one in the file `path`; without a file a new one is made and written there.
    ///
    /// # Errors
    /// `File`, if it cannot be read or written, or others than its owner may read it; `Sealed`, if it holds no key.
    pub fn from_file(path: &Path) -> Result<Self> {
        let failed = |cause| Error::File { path: path.to_owned(), cause };
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path).map_err(failed),
            Err(error) => Err(failed(error)),
            Ok(found) if found.permissions().mode() & 0o077 != 0 => {
                let cause =
                    io::Error::other("others may read the key: `chmod 600` it, and make a new one if they have");
                Err(failed(cause))
            }
            Ok(_) => Self::read(&Zeroizing::new(fs::read_to_string(path).map_err(failed)?)),
        }
    }

    fn create(path: &Path) -> io::Result<Self> {
        let key = Self::random().map_err(|_| io::Error::other("the system has no random bytes"))?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(Zeroizing::new(hex(&*key.bytes)).as_bytes())?;
        file.sync_all()?;
        Ok(key)
    }

    /// A new one, which is kept nowhere.
    ///
    /// # Errors
    /// `Sealed`, if the system has no random bytes.
    pub fn random() -> Result<Self> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        rand::fill(&mut *bytes).map_err(|_| Error::Sealed { remedy: "the system has no random bytes".to_owned() })?;
        Ok(Self::new(bytes))
    }

    fn new(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let digest = Digest::of_bytes(&*bytes);
        let mut id = [0; KEY_ID_BYTES];
        // 32 bits of a digest of random bytes tell nothing of them.
        id.copy_from_slice(&digest.as_str().as_bytes()[..KEY_ID_BYTES]);
        Self { bytes, id }
    }

    fn cipher(&self) -> Result<RandomizedNonceKey> {
        let refused = |_| Error::Sealed { remedy: "the cipher refuses the key".to_owned() };
        RandomizedNonceKey::new(&AES_256_GCM, &*self.bytes).map_err(refused)
    }
}

impl Sealer {
    /// Seals with `current`; opens with it and the `former` ones.
    #[must_use]
    pub fn new(current: SealKey, former: Vec<SealKey>) -> Self {
        Self { current, former }
    }

    pub(crate) fn seal(&self, tenant: &str, name: &str, text: &[u8]) -> Result<Vec<u8>> {
        let mut sealed = text.to_vec();
        let refused = |_| Error::Sealed { remedy: "it is too long to be sealed".to_owned() };
        let nonce =
            self.current.cipher()?.seal_in_place_append_tag(bound(tenant, name), &mut sealed).map_err(refused)?;
        Ok([&[VERSION][..], &self.current.id, nonce.as_ref(), &sealed].concat())
    }

    pub(crate) fn open(&self, tenant: &str, name: &str, sealed: &[u8]) -> Result<Secret> {
        let broken = || Error::Sealed { remedy: format!("`{name}` was changed; restore it from a backup") };
        let (head, text) = sealed.split_at_checked(HEAD_BYTES).ok_or_else(broken)?;
        let (id, nonce) = head[1..].split_at(KEY_ID_BYTES);
        let key = std::iter::once(&self.current).chain(&self.former).find(|key| head[0] == VERSION && key.id == id);
        let key = key.ok_or_else(|| Error::Sealed {
            remedy: "name the key it was sealed with, or keep that beside the new one as a former key".to_owned(),
        })?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = key.cipher()?.open_in_place(nonce, bound(tenant, name), &mut text).map_err(|_| broken())?.len();
        text.truncate(length);
        Ok(Secret(text))
    }
}

fn bound(tenant: &str, name: &str) -> Aad<Vec<u8>> {
    Aad::from([b"tollgate secret\0", tenant.as_bytes(), b"\0", name.as_bytes()].concat())
}

impl Secret {
    /// What was sealed.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: &str) -> SealKey {
        SealKey::read(&byte.repeat(32)).unwrap()
    }

    #[test]
    fn it_opens_in_its_place_only() {
        let sealer = Sealer::new(key("01"), vec![]);
        let sealed = sealer.seal("acme", "a", b"secret").unwrap();
        assert_eq!(sealer.open("acme", "a", &sealed).unwrap().reveal(), b"secret");
        assert_ne!(sealed, sealer.seal("acme", "a", b"secret").unwrap());
        for (tenant, name) in [("globex", "a"), ("acme", "b"), ("", "acme\0a")] {
            sealer.open(tenant, name, &sealed).unwrap_err();
        }
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            sealer.open("acme", "a", &changed).unwrap_err();
            sealer.open("acme", "a", &sealed[..at]).unwrap_err();
        }
    }

    #[test]
    fn former_keys_open_and_the_current_one_seals() {
        let sealed = Sealer::new(key("01"), vec![]).seal("acme", "a", b"secret").unwrap();
        let rotated = Sealer::new(key("02"), vec![key("01")]);
        assert_eq!(rotated.open("acme", "a", &sealed).unwrap().reveal(), b"secret");
        let again = rotated.seal("acme", "a", b"secret").unwrap();
        Sealer::new(key("02"), vec![]).open("acme", "a", &again).unwrap();
        let error = Sealer::new(key("02"), vec![]).open("acme", "a", &sealed).unwrap_err();
        assert!(error.to_string().contains("former key"), "{error}");
    }

    #[test]
    fn a_key_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = SealKey::from_file(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(*SealKey::from_file(&path).unwrap().bytes, *made.bytes);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(SealKey::from_file(&path).unwrap_err().to_string().contains("chmod 600"));
        for text in ["", "00", &"0".repeat(63), &"g".repeat(64), &"0".repeat(65)] {
            SealKey::read(text).unwrap_err();
        }
        assert!(!format!("{made:?}").contains(&hex(&*made.bytes)[..8]));
    }
}
