//! What a credential is found by: a hash, so that the table tells nobody a key, and comparing one takes no secret's time.
//!
//! SHA-256 and nothing slower: keys are random and long, so that nobody can try them all (FIPS 180-4). Nothing allocates.

use aws_lc_rs::digest::{SHA256, digest};

/// The SHA-256 of an API key, or of who a token is for.
pub type Proof = [u8; 32];

/// Bytes of an issuer, and of what it calls a client.
pub const CLIENT_BYTES_MAX: usize = 255;

/// Stands before a client, so that no key can be chosen that is one.
const CLIENT: &[u8; 17] = b"\0tollgate client\0";

/// That of an API key.
#[must_use]
pub fn key_proof(key: &[u8]) -> Proof {
    let hash = digest(&SHA256, key);
    // SHA-256 has 32 bytes.
    hash.as_ref().try_into().unwrap_or_default()
}

/// That of the client of an issuer; `None` for names above [`CLIENT_BYTES_MAX`], which no credential has.
#[must_use]
pub fn client_proof(issuer: &str, client_id: &str) -> Option<Proof> {
    let mut text = [0; CLIENT.len() + 1 + 2 * CLIENT_BYTES_MAX];
    let mut length = 0;
    let issuer_bytes = u8::try_from(issuer.len()).ok()?;
    for part in [CLIENT, &[issuer_bytes][..], issuer.as_bytes(), client_id.as_bytes()] {
        text.get_mut(length..length + part.len())?.copy_from_slice(part);
        length += part.len();
    }
    Some(key_proof(&text[..length])).filter(|_| client_id.len() <= CLIENT_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_hash_that_sha256sum_prints() {
        // FIPS 180-4, example of one block.
        assert_eq!(key_proof(b"abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
    }

    #[test]
    fn clients_are_told_apart_by_their_issuers() {
        let proofs = [("a", "bc"), ("ab", "c"), ("abc", ""), ("", "abc")].map(|(issuer, id)| client_proof(issuer, id));
        for (at, proof) in proofs.iter().enumerate() {
            assert!(proof.is_some() && !proofs[..at].contains(proof));
        }
        let long = "x".repeat(CLIENT_BYTES_MAX + 1);
        assert_eq!((client_proof(&long, "a"), client_proof("a", &long)), (None, None));
        assert!(client_proof(&long[1..], &long[1..]).is_some());
    }
}
