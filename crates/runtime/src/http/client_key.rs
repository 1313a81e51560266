//! Comparing and naming keys that callers send.

use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// Whether a caller's key is the expected one. Takes the same time wherever they
/// differ, and whatever their lengths, because digests are compared. An empty
/// expected key matches nothing.
#[must_use]
pub fn matches(expected: &SecretString, given: &str) -> bool {
    let expected = expected.expose_secret();
    let same: bool = digest(&SHA256, expected.as_bytes())
        .as_ref()
        .ct_eq(digest(&SHA256, given.as_bytes()).as_ref())
        .into();
    same && !expected.is_empty()
}

/// A short name for a credential, by which log lines of one caller can be found
/// without showing it: the first 32 bits of its SHA-256, as hex.
#[must_use]
pub fn fingerprint(credential: &[u8]) -> String {
    let digest = digest(&SHA256, credential);
    let mut first = [0; 4];
    for (byte, of_digest) in first.iter_mut().zip(digest.as_ref()) {
        *byte = *of_digest;
    }
    format!("{:08x}", u32::from_be_bytes(first))
}
