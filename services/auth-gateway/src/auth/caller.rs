//! A caller who is let in.

use common::types::caller::{Origin, Principal};
use common::types::scope::{Scope, Scopes};
use hytale::custody;

/// Who asks, and what they may do.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Owner of accounts, holder of limits.
    pub principal: Principal,
    /// Who else must own what the call is about: the client whose key came along with a
    /// user's token.
    pub and: Option<Principal>,
    /// What the credentials may be used for.
    pub scopes: Scopes,
    /// Where the request came from, for audit trails; names the principal as well.
    pub origin: Origin,
}

impl Caller {
    /// The same, as the custody of Hytale accounts knows callers.
    pub fn custody(&self) -> custody::Caller {
        custody::Caller {
            principal: self.principal.clone(),
            and: self.and.clone(),
            all_accounts: self.scopes.has(Scope::HytaleAll),
            origin: self.origin.clone(),
        }
    }
}
