//! Listings: filters, sorts, pages.

use std::{cmp::Ordering, collections::BTreeMap};

use super::{
    envelope::{Links, Pagination},
    query::{BadPerPage, Query},
    reply::Reply,
    rows::{Allocation, Id, Location, Node, Server, User},
};

type Matches<R> = fn(&R, &str) -> bool;
/// What a query wants of the columns: for each one of these values.
type Wanted<'q, R> = Vec<(Matches<R>, Vec<&'q str>)>;
type Compares<R> = fn(&R, &R) -> Ordering;

/// By which columns a listing can be narrowed and sorted; the order is that of the panel's error messages.
pub struct Columns<R: 'static> {
    filters: &'static [(&'static str, Matches<R>)],
    sorts: Option<&'static [(&'static str, Compares<R>)]>,
}

/// Part of the text, whatever the case.
pub fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

fn maybe_contains(text: Option<&str>, part: &str) -> bool {
    text.is_some_and(|text| contains(text, part))
}

/// Servers.
pub const SERVERS: Columns<Server> = Columns {
    filters: &[
        ("uuid", |row, part| contains(&row.uuid.to_string(), part)),
        ("uuidShort", |row, part| {
            contains(&super::view::identifier(row.uuid), part)
        }),
        ("name", |row, part| contains(&row.name, part)),
        ("description", |row, part| contains(&row.description, part)),
        ("image", |row, part| contains(&row.image, part)),
        ("external_id", |row, part| {
            maybe_contains(row.external_id.as_deref(), part)
        }),
    ],
    sorts: Some(&[
        ("id", |a, b| a.id.cmp(&b.id)),
        ("uuid", |a, b| a.uuid.cmp(&b.uuid)),
    ]),
};

/// Nodes.
pub const NODES: Columns<Node> = Columns {
    filters: &[
        ("uuid", |row, part| contains(&row.uuid.to_string(), part)),
        ("name", |row, part| contains(&row.name, part)),
        ("fqdn", |row, part| contains(&row.fqdn, part)),
        // The panel matches the daemon's token here, which this one does not have.
        ("daemon_token_id", |_, _| false),
    ],
    sorts: Some(&[
        ("id", |a, b| a.id.cmp(&b.id)),
        ("uuid", |a, b| a.uuid.cmp(&b.uuid)),
        ("memory", |a, b| a.memory.cmp(&b.memory)),
        ("disk", |a, b| a.disk.cmp(&b.disk)),
    ]),
};

/// Users.
pub const USERS: Columns<User> = Columns {
    filters: &[
        ("email", |row, part| contains(&row.email, part)),
        ("uuid", |row, part| contains(&row.uuid.to_string(), part)),
        ("username", |row, part| contains(&row.username, part)),
        ("external_id", |row, part| {
            maybe_contains(row.external_id.as_deref(), part)
        }),
    ],
    sorts: Some(&[
        ("id", |a, b| a.id.cmp(&b.id)),
        ("uuid", |a, b| a.uuid.cmp(&b.uuid)),
    ]),
};

/// Locations.
pub const LOCATIONS: Columns<Location> = Columns {
    filters: &[
        ("short", |row, part| contains(&row.short, part)),
        ("long", |row, part| {
            maybe_contains(row.long.as_deref(), part)
        }),
    ],
    sorts: Some(&[("id", |a, b| a.id.cmp(&b.id))]),
};

/// Allocations of a node: any sort is ignored.
pub const ALLOCATIONS: Columns<Allocation> = Columns {
    filters: &[
        ("ip", |row, ip| row.ip == ip),
        ("port", |row, port| port.parse() == Ok(row.port)),
        ("ip_alias", |row, part| {
            maybe_contains(row.alias.as_deref(), part)
        }),
        ("server_id", |row, server| match server {
            "0" | "false" => row.server_id.is_none(),
            server => row.server_id.is_some_and(|id| server.parse() == Ok(id)),
        }),
    ],
    sorts: None,
};

/// Servers of the Client API: any sort is ignored.
pub const CLIENT_SERVERS: Columns<Server> = Columns {
    filters: &[
        ("uuid", |row, part| contains(&row.uuid.to_string(), part)),
        ("name", |row, part| contains(&row.name, part)),
        ("description", |row, part| contains(&row.description, part)),
        ("external_id", |row, part| {
            maybe_contains(row.external_id.as_deref(), part)
        }),
        ("*", |row, part| {
            let short = super::view::identifier(row.uuid);
            contains(&row.name, part)
                || short == part
                || maybe_contains(row.external_id.as_deref(), part)
        }),
    ],
    sorts: None,
};

fn quoted(names: &[&str]) -> String {
    format!("`{}`", names.join(", "))
}

impl<R> Columns<R> {
    /// The rows that the query's filters let through, in the order that its sorts ask for.
    ///
    /// # Errors
    /// The panel's 400 for a column that it does not filter or sort by.
    pub fn select<'a>(
        &self,
        rows: impl Iterator<Item = &'a R>,
        query: &Query,
    ) -> Result<Vec<&'a R>, Box<Reply>> {
        let filters = self.filters(query)?;
        let sorts = self.sorts(query)?;
        let passes = |row: &&R| {
            let alternatives = filters.iter().filter(|(_, wanted)| !wanted.is_empty());
            alternatives
                .clone()
                .all(|(filter, wanted)| wanted.iter().any(|value| filter(row, value)))
        };
        let mut rows: Vec<&R> = rows.filter(passes).collect();
        rows.sort_by(|a, b| {
            let orders = sorts.iter().map(|(compare, descending)| {
                let order = compare(a, b);
                if *descending { order.reverse() } else { order }
            });
            orders.fold(Ordering::Equal, Ordering::then)
        });
        Ok(rows)
    }

    fn filters<'q>(&self, query: &'q Query) -> Result<Wanted<'q, R>, Box<Reply>> {
        let known: BTreeMap<&str, Matches<R>> = self.filters.iter().copied().collect();
        let asked = query.filters();
        let unknown: Vec<&str> = asked
            .keys()
            .copied()
            .filter(|column| !known.contains_key(column))
            .collect();
        if unknown.is_empty() {
            return Ok(asked
                .into_iter()
                .filter_map(|(column, wanted)| Some((*known.get(column)?, wanted)))
                .collect());
        }
        let allowed: Vec<&str> = self.filters.iter().map(|(column, _)| *column).collect();
        let (unknown, allowed) = (quoted(&unknown), quoted(&allowed));
        let detail = format!(
            "Requested filter(s) {unknown} are not allowed. Allowed filter(s) are {allowed}."
        );
        Err(Box::new(Reply::invalid_query(
            "InvalidFilterQuery",
            &detail,
        )))
    }

    fn sorts(&self, query: &Query) -> Result<Vec<(Compares<R>, bool)>, Box<Reply>> {
        let Some(known) = self.sorts else {
            return Ok(Vec::new());
        };
        let mut sorts = Vec::new();
        for (column, descending) in query.sorts() {
            let Some((_, compare)) = known.iter().find(|(name, _)| *name == column) else {
                let allowed: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                let (column, allowed) = (quoted(&[column]), quoted(&allowed));
                let detail = format!(
                    "Requested sort(s) {column} is not allowed. Allowed sort(s) are {allowed}."
                );
                return Err(Box::new(Reply::invalid_query("InvalidSortQuery", &detail)));
            };
            sorts.push((*compare, descending));
        }
        Ok(sorts)
    }
}

/// Which rows of a listing a query asks for.
pub struct Page {
    /// Rows a full page has.
    pub per_page: usize,
    number: usize,
    url: String,
}

impl Page {
    /// The page that a query asks for; links in the answer begin with `url`, which the Application API gives no
    /// query of its own.
    ///
    /// # Errors
    /// The panel's 500 for a `per_page` that is not a positive number.
    pub fn new(query: &Query, url: String) -> Result<Self, Box<Reply>> {
        let per_page = query.per_page().map_err(|bad| {
            Box::new(Reply::unexpected(match bad {
                BadPerPage::NotANumber => "TypeError",
                BadPerPage::Negative => "QueryException",
            }))
        })?;
        Ok(Self {
            per_page,
            number: query.page(),
            url,
        })
    }

    /// At most this many rows a page.
    pub fn capped(mut self, most: usize) -> Self {
        self.per_page = self.per_page.min(most);
        self
    }

    /// The page's rows of all rows.
    pub fn of<T: Copy>(&self, all: &[T]) -> (Vec<T>, Pagination) {
        let total = all.len();
        let rows: Vec<T> = all
            .iter()
            .skip((self.number - 1).saturating_mul(self.per_page))
            .take(self.per_page)
            .copied()
            .collect();
        let total_pages = total.div_ceil(self.per_page).max(1);
        let separator = if self.url.contains('?') { '&' } else { '?' };
        let link = |page: usize| format!("{}{separator}page={page}", self.url);
        let links = Links {
            previous: (self.number > 1).then(|| link(self.number - 1)),
            next: (self.number < total_pages).then(|| link(self.number + 1)),
        };
        let count = rows.len();
        let pagination = Pagination {
            total,
            count,
            per_page: self.per_page,
            current_page: self.number,
            total_pages,
            links,
        };
        (rows, pagination)
    }
}

/// Rows by id, in the order of the ids.
pub fn rows_of<'a, R>(rows: &'a BTreeMap<Id, R>, ids: &'a [Id]) -> impl Iterator<Item = &'a R> {
    ids.iter().filter_map(|id| rows.get(id))
}
