//! A caller who is let in.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;
use common::types::caller::{Origin, Principal};
use common::types::scope::Scope;
use hytale::custody;
use runtime::http::{RequestId, real_ip};

use super::known::Known;

/// Characters of a user agent that are kept.
const LONGEST: usize = 512;

/// Who asks, and from where.
#[derive(Debug, Clone)]
pub struct Caller {
    known: Arc<Known>,
    place: Place,
}

/// Where a request comes from. Most requests leave no trace that would tell, so it is read
/// from the request only where one does.
#[derive(Clone)]
pub struct Place(HttpRequest);

/// Not the request: keys, and tokens in the query, must not stand in what is printed.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Place")
    }
}

impl Place {
    /// Where this request comes from.
    pub fn of(request: &HttpRequest) -> Self {
        Self(request.clone())
    }

    /// The same for audit trails, with who asks and the id of the request that is being
    /// answered.
    pub fn origin(&self, principal: Option<Principal>) -> Origin {
        let user_agent = self.0.headers().get(USER_AGENT);
        let user_agent = user_agent.and_then(|it| it.to_str().ok());
        Origin {
            principal,
            ip: real_ip(&self.0),
            user_agent: user_agent.map(|text| text.chars().take(LONGEST).collect()),
            request_id: RequestId::current().map(String::from),
        }
    }
}

impl Caller {
    /// Somebody known, at this place.
    pub(super) fn new(known: Arc<Known>, place: Place) -> Self {
        Self { known, place }
    }

    /// Where the request comes from, for audit trails; names the principal as well.
    pub fn origin(&self) -> Origin {
        self.place.origin(Some(self.principal.clone()))
    }

    /// The same, as the custody of Hytale accounts knows callers.
    pub fn custody(&self) -> custody::Caller {
        custody::Caller {
            principal: self.principal.clone(),
            and: self.and.clone(),
            all_accounts: self.scopes.has(Scope::HytaleAll),
            origin: self.origin(),
        }
    }
}

impl Deref for Caller {
    type Target = Known;

    fn deref(&self) -> &Known {
        &self.known
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use common::types::scope::Scopes;

    #[test]
    fn a_callers_credentials_stand_in_nothing_that_is_printed() {
        let request = TestRequest::get()
            .uri("/?access_token=planted")
            .insert_header(("x-api-key", "planted"))
            .insert_header(("authorization", "Bearer planted"))
            .to_http_request();
        let known = Known::of(Principal::Service, Scopes::all());
        let caller = Caller::new(Arc::new(known), Place::of(&request));
        assert!(!format!("{caller:?}").contains("planted"));
    }
}
