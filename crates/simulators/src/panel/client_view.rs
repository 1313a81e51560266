//! The Client API's view of servers: other names, no numeric ids but one, the start command filled in.

use serde::Serialize;
use uuid::Uuid;

use super::{
    envelope::{Item, Relation},
    index::Index,
    list::rows_of,
    query::Includes,
    rows::{Allocation, EggVariable, FeatureLimits, Id, Limits, Server, User},
    state::State,
    view::{Attributes, identifier},
};

/// The attributes that only the Client API has.
#[derive(Serialize)]
#[serde(untagged)]
pub enum ClientAttributes<'a> {
    /// A server.
    Server(ClientServer<'a>),
    /// An allocation.
    Allocation(ClientAllocation<'a>),
    /// A variable that users may see.
    Variable(ClientVariable<'a>),
    /// An egg.
    Egg {
        /// Identity.
        uuid: Uuid,
        /// Display name.
        name: &'a str,
    },
    /// A subuser.
    Subuser(ClientSubuser<'a>),
    /// A server's use at this moment.
    Statistics(Statistics),
}

#[derive(Serialize)]
struct SftpDetails<'a> {
    ip: &'a str,
    port: u16,
}

/// A server.
#[derive(Serialize)]
pub struct ClientServer<'a> {
    server_owner: bool,
    identifier: String,
    internal_id: Id,
    uuid: Uuid,
    name: &'a str,
    node: &'a str,
    is_node_under_maintenance: bool,
    sftp_details: SftpDetails<'a>,
    description: &'a str,
    limits: &'a Limits,
    invocation: String,
    docker_image: &'a str,
    egg_features: Option<&'a [String]>,
    feature_limits: &'a FeatureLimits,
    status: Option<&'a str>,
    is_suspended: bool,
    is_installing: bool,
    is_transferring: bool,
}

/// An allocation.
#[derive(Serialize)]
pub struct ClientAllocation<'a> {
    id: Id,
    ip: &'a str,
    ip_alias: Option<&'a str>,
    port: u16,
    notes: Option<&'a str>,
    is_default: bool,
}

/// A variable.
#[derive(Serialize)]
pub struct ClientVariable<'a> {
    name: &'a str,
    description: &'a str,
    env_variable: &'a str,
    default_value: &'a str,
    server_value: Option<&'a str>,
    is_editable: bool,
    rules: &'a str,
}

/// A subuser.
#[derive(Serialize)]
pub struct ClientSubuser<'a> {
    uuid: Uuid,
    username: &'a str,
    email: &'a str,
    image: &'static str,
    #[serde(rename = "2fa_enabled")]
    two_factor: bool,
    #[serde(with = "super::time::seconds")]
    created_at: chrono::DateTime<chrono::Utc>,
    permissions: &'a [String],
}

/// What a daemon says of a server.
#[derive(Serialize)]
pub struct Statistics {
    current_state: &'static str,
    is_suspended: bool,
    resources: Use,
}

#[derive(Serialize)]
struct Use {
    memory_bytes: u64,
    cpu_absolute: f64,
    disk_bytes: u64,
    network_rx_bytes: u64,
    network_tx_bytes: u64,
    uptime: u64,
}

/// A running server's statistics, made of its id.
pub fn statistics(row: &Server) -> Item<'static> {
    let id = u64::from(row.id);
    let resources = Use {
        memory_bytes: 268_435_456 + id * 1_048_576,
        cpu_absolute: f64::from(row.id % 100) + 0.345,
        disk_bytes: 104_857_600 + id * 4_096,
        network_rx_bytes: 500_000 + id,
        network_tx_bytes: 250_000 + id,
        uptime: 3_600_000 + id,
    };
    let statistics = Statistics {
        current_state: "running",
        is_suspended: false,
        resources,
    };
    client_item(
        "stats",
        ClientAttributes::Statistics(statistics),
        Vec::new(),
    )
}

fn client_item<'a>(
    object: &'static str,
    attributes: ClientAttributes<'a>,
    related: Vec<(&'static str, Relation<'a>)>,
) -> Item<'a> {
    Item::new(object, Attributes::Client(Box::new(attributes)), related)
}

/// Whether a user may do something with a server: its owner and root admins may do everything.
fn may(state: &State, index: &Index, row: &Server, asker: &User, permission: &str) -> bool {
    let mut subusers = rows_of(&state.subusers, index.subusers_of_server(row.id));
    asker.root_admin
        || row.user == asker.id
        || subusers.any(|subuser| {
            subuser.user_id == asker.id && subuser.permissions.iter().any(|own| own == permission)
        })
}

/// A server as `asker` sees it, always with its allocations and visible variables as far as the asker may read them.
pub fn server<'a>(
    state: &'a State,
    index: &'a Index,
    row: &'a Server,
    asker: &User,
    includes: &Includes,
) -> Item<'a> {
    let node = state.nodes.get(&row.node);
    let status = row.status.as_deref();
    let variables: Vec<&EggVariable> =
        rows_of(&state.egg_variables, index.variables_of_egg(row.egg)).collect();
    let reads_startup = may(state, index, row, asker, "startup.read");
    let reads_allocations = may(state, index, row, asker, "allocation.read");
    let attributes = ClientServer {
        server_owner: row.user == asker.id,
        identifier: identifier(row.uuid),
        internal_id: row.id,
        uuid: row.uuid,
        name: &row.name,
        node: node.map_or("", |node| &node.name),
        is_node_under_maintenance: node.is_some_and(|node| node.maintenance_mode),
        sftp_details: SftpDetails {
            ip: node.map_or("", |node| &node.fqdn),
            port: node.map_or(0, |node| node.daemon_sftp),
        },
        description: &row.description,
        limits: &row.limits,
        invocation: invocation(state, row, &variables, reads_startup),
        docker_image: &row.image,
        egg_features: state
            .eggs
            .get(&row.egg)
            .map(|egg| egg.features.as_slice())
            .filter(|list| !list.is_empty()),
        feature_limits: &row.feature_limits,
        status,
        is_suspended: status == Some("suspended"),
        is_installing: matches!(status, Some("installing" | "install_failed")),
        is_transferring: state.transfers.contains(&row.id),
    };
    let visible = variables.iter().filter(|variable| variable.user_viewable);
    let variables = if reads_startup {
        Relation::Many(
            visible
                .map(|variable| self::variable(state, row.id, variable))
                .collect(),
        )
    } else {
        Relation::Null
    };
    let allocations = rows_of(&state.allocations, index.allocations_of_server(row.id))
        .filter(|allocation| reads_allocations || allocation.id == row.allocation)
        .map(|allocation| self::allocation(allocation, row.allocation, reads_allocations));
    let mut related = vec![
        ("allocations", Relation::Many(allocations.collect())),
        ("variables", variables),
    ];
    if includes.get("egg").is_some() {
        let egg = state.eggs.get(&row.egg).map_or(Relation::Null, |egg| {
            let egg = ClientAttributes::Egg {
                uuid: egg.uuid,
                name: &egg.name,
            };
            Relation::One(Box::new(client_item("egg", egg, Vec::new())))
        });
        related.push(("egg", egg));
    }
    if includes.get("subusers").is_some() {
        related.push(("subusers", Relation::Many(subusers(state, index, row.id))));
    }
    client_item("server", ClientAttributes::Server(attributes), related)
}

fn allocation(row: &Allocation, primary: Id, with_notes: bool) -> Item<'_> {
    let attributes = ClientAllocation {
        id: row.id,
        ip: &row.ip,
        ip_alias: row.alias.as_deref(),
        port: row.port,
        notes: row.notes.as_deref().filter(|_| with_notes),
        is_default: row.id == primary,
    };
    client_item(
        "allocation",
        ClientAttributes::Allocation(attributes),
        Vec::new(),
    )
}

fn variable<'a>(state: &'a State, server: Id, row: &'a EggVariable) -> Item<'a> {
    let attributes = ClientVariable {
        name: &row.name,
        description: &row.description,
        env_variable: &row.env_variable,
        default_value: &row.default_value,
        server_value: state
            .server_variables
            .get(&(server, row.id))
            .map(String::as_str),
        is_editable: row.user_editable,
        rules: &row.rules,
    };
    client_item(
        "egg_variable",
        ClientAttributes::Variable(attributes),
        Vec::new(),
    )
}

fn subusers<'a>(state: &'a State, index: &'a Index, server: Id) -> Vec<Item<'a>> {
    let rows = rows_of(&state.subusers, index.subusers_of_server(server));
    let known = rows.filter_map(|row| Some((row, state.users.get(&row.user_id)?)));
    known
        .map(|(row, user)| ClientSubuser {
            uuid: user.uuid,
            username: &user.username,
            email: &user.email,
            image: "https://gravatar.com/avatar/00000000000000000000000000000000",
            two_factor: user.two_factor,
            created_at: user.created_at,
            permissions: &row.permissions,
        })
        .map(|subuser| {
            client_item(
                "server_subuser",
                ClientAttributes::Subuser(subuser),
                Vec::new(),
            )
        })
        .collect()
}

/// The start command with every variable filled in; those that the asker may not see stay hidden.
fn invocation(
    state: &State,
    row: &Server,
    variables: &[&EggVariable],
    reads_startup: bool,
) -> String {
    let primary = state.allocations.get(&row.allocation);
    let mut text = row
        .startup
        .replace("{{SERVER_MEMORY}}", &row.limits.memory.to_string())
        .replace("{{SERVER_IP}}", primary.map_or("", |primary| &primary.ip))
        .replace(
            "{{SERVER_PORT}}",
            &primary.map_or(0, |primary| primary.port).to_string(),
        );
    for variable in variables {
        let value = state
            .server_variables
            .get(&(row.id, variable.id))
            .unwrap_or(&variable.default_value);
        let shown = if reads_startup && variable.user_viewable {
            value
        } else {
            "[hidden]"
        };
        text = text.replace(&format!("{{{{{}}}}}", variable.env_variable), shown);
    }
    text
}
