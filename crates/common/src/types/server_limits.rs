//! For which servers a key may be used.

use std::fmt;
use uuid::Uuid;

/// The servers that a key is limited to, by our ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerLimits {
    /// Every server, those that are yet to come included.
    All,
    /// Those that are named here.
    Named {
        /// These servers.
        servers: Vec<Uuid>,
        /// The servers that stand on these nodes.
        nodes: Vec<Uuid>,
    },
}

impl ServerLimits {
    /// No server.
    pub const NONE: Self = Self::Named {
        servers: Vec::new(),
        nodes: Vec::new(),
    };

    /// Whether a server that stands on `node` is among them.
    #[must_use]
    pub fn cover(&self, server: Uuid, node: Option<Uuid>) -> bool {
        match self {
            Self::All => true,
            Self::Named { servers, nodes } => {
                servers.contains(&server) || node.is_some_and(|node| nodes.contains(&node))
            }
        }
    }

    /// The servers that are named.
    #[must_use]
    pub fn servers(&self) -> &[Uuid] {
        match self {
            Self::All => &[],
            Self::Named { servers, .. } => servers,
        }
    }

    /// The nodes that are named.
    #[must_use]
    pub fn nodes(&self) -> &[Uuid] {
        match self {
            Self::All => &[],
            Self::Named { nodes, .. } => nodes,
        }
    }
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Display for ServerLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Named { servers, nodes } = self else {
            return f.write_str("all servers");
        };
        let counted = |count: usize, what: &str| match count {
            0 => None,
            1 => Some(format!("1 {what}")),
            more => Some(format!("{more} {what}s")),
        };
        let parts = [
            counted(servers.len(), "server"),
            counted(nodes.len(), "node"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            return f.write_str("no server");
        }
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: Uuid = Uuid::from_u128(1);
    const NODE: Uuid = Uuid::from_u128(2);
    const OTHER: Uuid = Uuid::from_u128(3);

    fn named(servers: &[Uuid], nodes: &[Uuid]) -> ServerLimits {
        ServerLimits::Named {
            servers: servers.to_vec(),
            nodes: nodes.to_vec(),
        }
    }

    #[test]
    fn a_server_is_covered_by_its_own_id_or_that_of_its_node() {
        for limits in [
            ServerLimits::All,
            named(&[OTHER, SERVER], &[]),
            named(&[], &[NODE]),
            named(&[OTHER], &[NODE]),
        ] {
            assert!(limits.cover(SERVER, Some(NODE)), "{limits}");
        }
    }

    #[test]
    fn every_other_server_is_not() {
        for limits in [
            ServerLimits::NONE,
            named(&[OTHER], &[OTHER]),
            // Ids of another kind.
            named(&[NODE], &[SERVER]),
        ] {
            assert!(!limits.cover(SERVER, Some(NODE)), "{limits}");
        }
        let on_a_node = named(&[], &[NODE]);
        assert!(!on_a_node.cover(SERVER, None), "its node is not known");
    }

    #[test]
    fn limits_are_told_in_a_few_words() {
        let told = [
            (ServerLimits::All, "all servers"),
            (ServerLimits::NONE, "no server"),
            (named(&[SERVER], &[]), "1 server"),
            (named(&[SERVER, OTHER], &[NODE]), "2 servers, 1 node"),
        ];
        for (limits, words) in told {
            assert_eq!(limits.to_string(), words);
        }
    }
}
