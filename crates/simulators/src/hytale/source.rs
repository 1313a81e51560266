//! Where random values come from: the same ones in every run, where a seed is given.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{Rng, SeedableRng, rngs::StdRng};
use uuid::Uuid;

/// Letters and digits of a user code as seen live.
const MIXED: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
/// Letters of the guide's user codes.
const UPPER: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Digits of the guide's user codes.
const DIGITS: &[u8] = b"0123456789";

/// A source of random values.
pub struct Source(StdRng);

impl Source {
    /// A source that repeats itself in every run with the same seed.
    pub fn new(seed: Option<u64>) -> Self {
        Self(seed.map_or_else(StdRng::from_os_rng, StdRng::seed_from_u64))
    }

    /// Bytes of a key.
    pub fn bytes(&mut self) -> [u8; 32] {
        self.0.random()
    }

    /// A version 4 uuid.
    pub fn uuid(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.0.random()).into_uuid()
    }

    /// An opaque token as Hydra makes them: a prefix, a value and its authentication code.
    pub fn token(&mut self, prefix: &str) -> String {
        let value = URL_SAFE_NO_PAD.encode(self.bytes());
        format!("{prefix}{value}.{}", URL_SAFE_NO_PAD.encode(self.bytes()))
    }

    /// The id of a key.
    pub fn key_id(&mut self) -> String {
        URL_SAFE_NO_PAD.encode(&self.bytes()[..12])
    }

    /// `fkYMjXa6`
    pub fn user_code(&mut self) -> String {
        self.pick(MIXED, 8)
    }

    /// `ABCD-1234`
    pub fn guide_user_code(&mut self) -> String {
        format!("{}-{}", self.pick(UPPER, 4), self.pick(DIGITS, 4))
    }

    fn pick(&mut self, from: &[u8], count: usize) -> String {
        (0..count)
            .map(|_| char::from(from[self.0.random_range(0..from.len())]))
            .collect()
    }
}
