//! The Application API: listings and single rows.

use std::collections::BTreeMap;

use super::{
    access::Resource,
    envelope::{Item, Listing},
    latency::cost,
    list::{self, Columns, Page, rows_of},
    query::{Includes, Query},
    render::Renderer,
    reply::Reply,
    routes::Route,
    rows::Id,
};

/// Answers one request whose key is known and counted.
pub fn answer(renderer: &Renderer<'_>, route: &Route, query: &Query, url: String) -> Reply {
    let answered = Application {
        renderer,
        query,
        url,
    }
    .answer(route);
    match (renderer.failure(), answered) {
        (Some(exception), Ok(_)) => Reply::unexpected(exception),
        (_, Ok(reply)) => reply,
        (_, Err(reply)) => *reply,
    }
}

struct Application<'r, 'a> {
    renderer: &'r Renderer<'a>,
    query: &'r Query,
    url: String,
}

type Answer = Result<Reply, Box<Reply>>;
type Render<'a, R> = fn(&Renderer<'a>, &'a R, &Includes) -> Item<'a>;

impl<'a> Application<'_, 'a> {
    fn answer(&self, route: &Route) -> Answer {
        let state = self.renderer.state;
        let resource = resource(route);
        if !self.renderer.readable.contains(&resource) {
            return Err(Box::new(Reply::unauthorized_action()));
        }
        match route {
            Route::Locations => self.listing(
                resource,
                &state.locations,
                &list::LOCATIONS,
                Renderer::location,
            ),
            Route::Location(id) => self.single(state.locations.get(id), Renderer::location),
            Route::Nodes => self.listing(resource, &state.nodes, &list::NODES, Renderer::node),
            Route::Node(id) => self.single(state.nodes.get(id), Renderer::node),
            Route::NodeAllocations(node) => self.allocations(*node),
            Route::Nests => {
                let nests: Vec<_> = state.nests.values().collect();
                self.page(resource, &nests, Renderer::nest)
            }
            Route::Nest(id) => self.single(state.nests.get(id), Renderer::nest),
            Route::Eggs(nest) => self.eggs(*nest),
            Route::Egg(nest, egg) => self.single(
                state.eggs.get(egg).filter(|egg| egg.nest == *nest),
                Renderer::egg,
            ),
            Route::Users => self.listing(resource, &state.users, &list::USERS, Renderer::user),
            Route::User(id) => self.single(state.users.get(id), Renderer::user),
            Route::ExternalUser(external) => {
                let known = state
                    .users
                    .values()
                    .find(|row| row.external_id.as_ref() == Some(external));
                self.single(known, Renderer::user)
            }
            Route::Servers => {
                self.listing(resource, &state.servers, &list::SERVERS, Renderer::server)
            }
            Route::Server(id) => self.single(state.servers.get(id), Renderer::server),
            Route::ExternalServer(external) => {
                let known = state
                    .servers
                    .values()
                    .find(|row| row.external_id.as_ref() == Some(external));
                self.single(known, Renderer::server)
            }
            Route::Databases(server) => self.databases(*server),
            Route::Database(server, database) => {
                let known = state
                    .databases
                    .get(database)
                    .filter(|_| state.servers.contains_key(server));
                self.single(known, |renderer, row, includes| {
                    renderer.database("server_database", row, includes)
                })
            }
            Route::ClientServers | Route::ClientServer(_) | Route::ClientResources(_) => {
                Err(Box::new(Reply::missing_row()))
            }
        }
    }

    fn single<R>(&self, row: Option<&'a R>, render: Render<'a, R>) -> Answer {
        self.renderer.spend(cost::SINGLE);
        let row = row.ok_or_else(|| Box::new(Reply::missing_row()))?;
        Ok(Reply::json(&render(
            self.renderer,
            row,
            &self.query.includes,
        )))
    }

    fn listing<R>(
        &self,
        resource: Resource,
        rows: &'a BTreeMap<Id, R>,
        columns: &Columns<R>,
        render: Render<'a, R>,
    ) -> Answer {
        self.page(
            resource,
            &columns.select(rows.values(), self.query)?,
            render,
        )
    }

    fn page<R>(&self, resource: Resource, rows: &[&'a R], render: Render<'a, R>) -> Answer {
        self.renderer.spend(cost::LISTING);
        let page = Page::new(self.query, self.url.clone())?;
        let faults = self.renderer.faults;
        if faults
            .memory
            .get(&resource)
            .is_some_and(|most| page.per_page > *most)
        {
            return Err(Box::new(Reply::empty_500()));
        }
        let (rows, mut pagination) = page.of(if faults.empty.contains(&resource) {
            &[]
        } else {
            rows
        });
        if let Some(total) = faults.totals.get(&resource) {
            pagination.total = *total;
        }
        let items = rows
            .into_iter()
            .map(|row| render(self.renderer, row, &self.query.includes))
            .collect();
        Ok(Reply::json(&Listing::new(items, Some(pagination))))
    }

    fn allocations(&self, node: Id) -> Answer {
        let Renderer { state, index, .. } = self.renderer;
        if !state.nodes.contains_key(&node) {
            return Err(Box::new(Reply::missing_row()));
        }
        let rows = rows_of(&state.allocations, index.allocations_by_address(node));
        self.page(
            Resource::Allocations,
            &list::ALLOCATIONS.select(rows, self.query)?,
            Renderer::allocation,
        )
    }

    fn eggs(&self, nest: Id) -> Answer {
        let Renderer {
            state,
            index,
            faults,
            ..
        } = self.renderer;
        if !state.nests.contains_key(&nest) {
            return Err(Box::new(Reply::missing_row()));
        }
        let ids = if faults.empty.contains(&Resource::Eggs) {
            &[]
        } else {
            index.eggs_of_nest(nest)
        };
        self.renderer.spend(cost::LISTING);
        let eggs =
            rows_of(&state.eggs, ids).map(|row| self.renderer.egg(row, &self.query.includes));
        Ok(Reply::json(&Listing::new(eggs.collect(), None)))
    }

    fn databases(&self, server: Id) -> Answer {
        let Renderer {
            state,
            index,
            faults,
            ..
        } = self.renderer;
        if !state.servers.contains_key(&server) {
            return Err(Box::new(Reply::missing_row()));
        }
        let empty = faults.empty.contains(&Resource::ServerDatabases);
        let ids = if empty {
            &[]
        } else {
            index.databases_of_server(server)
        };
        self.renderer.spend(cost::DATABASES);
        let databases = rows_of(&state.databases, ids).map(|row| {
            self.renderer
                .database("server_database", row, &self.query.includes)
        });
        Ok(Reply::json(&Listing::new(databases.collect(), None)))
    }
}

fn resource(route: &Route) -> Resource {
    match route {
        Route::Locations | Route::Location(_) => Resource::Locations,
        Route::Nodes | Route::Node(_) => Resource::Nodes,
        Route::NodeAllocations(_) => Resource::Allocations,
        Route::Nests | Route::Nest(_) => Resource::Nests,
        Route::Eggs(_) | Route::Egg(..) => Resource::Eggs,
        Route::Users | Route::User(_) | Route::ExternalUser(_) => Resource::Users,
        Route::Databases(_) | Route::Database(..) => Resource::ServerDatabases,
        Route::Servers
        | Route::Server(_)
        | Route::ExternalServer(_)
        | Route::ClientServers
        | Route::ClientServer(_)
        | Route::ClientResources(_) => Resource::Servers,
    }
}
