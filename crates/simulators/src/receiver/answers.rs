//! How a request can be answered.

use serde::{Deserialize, Serialize};

/// What is done with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// A status.
    Status {
        /// HTTP status.
        status: u16,
        /// Value of `Retry-After`: seconds or a date.
        #[serde(default)]
        retry_after: Option<String>,
        /// The body.
        #[serde(default)]
        body: String,
    },
    /// A status after a silence.
    Late {
        /// HTTP status.
        status: u16,
        /// Milliseconds of silence.
        milliseconds: u64,
    },
    /// Nothing, ever.
    Never,
    /// The connection is reset before the body is read.
    ResetBeforeReading,
    /// The connection is reset after the body was read.
    ResetAfterReading,
    /// The answer is elsewhere.
    Redirect {
        /// 301, 302, 307 or 308.
        status: u16,
        /// Where.
        location: String,
    },
    /// A status with a body of this many bytes.
    Huge {
        /// HTTP status.
        status: u16,
        /// Length of the body.
        bytes: u64,
    },
    /// Status 200 whose headers come line by line; when all have come, the connection is closed.
    DrippedHeaders {
        /// Milliseconds between two lines.
        milliseconds: u64,
        /// How many lines.
        lines: u32,
    },
    /// Status 200 whose body comes byte by byte.
    DrippedBody {
        /// Milliseconds between two bytes.
        milliseconds: u64,
        /// Length of the body.
        bytes: u32,
    },
}

impl Answer {
    /// A status and nothing else.
    pub fn status(status: u16) -> Self {
        Self::Status {
            status,
            retry_after: None,
            body: String::new(),
        }
    }

    /// A status with seconds of `Retry-After`.
    pub fn retry_after(status: u16, seconds: u64) -> Self {
        Self::Status {
            status,
            retry_after: Some(seconds.to_string()),
            body: String::new(),
        }
    }

    /// The status that it ends in; none where no answer comes.
    pub(super) fn decided(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. }
            | Self::Late { status, .. }
            | Self::Redirect { status, .. }
            | Self::Huge { status, .. } => Some(*status),
            Self::DrippedHeaders { .. } | Self::DrippedBody { .. } => Some(200),
            Self::Never | Self::ResetBeforeReading | Self::ResetAfterReading => None,
        }
    }
}
