//! Keys that clients of the gateway hold: `nbk_`, 8 characters to recognise the key
//! by, `_`, and 256 random bits. Only the SHA-256 of the whole is stored: with so many
//! random bits, nothing slower is needed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::cipher::{self, NoRandomness};

const MARK: &str = "nbk_";
/// Letters of [`MARK`] and the characters after it.
const PREFIX: usize = MARK.len() + 8;
/// Base64 of 32 bytes without padding.
const SECRET: usize = 43;

/// SHA-256 of a key.
pub type KeyHash = [u8; 32];

/// A new key. It is shown once, to whoever asked for it.
#[derive(Debug)]
pub struct NewKey {
    /// The whole key.
    pub key: SecretString,
    /// How it begins; no secret.
    pub prefix: String,
    /// What is stored of it.
    pub hash: KeyHash,
}

/// Makes a key.
///
/// # Errors
/// The operating system gave no randomness.
pub fn generate() -> Result<NewKey, NoRandomness> {
    let name: String = cipher::random::<4>()?
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let prefix = format!("{MARK}{name}");
    let secret = Zeroizing::new(cipher::random::<32>()?);
    let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(secret.as_slice()));
    let key = SecretString::from(format!("{prefix}_{}", secret.as_str()));
    let hash = sha256(key.expose_secret());
    Ok(NewKey { key, prefix, hash })
}

/// The hash by which a key that somebody sent is looked for; `None` where the text has
/// not the form of a key, and no look can find it.
#[must_use]
pub fn hash(given: &str) -> Option<KeyHash> {
    let (prefix, secret) = given.split_at_checked(PREFIX)?;
    let name = prefix.strip_prefix(MARK)?;
    let secret = secret.strip_prefix('_')?;
    let well_formed = name.bytes().all(|byte| byte.is_ascii_hexdigit())
        && secret.len() == SECRET
        && secret
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    well_formed.then(|| sha256(given))
}

fn sha256(key: &str) -> KeyHash {
    let mut hash = KeyHash::default();
    hash.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_found_by_its_hash_and_recognised_by_its_prefix() {
        let new = generate().unwrap();
        let key = new.key.expose_secret();
        assert_eq!(hash(key), Some(new.hash));
        assert!(key.starts_with(&new.prefix));
        assert_eq!(new.prefix.len(), 12);
        let secret = &key[new.prefix.len() + 1..];
        assert_eq!(URL_SAFE_NO_PAD.decode(secret).unwrap().len() * 8, 256);
        assert!(!format!("{new:?}").contains(secret));
        assert_ne!(generate().unwrap().hash, new.hash);
    }

    #[test]
    fn what_has_not_the_form_of_a_key_has_no_hash() {
        let new = generate().unwrap();
        let key = new.key.expose_secret();
        for text in [
            String::new(),
            "nbk_".to_owned(),
            new.prefix.clone(),
            format!("{key}x"),
            format!(" {key}"),
            key.replace("nbk_", "nbx_"),
            key[..key.len() - 1].to_owned(),
            format!("{}é", &key[..key.len() - 2]),
            format!("nbk_0123456{}", "é".repeat(30)),
        ] {
            assert_eq!(hash(&text), None, "{text}");
        }
    }
}
