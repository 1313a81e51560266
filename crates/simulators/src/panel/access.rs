//! Keys and what they may read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::rows::Id;

/// A resource as the panel's key permissions and listings name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Locations.
    Locations,
    /// Nodes.
    Nodes,
    /// Allocations.
    Allocations,
    /// Nests.
    Nests,
    /// Eggs and their variables.
    Eggs,
    /// Servers and their variables.
    Servers,
    /// Users and subusers.
    Users,
    /// Databases of servers.
    ServerDatabases,
    /// Database hosts.
    DatabaseHosts,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Locations,
        Self::Nodes,
        Self::Allocations,
        Self::Nests,
        Self::Eggs,
        Self::Servers,
        Self::Users,
        Self::ServerDatabases,
        Self::DatabaseHosts,
    ];
}

/// What a key opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The Application API, for reading these resources.
    Application(BTreeSet<Resource>),
    /// The Client API; a root admin's opens the whole Application API too.
    Client,
}

/// A key of a user.
#[derive(Clone, Debug)]
pub struct Key {
    /// What it opens.
    pub scope: Scope,
    /// Whose it is: the rate limit counts by user.
    pub user: Id,
    /// Whether it has expired: it is answered like an unknown one.
    pub expired: bool,
    /// Whether it is bound to addresses of which the asker's is none.
    pub foreign_address: bool,
}

/// All keys by their secret text.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The keys.
    pub keys: BTreeMap<String, Key>,
    /// The service token (id and secret) that Cloudflare Access before the panel asks for.
    pub service_token: Option<(String, String)>,
}

impl Access {
    /// Adds an application key that may read everything.
    pub fn add_application_key(&mut self, secret: &str, user: Id) {
        let scope = Scope::Application(BTreeSet::from(Resource::ALL));
        self.keys.insert(
            secret.to_owned(),
            Key {
                scope,
                user,
                expired: false,
                foreign_address: false,
            },
        );
    }

    /// Adds a client key.
    pub fn add_client_key(&mut self, secret: &str, user: Id) {
        self.keys.insert(
            secret.to_owned(),
            Key {
                scope: Scope::Client,
                user,
                expired: false,
                foreign_address: false,
            },
        );
    }

    /// Puts the panel behind Cloudflare Access, which lets nobody pass but by this service token.
    pub fn guard(&mut self, id: &str, secret: &str) {
        self.service_token = Some((id.to_owned(), secret.to_owned()));
    }

    /// Takes the permission to read a resource from every application key.
    pub fn withdraw(&mut self, resource: Resource) {
        for key in self.keys.values_mut() {
            if let Scope::Application(resources) = &mut key.scope {
                resources.remove(&resource);
            }
        }
    }

    /// Gives the permission to read a resource to every application key.
    pub fn grant(&mut self, resource: Resource) {
        for key in self.keys.values_mut() {
            if let Scope::Application(resources) = &mut key.scope {
                resources.insert(resource);
            }
        }
    }
}
