//! Whom good credentials stand for.

use std::borrow::Cow;
use std::sync::Arc;

use common::types::caller::Principal;
use common::types::scope::{Scope, Scopes};

use crate::limits::GeneralBucket;

/// Whom good credentials stand for: found out once, and then the same for all requests
/// that carry them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The user of the token or, without one, the client of the key: owner of accounts,
    /// holder of limits.
    pub principal: Principal,
    /// The client, where a token came along and the client's key does not reach to the
    /// accounts of others: the call is about what belongs to both.
    pub and: Option<Principal>,
    /// What the credentials may be used for.
    pub scopes: Scopes,
    /// Where the general limit counts: for the client whose key came along, for the user
    /// whose token did.
    pub buckets: Vec<Arc<GeneralBucket>>,
}

impl Known {
    /// Whom one credential stands for.
    pub fn of(principal: Principal, scopes: Scopes) -> Self {
        Self {
            buckets: vec![Arc::new(GeneralBucket::of(&principal))],
            and: None,
            principal,
            scopes,
        }
    }

    /// The principal's name: what the general limit writes it as, so that it is written once.
    pub fn name(&self) -> Cow<'_, str> {
        match self.buckets.last() {
            Some(bucket) => bucket.principal().into(),
            None => self.principal.to_string().into(),
        }
    }

    /// A call with key and token may do what both may, and counts for both: neither widens
    /// the other's limit.
    pub fn both(key: &Self, bearer: &Self) -> Self {
        Self {
            principal: bearer.principal.clone(),
            and: (!key.scopes.has(Scope::HytaleAll)).then(|| key.principal.clone()),
            scopes: key.scopes.and(bearer.scopes),
            buckets: key.buckets.iter().chain(&bearer.buckets).cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn anna(scopes: Scopes) -> Known {
        Known::of(Principal::User("anna".to_owned()), scopes)
    }

    #[test]
    fn a_call_with_key_and_token_may_do_what_both_may_and_counts_for_both() {
        let client = Principal::Client(Uuid::nil());
        let key = Scopes::NONE.with(Scope::Hytale).with(Scope::Sync);
        let bearer = Scopes::NONE.with(Scope::Hytale).with(Scope::Admin);
        let both = Known::both(&Known::of(client.clone(), key), &anna(bearer));
        assert_eq!(both.principal, Principal::User("anna".to_owned()));
        assert_eq!(both.scopes, Scopes::NONE.with(Scope::Hytale));
        assert_eq!(both.buckets.len(), 2);
        assert_eq!(*both.buckets[0], GeneralBucket::of(&client));
        assert_eq!(*both.buckets[1], GeneralBucket::of(&both.principal));
        assert_eq!(both.and, Some(client));
    }

    #[test]
    fn a_key_for_all_accounts_leaves_the_users_own() {
        let service = Known::of(Principal::Service, Scopes::all());
        let both = Known::both(&service, &anna(Scopes::NONE.with(Scope::Hytale)));
        assert_eq!(both.and, None);
        assert!(!both.scopes.has(Scope::HytaleAll));
    }
}
