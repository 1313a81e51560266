//! Rows with the relations that were asked for, as far as the key may see them.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    access::Resource,
    envelope::{Item, Relation},
    faults::Faults,
    index::Index,
    latency::cost,
    query::Includes,
    rows::{Allocation, Egg, EggVariable, Id, Location, Nest, Node, User},
    state::State,
    view::{AllocationView, Attributes, NodeView},
};

/// Renders the rows of one answer.
pub struct Renderer<'a> {
    /// The rows.
    pub state: &'a State,
    /// Their relations.
    pub index: &'a Index,
    /// Rows that misbehave.
    pub faults: &'a Faults,
    /// What the key may read.
    pub readable: &'a BTreeSet<Resource>,
    pub(super) failure: Cell<Option<&'static str>>,
    milliseconds: Cell<f64>,
}

/// Relations by name.
pub(super) type Related<'a> = Vec<(&'static str, Relation<'a>)>;

impl<'a> Renderer<'a> {
    /// A renderer for one answer.
    pub fn new(
        state: &'a State,
        index: &'a Index,
        faults: &'a Faults,
        readable: &'a BTreeSet<Resource>,
    ) -> Self {
        Self {
            state,
            index,
            faults,
            readable,
            failure: Cell::new(None),
            milliseconds: Cell::new(0.0),
        }
    }

    /// The exception that rendering ran into, if any: the answer is then a 500.
    pub fn failure(&self) -> Option<&'static str> {
        self.failure.get()
    }

    /// Milliseconds of work that a real panel has with what was rendered.
    pub fn milliseconds(&self) -> f64 {
        self.milliseconds.get()
    }

    /// Counts work.
    pub fn spend(&self, milliseconds: f64) {
        self.milliseconds
            .set(self.milliseconds.get() + milliseconds);
    }

    pub(super) fn item(
        &self,
        (object, resource, id): (&'static str, Resource, Id),
        attributes: Attributes<'a>,
        related: Related<'a>,
    ) -> Item<'a> {
        let mut item = Item::new(object, attributes, related);
        if self.faults.poison.contains(&(resource, id)) {
            self.failure.set(Some("TypeError"));
        }
        if let Some((field, value)) = self.faults.malformed.get(&(resource, id)) {
            let mut object = item.to_object();
            object.insert(field.clone(), value.clone());
            item.replace(object);
        }
        item
    }

    pub(super) fn many<R: 'a>(
        &self,
        resource: Resource,
        rows: &'a BTreeMap<Id, R>,
        ids: impl IntoIterator<Item = &'a Id>,
        render: impl Fn(&'a R) -> Item<'a>,
    ) -> Relation<'a> {
        if !self.readable.contains(&resource) {
            return Relation::Null;
        }
        Relation::Many(
            ids.into_iter()
                .filter_map(|id| rows.get(id))
                .map(render)
                .collect(),
        )
    }

    pub(super) fn one<R>(
        &self,
        resource: Resource,
        row: Option<&'a R>,
        render: impl Fn(&'a R) -> Item<'a>,
    ) -> Relation<'a> {
        match row {
            Some(row) if self.readable.contains(&resource) => Relation::One(Box::new(render(row))),
            _ => Relation::Null,
        }
    }

    fn servers(&self, ids: &'a [Id], within: &Includes) -> Relation<'a> {
        self.many(Resource::Servers, &self.state.servers, ids, |row| {
            self.server(row, within)
        })
    }

    /// A location.
    pub fn location(&self, row: &'a Location, includes: &Includes) -> Item<'a> {
        self.spend(cost::SMALL_ROW);
        let mut related = Related::new();
        for (name, within) in includes.iter() {
            match name {
                "nodes" => {
                    let ids = self.index.nodes_of_location(row.id);
                    let nodes = self.many(Resource::Nodes, &self.state.nodes, ids, |row| {
                        self.node(row, within)
                    });
                    related.push(("nodes", nodes));
                }
                "servers" => {
                    let ids = self.index.nodes_of_location(row.id).iter();
                    let ids = ids.flat_map(|node| self.index.servers_of_node(*node));
                    let render = |row| self.server(row, within);
                    related.push((
                        "servers",
                        self.many(Resource::Servers, &self.state.servers, ids, render),
                    ));
                }
                _ => {}
            }
        }
        self.item(
            ("location", Resource::Locations, row.id),
            Attributes::Location(row),
            related,
        )
    }

    /// A node.
    pub fn node(&self, row: &'a Node, includes: &Includes) -> Item<'a> {
        self.spend(cost::NODE);
        let mut related = Related::new();
        for (name, within) in includes.iter() {
            match name {
                "allocations" => {
                    let ids = self.index.allocations_of_node(row.id);
                    let render = |row| self.allocation(row, within);
                    related.push((
                        "allocations",
                        self.many(Resource::Allocations, &self.state.allocations, ids, render),
                    ));
                }
                "location" => {
                    let location = self.state.locations.get(&row.location_id);
                    let location = self.one(Resource::Locations, location, |row| {
                        self.location(row, within)
                    });
                    related.push(("location", location));
                }
                "servers" => related.push((
                    "servers",
                    self.servers(self.index.servers_of_node(row.id), within),
                )),
                _ => {}
            }
        }
        let view = NodeView::new(row, self.index.used_on_node(row.id));
        self.item(
            ("node", Resource::Nodes, row.id),
            Attributes::Node(view),
            related,
        )
    }

    /// An allocation.
    pub fn allocation(&self, row: &'a Allocation, includes: &Includes) -> Item<'a> {
        self.spend(cost::ALLOCATION);
        let mut related = Related::new();
        for (name, within) in includes.iter() {
            match name {
                "node" => {
                    let node = self.state.nodes.get(&row.node_id);
                    related.push((
                        "node",
                        self.one(Resource::Nodes, node, |row| self.node(row, within)),
                    ));
                }
                "server" => {
                    let server = row.server_id.and_then(|id| self.state.servers.get(&id));
                    related.push((
                        "server",
                        self.one(Resource::Servers, server, |row| self.server(row, within)),
                    ));
                }
                _ => {}
            }
        }
        let attributes = Attributes::Allocation(AllocationView::new(row));
        self.item(
            ("allocation", Resource::Allocations, row.id),
            attributes,
            related,
        )
    }

    /// A nest.
    pub fn nest(&self, row: &'a Nest, includes: &Includes) -> Item<'a> {
        self.spend(cost::SMALL_ROW);
        let mut related = Related::new();
        for (name, within) in includes.iter() {
            match name {
                "eggs" => {
                    let ids = self.index.eggs_of_nest(row.id);
                    let eggs = self.many(Resource::Eggs, &self.state.eggs, ids, |row| {
                        self.egg(row, within)
                    });
                    related.push(("eggs", eggs));
                }
                "servers" => related.push((
                    "servers",
                    self.servers(self.index.servers_of_nest(row.id), within),
                )),
                _ => {}
            }
        }
        self.item(
            ("nest", Resource::Nests, row.id),
            Attributes::Nest(row),
            related,
        )
    }

    /// An egg.
    pub fn egg(&self, row: &'a Egg, includes: &Includes) -> Item<'a> {
        self.spend(cost::EGG);
        let mut related = Related::new();
        for (name, within) in includes.iter() {
            match name {
                "nest" => {
                    let nest = self.state.nests.get(&row.nest);
                    related.push((
                        "nest",
                        self.one(Resource::Nests, nest, |row| self.nest(row, within)),
                    ));
                }
                "servers" => related.push((
                    "servers",
                    self.servers(self.index.servers_of_egg(row.id), within),
                )),
                // Only an egg that takes over another's has these, and none here does.
                "config" => related.push(("config", Relation::Null)),
                "script" => related.push(("script", Relation::Null)),
                "variables" => {
                    let ids = self.index.variables_of_egg(row.id);
                    let render = |row| self.egg_variable(row);
                    related.push((
                        "variables",
                        self.many(Resource::Eggs, &self.state.egg_variables, ids, render),
                    ));
                }
                _ => {}
            }
        }
        self.item(
            ("egg", Resource::Eggs, row.id),
            Attributes::Egg(row),
            related,
        )
    }

    fn egg_variable(&self, row: &'a EggVariable) -> Item<'a> {
        self.spend(cost::VARIABLE);
        Item::new("egg_variable", Attributes::EggVariable(row), Related::new())
    }

    /// A user.
    pub fn user(&self, row: &'a User, includes: &Includes) -> Item<'a> {
        self.spend(cost::USER);
        let mut related = Related::new();
        if let Some(within) = includes.get("servers") {
            related.push((
                "servers",
                self.servers(self.index.servers_of_user(row.id), within),
            ));
        }
        self.item(
            ("user", Resource::Users, row.id),
            Attributes::User(row),
            related,
        )
    }
}
