//! Whose logs a caller may write and read: decisions about one server, without I/O.

use common::types::scope::Scope;
use common::types::server_limits::ServerLimits;
use store::ServerPlace;

use super::caller::Caller;

/// Whether a key with these limits may write what the server says.
pub fn may_write(limits: &ServerLimits, server: &ServerPlace) -> bool {
    limits.cover(server.id, server.node_id)
}

/// Whether a caller may read what the server says: who reads everything, and
/// administrators. Where users can call, the server's owner belongs here.
pub fn may_read(reader: &Caller, _server: &ServerPlace) -> bool {
    reader.scopes.has_any(&[Scope::Read, Scope::Admin])
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::types::caller::{Origin, Principal};
    use common::types::scope::Scopes;
    use uuid::Uuid;

    const SERVER: ServerPlace = ServerPlace {
        id: Uuid::from_u128(1),
        uuid: Uuid::from_u128(2),
        node_id: Some(Uuid::from_u128(3)),
    };

    #[test]
    fn a_key_writes_for_the_servers_and_nodes_that_it_names() {
        let named = |servers: &[u128], nodes: &[u128]| {
            let ids = |all: &[u128]| all.iter().copied().map(Uuid::from_u128).collect();
            ServerLimits::Named {
                servers: ids(servers),
                nodes: ids(nodes),
            }
        };
        assert!(may_write(&ServerLimits::All, &SERVER));
        assert!(may_write(&named(&[1], &[]), &SERVER));
        assert!(may_write(&named(&[], &[3]), &SERVER));
        // The panel's uuid is no id of ours.
        assert!(!may_write(&named(&[2, 9], &[2, 9]), &SERVER));
        assert!(!may_write(&ServerLimits::NONE, &SERVER));
    }

    #[test]
    fn who_reads_everything_and_administrators_read_logs() {
        for scope in Scope::ALL {
            let caller = Caller {
                principal: Principal::Service,
                scopes: Scopes::NONE.with(scope),
                origin: Origin::default(),
            };
            let reads = matches!(scope, Scope::Read | Scope::Admin);
            assert_eq!(may_read(&caller, &SERVER), reads, "{scope}");
        }
    }
}
