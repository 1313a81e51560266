//! Failures without an answer, told apart by whether the request can have arrived.

use reqwest::Response;

/// Why there is no answer. No variant holds the address, which tells what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Transport {
    /// There was no connection: the request surely did not arrive.
    #[error("no connection")]
    NotSent(#[source] reqwest::Error),
    /// No whole answer within the time allowed; the request may have arrived.
    #[error("no answer in time")]
    Timeout(#[source] reqwest::Error),
    /// The connection broke; the request may have arrived.
    #[error("the connection broke")]
    Broken(#[source] reqwest::Error),
    /// The body cannot be decompressed or ends early.
    #[error("a body that cannot be decompressed or ends early")]
    Undecodable(#[source] reqwest::Error),
    /// The body goes beyond the cap and was not read further.
    #[error("a body beyond all bounds")]
    TooLarge,
}

impl From<reqwest::Error> for Transport {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        // A connection that does not come in time is both: first of all, none.
        if error.is_connect() || error.is_builder() {
            Self::NotSent(error)
        } else if error.is_timeout() {
            Self::Timeout(error)
        } else if error.is_decode() {
            Self::Undecodable(error)
        } else {
            Self::Broken(error)
        }
    }
}

/// The whole body, up to `cap` bytes after decompression.
///
/// # Errors
///
/// [`Transport::TooLarge`] beyond the cap, else whatever ended it early.
pub async fn read_body(mut response: Response, cap: usize) -> Result<Vec<u8>, Transport> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > cap {
            return Err(Transport::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
