//! The state that recordings of a real panel hold together.
//!
//! They were asked with other pages and relations than a mirror asks with, so the rows are gathered from where they
//! stand: allocations among the nodes' relations, everything of a server among the servers', hosts and passwords of
//! databases where somebody asked for them.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    rows::{
        Allocation, Database, DatabaseHost, Egg, EggVariable, FeatureLimits, Id, Limits, Location,
        Nest, Node, Server, Subuser, User,
    },
    state::State,
};

/// Why recordings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingsError {
    /// A file that is needed cannot be read.
    #[error("cannot read the recording {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file does not hold what a panel answers.
    #[error("the recording {path} is not the answer it should be")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
}

#[derive(Deserialize)]
struct List<A> {
    data: Vec<Item<A>>,
}

impl<A> Default for List<A> {
    fn default() -> Self {
        Self { data: Vec::new() }
    }
}

#[derive(Deserialize)]
struct Item<A> {
    attributes: A,
}

impl<A> List<A> {
    fn rows(self) -> impl Iterator<Item = A> {
        self.data.into_iter().map(|item| item.attributes)
    }
}

/// Reads a row's relations from the same object as the row itself, which is read on its own.
#[derive(Deserialize)]
struct Related<R> {
    id: Id,
    relationships: R,
}

#[derive(Deserialize)]
struct NodeRelations {
    allocations: List<Allocation>,
}

#[derive(Deserialize)]
struct NestRelations {
    eggs: List<Egg>,
}

#[derive(Deserialize)]
struct NestVariables {
    eggs: List<Related<EggRelations>>,
}

#[derive(Deserialize)]
struct EggRelations {
    variables: List<EggVariable>,
}

#[derive(Deserialize)]
struct RecordedServer {
    id: Id,
    external_id: Option<String>,
    uuid: Uuid,
    name: String,
    description: String,
    status: Option<String>,
    limits: Limits,
    feature_limits: FeatureLimits,
    user: Id,
    node: Id,
    allocation: Id,
    nest: Id,
    egg: Id,
    container: Container,
    updated_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    relationships: ServerRelations,
}

#[derive(Deserialize)]
struct Container {
    startup_command: String,
    image: String,
}

#[derive(Deserialize)]
struct ServerRelations {
    allocations: List<Allocation>,
    subusers: List<Subuser>,
    variables: List<Value>,
    databases: List<Database>,
}

#[derive(Deserialize)]
struct Value {
    id: Id,
    server_value: Option<String>,
}

#[derive(Deserialize)]
struct ServerDatabases {
    databases: List<Related<DatabaseRelations>>,
}

#[derive(Deserialize)]
struct DatabaseRelations {
    host: Option<Item<DatabaseHost>>,
    password: Option<Item<Password>>,
}

#[derive(Deserialize)]
struct Password {
    password: String,
}

struct Folder(PathBuf);

impl Folder {
    fn read<A: DeserializeOwned>(&self, name: &str) -> Result<List<A>, RecordingsError> {
        let path = self.0.join(name);
        let text = fs::read(&path).map_err(|source| RecordingsError::Read {
            path: path.clone(),
            source,
        })?;
        serde_json::from_slice(&text).map_err(|source| RecordingsError::Parse { path, source })
    }
}

fn by_id<R>(rows: impl Iterator<Item = R>, id: impl Fn(&R) -> Id) -> BTreeMap<Id, R> {
    rows.map(|row| (id(&row), row)).collect()
}

impl State {
    /// The state under `app/` of recordings; `directory` is the folder that holds `small/`, or `small` itself.
    ///
    /// # Errors
    /// A recording that is needed is absent or is not what a panel answers.
    pub fn from_recordings(directory: impl AsRef<Path>) -> Result<Self, RecordingsError> {
        let directory = directory.as_ref();
        let small = directory.join("small");
        let folder = Folder(
            if small.is_dir() {
                small
            } else {
                directory.to_owned()
            }
            .join("app"),
        );
        let mut state = Self {
            locations: by_id(
                folder
                    .read::<Location>("locations/per_page_10000.json")?
                    .rows(),
                |row| row.id,
            ),
            nodes: by_id(
                folder.read::<Node>("nodes/per_page_10000.json")?.rows(),
                |row| row.id,
            ),
            nests: by_id(
                folder.read::<Nest>("nests/per_page_10000.json")?.rows(),
                |row| row.id,
            ),
            users: by_id(
                folder.read::<User>("users/per_page_10000.json")?.rows(),
                |row| row.id,
            ),
            ..Self::default()
        };
        for node in folder
            .read::<Related<NodeRelations>>("nodes/include_allocations.json")?
            .rows()
        {
            let of_node = |row| Allocation {
                node_id: node.id,
                ..row
            };
            state.allocations.extend(
                node.relationships
                    .allocations
                    .rows()
                    .map(of_node)
                    .map(|row| (row.id, row)),
            );
        }
        for nest in folder
            .read::<Related<NestRelations>>("nests/include_eggs.variables.json")?
            .rows()
        {
            state
                .eggs
                .extend(nest.relationships.eggs.rows().map(|row| (row.id, row)));
        }
        for nest in folder
            .read::<Related<NestVariables>>("nests/include_eggs.variables.json")?
            .rows()
        {
            let variables = nest
                .relationships
                .eggs
                .rows()
                .flat_map(|egg| egg.relationships.variables.rows());
            state
                .egg_variables
                .extend(variables.map(|row| (row.id, row)));
        }
        for server in folder
            .read::<RecordedServer>("servers/include_all_pp100.json")?
            .rows()
        {
            state.take(server);
        }
        state.take_database_relations(&folder)?;
        Ok(state)
    }

    fn take(&mut self, recorded: RecordedServer) {
        let id = recorded.id;
        let ServerRelations {
            allocations,
            subusers,
            variables,
            databases,
        } = recorded.relationships;
        for allocation in allocations.rows() {
            if let Some(row) = self.allocations.get_mut(&allocation.id) {
                row.server_id = Some(id);
            }
        }
        let values = variables
            .rows()
            .filter_map(|variable| Some(((id, variable.id), variable.server_value?)));
        self.server_variables.extend(values);
        self.subusers
            .extend(subusers.rows().map(|row| (row.id, row)));
        self.databases
            .extend(databases.rows().map(|row| (row.id, row)));
        let server = Server {
            id,
            external_id: recorded.external_id,
            uuid: recorded.uuid,
            name: recorded.name,
            description: recorded.description,
            status: recorded.status,
            limits: recorded.limits,
            feature_limits: recorded.feature_limits,
            user: recorded.user,
            node: recorded.node,
            allocation: recorded.allocation,
            nest: recorded.nest,
            egg: recorded.egg,
            startup: recorded.container.startup_command,
            image: recorded.container.image,
            updated_at: recorded.updated_at,
            created_at: recorded.created_at,
        };
        self.servers.insert(id, server);
    }

    fn take_database_relations(&mut self, folder: &Folder) -> Result<(), RecordingsError> {
        let hosts =
            folder.read::<Related<ServerDatabases>>("servers/include_databases.host.json")?;
        let passwords =
            folder.read::<Related<ServerDatabases>>("servers/include_databases.password.json")?;
        let both =
            folder.read::<Related<DatabaseRelations>>("servers/databases/s6_host,password.json")?;
        let of_servers = hosts
            .rows()
            .chain(passwords.rows())
            .flat_map(|server| server.relationships.databases.rows());
        let mut known: HashMap<Id, String> = HashMap::new();
        for Related { id, relationships } in of_servers.chain(both.rows()) {
            self.database_hosts.extend(
                relationships
                    .host
                    .map(|host| (host.attributes.id, host.attributes)),
            );
            known.extend(
                relationships
                    .password
                    .map(|password| (id, password.attributes.password)),
            );
        }
        for database in self.databases.values_mut() {
            database.password = known
                .remove(&database.id)
                .unwrap_or_else(|| "never recorded".to_owned());
        }
        Ok(())
    }
}
