//! What a request wants.

use super::refusal::Refusal;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Send a mail.
    Send,
    /// Send a list of mails.
    SendBatch,
    /// See a mail.
    Look(String),
}

impl Call {
    /// What a method and path want.
    ///
    /// # Errors
    /// Nothing that there is.
    pub fn find(method: &str, path: &str) -> Result<Self, Refusal> {
        let (call, allowed) = match path {
            "/emails" => (Self::Send, "POST"),
            "/emails/batch" => (Self::SendBatch, "POST"),
            _ => match path.strip_prefix("/emails/") {
                Some(id) if !id.contains('/') => (Self::Look(id.to_owned()), "GET"),
                _ => return Err(Refusal::new(404, "not_found", "There is no such path.")),
            },
        };
        if method == allowed {
            Ok(call)
        } else {
            let message = "There is no such method here.";
            Err(Refusal::new(405, "method_not_allowed", message))
        }
    }
}
