//! Whose a request is, and what it wants.

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The webhook.
    pub id: String,
    /// Its token, as told.
    pub token: String,
    /// One of its messages.
    pub message: Option<String>,
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// See the webhook.
    Look,
    /// Remove the webhook.
    Remove,
    /// Send a message.
    Execute,
    /// See a message.
    Read,
    /// Change a message.
    Edit,
    /// Delete a message.
    Delete,
}

impl Call {
    /// The opaque name of the bucket that counts it; equal for all webhooks.
    pub fn bucket(self) -> &'static str {
        match self {
            Self::Look => "7d4f1c0e5b",
            Self::Remove => "c3a90b7721",
            Self::Execute => "4b38c1f6aa",
            Self::Read => "90f2ce1847",
            Self::Edit => "e1d57730b9",
            Self::Delete => "2a6bb40dcf",
        }
    }
}

impl Target {
    /// What a path of version 9 or 10 names.
    pub fn find(path: &str) -> Option<Self> {
        let path = path
            .strip_prefix("/api/v10/webhooks/")
            .or_else(|| path.strip_prefix("/api/v9/webhooks/"))?;
        let parts: Vec<&str> = path.split('/').collect();
        let (id, token, message) = match parts.as_slice() {
            [id, token] => (id, token, None),
            [id, token, "messages", message] => (id, token, Some((*message).to_owned())),
            _ => return None,
        };
        Some(Self {
            id: (*id).to_owned(),
            token: (*token).to_owned(),
            message,
        })
    }

    /// What a method wants of it.
    pub fn call(&self, method: &str) -> Option<Call> {
        Some(match (method, &self.message) {
            ("GET", None) => Call::Look,
            ("DELETE", None) => Call::Remove,
            ("POST", None) => Call::Execute,
            ("GET", Some(_)) => Call::Read,
            ("PATCH", Some(_)) => Call::Edit,
            ("DELETE", Some(_)) => Call::Delete,
            _ => return None,
        })
    }
}
