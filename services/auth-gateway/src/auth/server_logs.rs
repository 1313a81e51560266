//! Whose logs a caller may write and read: decisions about one server, without I/O.

use common::types::caller::Principal;
use common::types::scope::Scope;
use common::types::server_limits::ServerLimits;
use store::ServerPlace;

use super::known::Known;

/// Whether a key with these limits may write what the server says.
pub fn may_write(limits: &ServerLimits, server: &ServerPlace) -> bool {
    limits.cover(server.id, server.node_id)
}

/// Whether a caller may read what the server says: who reads everything, administrators,
/// and the server's owner.
pub fn may_read(reader: &Known, server: &ServerPlace) -> bool {
    let is_theirs = match &reader.principal {
        // With a client's key beside it, the server would have to be both's.
        Principal::User(user) => server.owner.as_ref() == Some(user) && reader.and.is_none(),
        Principal::Service | Principal::Client(_) => false,
    };
    is_theirs || reader.scopes.has_any(&[Scope::Read, Scope::Admin])
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::types::scope::Scopes;
    use uuid::Uuid;

    fn server() -> ServerPlace {
        ServerPlace {
            id: Uuid::from_u128(1),
            uuid: Uuid::from_u128(2),
            node_id: Some(Uuid::from_u128(3)),
            owner: Some("anna".to_owned()),
        }
    }

    fn caller(principal: Principal, scope: Scope) -> Known {
        Known::of(principal, Scopes::NONE.with(scope))
    }

    #[test]
    fn a_key_writes_for_the_servers_and_nodes_that_it_names() {
        let named = |servers: &[u128], nodes: &[u128]| {
            let ids = |all: &[u128]| all.iter().copied().map(Uuid::from_u128).collect();
            ServerLimits::Named {
                servers: ids(servers),
                nodes: ids(nodes),
            }
        };
        assert!(may_write(&ServerLimits::All, &server()));
        assert!(may_write(&named(&[1], &[]), &server()));
        assert!(may_write(&named(&[], &[3]), &server()));
        // The panel's uuid is no id of ours.
        assert!(!may_write(&named(&[2, 9], &[2, 9]), &server()));
        assert!(!may_write(&ServerLimits::NONE, &server()));
    }

    #[test]
    fn who_reads_everything_and_administrators_read_logs() {
        for scope in Scope::ALL {
            let caller = caller(Principal::Service, scope);
            let reads = matches!(scope, Scope::Read | Scope::Admin);
            assert_eq!(may_read(&caller, &server()), reads, "{scope}");
        }
    }

    #[test]
    fn a_servers_owner_reads_its_logs_and_no_other_user_does() {
        let reads = |user: &str| {
            let user = Principal::User(user.to_owned());
            may_read(&caller(user, Scope::Hytale), &server())
        };
        assert!(reads("anna"));
        assert!(!reads("ben"));
    }
}
