//! What can go wrong with PostgreSQL.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A failed operation. Nothing of it has been written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection could be had in time.
    #[error("no database connection")]
    Pool(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A statement failed.
    #[error("a database statement failed")]
    Query(#[source] DieselError),
    /// Migrating failed.
    #[error("migrating the database failed")]
    Migration(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The task was leased anew, cancelled, or its run has ended: its worker
    /// must stop, and nothing it does is written.
    #[error("the task is no longer this worker's")]
    FenceLost,
    /// Another transaction holds rows that are to be changed, and did not let go of them.
    #[error("another transaction holds what is to be changed; nothing was changed")]
    Held(#[source] Box<Self>),
    /// A stored value is not what the code expects.
    #[error("a stored value cannot be understood: {0}")]
    Corrupt(String),
    /// The row does not exist.
    #[error("no such {0}")]
    NotFound(&'static str),
}

impl StoreError {
    /// Whether the same operation may succeed when asked again, unchanged.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Pool(_) | Self::Held(_) => true,
            Self::Query(DieselError::NotFound) => false,
            Self::Query(error) => self.is_unexplained() || !is_refusal(error),
            Self::Migration(_) | Self::FenceLost | Self::Corrupt(_) | Self::NotFound(_) => false,
        }
    }

    /// Whether PostgreSQL gave a reason that nobody here can tell: diesel names the
    /// common violations and keeps no code of anything else, so that a deadlock, a
    /// timeout and a shutdown look like a statement that can never succeed.
    #[must_use]
    pub fn is_unexplained(&self) -> bool {
        matches!(
            self,
            Self::Query(DieselError::DatabaseError(DatabaseErrorKind::Unknown, _))
        )
    }

    /// Whether PostgreSQL refused what was sent, rather than being unable to
    /// work. The wording is not looked at: servers speak many languages.
    pub(crate) fn may_be_refusal(&self) -> bool {
        matches!(self, Self::Query(error) if is_refusal(error))
    }
}

fn is_refusal(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(kind, _) => !matches!(
            kind,
            DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::SerializationFailure
                | DatabaseErrorKind::ReadOnlyTransaction
                | DatabaseErrorKind::UnableToSendCommand
        ),
        DieselError::SerializationError(_) => true,
        _ => false,
    }
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        Self::Query(error)
    }
}
