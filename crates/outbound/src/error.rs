//! Why there is no client.

/// A client that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address that requests go to; the words hold nothing of it.
    #[error("{0}")]
    Address(&'static str),
    /// The key that is sent along.
    #[error("the API key cannot be used")]
    Key(#[source] upstream::InvalidHeader),
    /// The system's TLS certificates or resolver cannot be used.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
}
