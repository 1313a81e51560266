//! The envelope of a successful answer.

use paperclip::actix::Apiv2Schema;
use serde::Serialize;

/// A success.
#[derive(Debug, Serialize, Apiv2Schema)]
pub struct Answer<T> {
    /// Always true.
    success: bool,
    data: T,
    /// A sentence for people; may be empty.
    message: String,
}

impl<T> Answer<T> {
    /// Data that speaks for itself.
    pub fn of(data: T) -> Self {
        Self::saying(String::new(), data)
    }

    /// Data with a sentence for people.
    pub fn saying(message: impl Into<String>, data: T) -> Self {
        Self {
            success: true,
            data,
            message: message.into(),
        }
    }
}
