//! The limit that every request is counted against.

use actix_web::dev::ServiceRequest;
use actix_web::web::Data;
use common::types::caller::Principal;
use common::types::limit::Limit;
use runtime::http::{ApiError, counted_as, real_ip};

use super::bucket;
use crate::auth;
use crate::gate::Gate;
use crate::state::State;

/// Where a principal's requests are counted: written once for all of them.
#[derive(Debug, PartialEq, Eq)]
pub struct GeneralBucket {
    pub(super) limit: Limit,
    /// It ends with the principal's own name.
    pub(super) name: Box<str>,
}

impl GeneralBucket {
    /// By which limit, and in which bucket, a principal is counted.
    pub fn of(principal: &Principal) -> Self {
        let limit = match principal {
            Principal::Service | Principal::Client(_) => Limit::Key,
            Principal::User(_) => Limit::Bearer,
        };
        Self {
            name: bucket(limit, &principal.to_string()).into(),
            limit,
        }
    }

    /// The principal's name.
    pub fn principal(&self) -> &str {
        let behind = self.limit.name().len() + 1;
        self.name.get(behind..).unwrap_or_default()
    }
}

/// Counts a request and lets it pass, or refuses it. Whose it is, was found out before: a
/// client's key beside a user's token counts for both.
pub struct Count;

impl Gate for Count {
    fn at_hand(state: &State, request: &ServiceRequest) -> Option<Result<(), ApiError>> {
        // Of two, one might be counted twice: at hand, and then with the other.
        match auth::known(request.request())?.buckets.as_slice() {
            [bucket] => state.limits.take_at_hand(bucket),
            _ => None,
        }
    }

    async fn ask(state: &Data<State>, request: &ServiceRequest) -> Result<(), ApiError> {
        match auth::known(request.request()) {
            Some(known) => {
                for bucket in &known.buckets {
                    state.limits.take_general(bucket).await?;
                }
                Ok(())
            }
            None => {
                let address = address(request);
                state.limits.take(Limit::Address, &address, None).await
            }
        }
    }
}

/// The address that a request is counted by. Without one all share one bucket.
pub fn address(request: &ServiceRequest) -> String {
    real_ip(request.request()).map_or_else(
        || "unknown".to_owned(),
        |address| counted_as(address).to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_named_for_its_limit_and_its_principal() {
        let user = GeneralBucket::of(&Principal::User("cm:5".to_owned()));
        assert_eq!(
            (user.limit, &*user.name, user.principal()),
            (Limit::Bearer, "bearer:user:cm:5", "user:cm:5")
        );
        let service = GeneralBucket::of(&Principal::Service);
        assert_eq!(
            (service.limit, &*service.name, service.principal()),
            (Limit::Key, "key:service", "service")
        );
    }
}
