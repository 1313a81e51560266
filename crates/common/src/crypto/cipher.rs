//! AES-256-GCM-SIV (RFC 8452) over `nonce ‖ ciphertext ‖ tag`. Chosen over plain
//! GCM because a repeated random nonce costs nothing but the equality of two
//! equal texts.

use aes_gcm_siv::aead::AeadInOut;
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

const NONCE_BYTES: usize = 12;

/// A key of either kind: 32 bytes, wiped when dropped.
pub(super) type KeyBytes = Zeroizing<[u8; 32]>;

/// The operating system gave no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoRandomness;

/// Why a text was not opened; deliberately no more detailed than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused;

pub(super) fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(ring::error::Unspecified) => Err(NoRandomness),
    }
}

pub(super) fn seal(key: &KeyBytes, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, NoRandomness> {
    let nonce = random::<NONCE_BYTES>()?;
    let mut text = plain.to_vec();
    #[expect(
        clippy::expect_used,
        reason = "the only error is a text above 64 GiB (RFC 8452 section 6)"
    )]
    Aes256GcmSiv::new((&**key).into())
        .encrypt_in_place(&Nonce::from(nonce), aad, &mut text)
        .expect("a secret is shorter than 64 GiB");
    Ok([nonce.as_slice(), &text].concat())
}

pub(super) fn open(
    key: &KeyBytes,
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let (nonce, text) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Refused)?;
    let mut text = Zeroizing::new(text.to_vec());
    match Aes256GcmSiv::new((&**key).into()).decrypt_in_place(&Nonce::from(*nonce), aad, &mut *text)
    {
        Ok(()) => Ok(text),
        Err(aes_gcm_siv::Error) => Err(Refused),
    }
}
