//! Servers and what hangs on them, with the relations that were asked for.

use super::{
    access::Resource,
    envelope::{Item, Relation},
    latency::cost,
    query::Includes,
    render::{Related, Renderer},
    rows::{Database, DatabaseHost, EggVariable, Id, Server, Subuser},
    view::{Attributes, DatabaseHostView, DatabaseView, ServerVariableView, ServerView},
};

impl<'a> Renderer<'a> {
    fn server_variable(&self, server: Id, row: &'a EggVariable, includes: &Includes) -> Item<'a> {
        self.spend(cost::VARIABLE);
        if includes.get("parent").is_some() {
            self.failure.set(Some("RelationNotFoundException"));
        }
        let value = self
            .state
            .server_variables
            .get(&(server, row.id))
            .map(String::as_str);
        Item::new(
            "server_variable",
            Attributes::ServerVariable(ServerVariableView::new(row, value)),
            Related::new(),
        )
    }

    /// A server.
    pub fn server(&self, row: &'a Server, includes: &Includes) -> Item<'a> {
        self.spend(cost::SERVER);
        let variables = self.index.variables_of_egg(row.egg);
        let related = includes
            .iter()
            .filter_map(|(name, within)| self.server_relation(row, variables, name, within));
        let related = related
            .inspect(|_| self.spend(cost::SERVER_RELATION))
            .collect();
        let view = Box::new(ServerView::new(self.state, row, variables));
        self.item(
            ("server", Resource::Servers, row.id),
            Attributes::Server(view),
            related,
        )
    }

    fn server_relation(
        &self,
        row: &'a Server,
        variables: &'a [Id],
        name: &str,
        within: &Includes,
    ) -> Option<(&'static str, Relation<'a>)> {
        let Self { state, index, .. } = *self;
        Some(match name {
            "allocations" => {
                let ids = index.allocations_of_server(row.id);
                let render = |row| self.allocation(row, within);
                (
                    "allocations",
                    self.many(Resource::Allocations, &state.allocations, ids, render),
                )
            }
            "user" => (
                "user",
                self.one(Resource::Users, state.users.get(&row.user), |row| {
                    self.user(row, within)
                }),
            ),
            "subusers" => {
                let ids = index.subusers_of_server(row.id);
                let render = |row| self.subuser(row, within);
                (
                    "subusers",
                    self.many(Resource::Users, &state.subusers, ids, render),
                )
            }
            "nest" => (
                "nest",
                self.one(Resource::Nests, state.nests.get(&row.nest), |row| {
                    self.nest(row, within)
                }),
            ),
            "egg" => (
                "egg",
                self.one(Resource::Eggs, state.eggs.get(&row.egg), |row| {
                    self.egg(row, within)
                }),
            ),
            "variables" => {
                let render = |variable| self.server_variable(row.id, variable, within);
                (
                    "variables",
                    self.many(Resource::Servers, &state.egg_variables, variables, render),
                )
            }
            "location" => {
                let node = state.nodes.get(&row.node);
                let location = node.and_then(|node| state.locations.get(&node.location_id));
                (
                    "location",
                    self.one(Resource::Locations, location, |row| {
                        self.location(row, within)
                    }),
                )
            }
            "node" => (
                "node",
                self.one(Resource::Nodes, state.nodes.get(&row.node), |row| {
                    self.node(row, within)
                }),
            ),
            "databases" => {
                let ids = index.databases_of_server(row.id);
                let render = |row| self.database("databases", row, within);
                (
                    "databases",
                    self.many(Resource::ServerDatabases, &state.databases, ids, render),
                )
            }
            "transfer" => {
                self.failure.set(Some("TypeError"));
                return None;
            }
            _ => return None,
        })
    }

    fn subuser(&self, row: &'a Subuser, includes: &Includes) -> Item<'a> {
        self.spend(cost::SMALL_ROW);
        let mut related = Related::new();
        for (name, within) in includes.iter() {
            match name {
                "user" => {
                    let user = self.state.users.get(&row.user_id);
                    related.push((
                        "user",
                        self.one(Resource::Users, user, |row| self.user(row, within)),
                    ));
                }
                "server" => {
                    let server = self.state.servers.get(&row.server_id);
                    related.push((
                        "server",
                        self.one(Resource::Servers, server, |row| self.server(row, within)),
                    ));
                }
                _ => {}
            }
        }
        Item::new("subuser", Attributes::Subuser(row), related)
    }

    /// A database; it is called `databases` among a server's relations and `server_database` elsewhere.
    pub fn database(
        &self,
        object: &'static str,
        row: &'a Database,
        includes: &Includes,
    ) -> Item<'a> {
        self.spend(cost::SMALL_ROW);
        let mut related = Related::new();
        for (name, within) in includes.iter() {
            match name {
                "host" => {
                    let host = self.state.database_hosts.get(&row.host);
                    let host = self.one(Resource::DatabaseHosts, host, |row| {
                        self.database_host(row, within)
                    });
                    related.push(("host", host));
                }
                "password" => {
                    let password = Attributes::Password {
                        password: &row.password,
                    };
                    let password = Item::new("database_password", password, Related::new());
                    related.push(("password", Relation::One(Box::new(password))));
                }
                _ => {}
            }
        }
        let attributes = Attributes::Database(DatabaseView::new(self.state, row));
        self.item(
            (object, Resource::ServerDatabases, row.id),
            attributes,
            related,
        )
    }

    fn database_host(&self, row: &'a DatabaseHost, includes: &Includes) -> Item<'a> {
        self.spend(cost::SMALL_ROW);
        let mut related = Related::new();
        if let Some(within) = includes.get("databases") {
            let ids = self.index.databases_of_host(row.id);
            let render = |row| self.database("server_database", row, within);
            related.push((
                "databases",
                self.many(
                    Resource::ServerDatabases,
                    &self.state.databases,
                    ids,
                    render,
                ),
            ));
        }
        let attributes = Attributes::DatabaseHost(DatabaseHostView::new(self.state, row));
        self.item(
            ("database_host", Resource::DatabaseHosts, row.id),
            attributes,
            related,
        )
    }
}
