//! Invented panels, the same in every run: a small one with a row for every oddity of a real panel, and a large one
//! that is only large.

use chrono::{DateTime, Duration, Utc};

use super::{
    oddities,
    rows::{
        Allocation, Daemon, Database, DatabaseHost, FeatureLimits, Id, Limits, Location, Node,
        Server, Subuser, User,
    },
    state::State,
    stock::{self, uuid},
};

struct Sizes {
    locations: Id,
    nodes: Id,
    allocations_per_node: Id,
    users: Id,
    servers: Id,
    subusers: Id,
    databases: Id,
    database_hosts: Id,
}

const SMALL: Sizes = Sizes {
    locations: 3,
    nodes: 5,
    allocations_per_node: 60,
    users: 40,
    servers: 60,
    subusers: 25,
    databases: 12,
    database_hosts: 2,
};

const LARGE: Sizes = Sizes {
    locations: 10,
    nodes: 50,
    allocations_per_node: 2_000,
    users: 5_000,
    servers: 10_000,
    subusers: 4_000,
    databases: 5_000,
    database_hosts: 10,
};

impl State {
    /// 3 locations, 5 nodes, 300 allocations, 4 nests with 14 eggs and 71 variables, 40 users, 60 servers,
    /// 25 subusers, 12 databases on 2 hosts, a transfer; every oddity of a real panel in some row.
    pub fn small() -> Self {
        let mut state = build(&SMALL);
        oddities::add(&mut state);
        state
    }

    /// 10 locations, 50 nodes with 2,000 allocations each of which 20,000 are assigned, 10,000 servers with some
    /// 42,000 values, 5,000 users, 4,000 subusers, 5,000 databases.
    pub fn large() -> Self {
        build(&LARGE)
    }

    /// The large panel with this share of its rows (0 to 1, at least one of each); a node keeps its 2,000
    /// allocations.
    pub fn sized(share: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a small number"
        )]
        let part = |whole: Id| ((f64::from(whole) * share).round() as Id).max(1);
        build(&Sizes {
            locations: part(LARGE.locations),
            nodes: part(LARGE.nodes),
            allocations_per_node: LARGE.allocations_per_node,
            users: part(LARGE.users),
            servers: part(LARGE.servers),
            subusers: part(LARGE.subusers),
            databases: part(LARGE.databases),
            database_hosts: part(LARGE.database_hosts),
        })
    }
}

/// A whole second, some hours after the panel was set up.
fn hours(count: Id) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + Duration::days(19_358) + Duration::hours(12 + i64::from(count))
}

fn pick<T: Copy, const N: usize>(choices: [T; N], id: Id) -> T {
    choices[id as usize % N]
}

fn build(sizes: &Sizes) -> State {
    let mut state = State::default();
    stock::fill(&mut state, hours(0));
    state.locations = (1..=sizes.locations).map(|id| (id, location(id))).collect();
    state.nodes = (1..=sizes.nodes)
        .map(|id| (id, node(id, sizes.locations)))
        .collect();
    for node in 1..=sizes.nodes {
        for place in 0..sizes.allocations_per_node {
            let id = (node - 1) * sizes.allocations_per_node + place + 1;
            state.allocations.insert(
                id,
                allocation(id, node, place, sizes.allocations_per_node / 2),
            );
        }
    }
    state.users = (1..=sizes.users).map(|id| (id, user(id))).collect();
    let mut taken = vec![0; sizes.nodes as usize + 1];
    for id in 1..=sizes.servers {
        add_server(&mut state, id, sizes, &mut taken);
    }
    state.subusers = (1..=sizes.subusers)
        .map(|id| (id, subuser(id, sizes)))
        .collect();
    state.database_hosts = (1..=sizes.database_hosts)
        .map(|id| (id, database_host(id)))
        .collect();
    state.databases = (1..=sizes.databases)
        .map(|id| (id, database(id, sizes)))
        .collect();
    state
}

fn location(id: Id) -> Location {
    Location {
        id,
        short: pick(["eu.vie", "us-west", "ap-sgp"], id).to_owned() + &id.to_string(),
        long: (!id.is_multiple_of(3)).then(|| format!("Hall № {id} – behind the river 🌊")),
        updated_at: hours(id + 4),
        created_at: hours(id),
    }
}

fn node(id: Id, locations: Id) -> Node {
    Node {
        id,
        uuid: uuid("node", id),
        public: !id.is_multiple_of(3),
        name: format!("Node-{id}.{}", pick(["epyc", "xeon", "ryzen"], id)),
        description: (id % 4 != 1).then(|| format!("Rack {id} — Gehäuse Nr. {id}")),
        location_id: 1 + (id - 1) % locations,
        fqdn: if id % 5 == 2 {
            format!("192.0.2.{id}")
        } else {
            format!("node{id}.example.test")
        },
        scheme: pick(["https", "http"], id).to_owned(),
        behind_proxy: id.is_multiple_of(4),
        maintenance_mode: id.is_multiple_of(5),
        memory: 131_072,
        memory_overallocate: pick([0, 20, -1], id),
        disk: 1_048_576,
        disk_overallocate: pick([0, 10, -1], id),
        upload_size: 100,
        daemon_listen: 8080,
        daemon_sftp: 2022,
        daemon_base: "/var/lib/pterodactyl/volumes".to_owned(),
        created_at: hours(id),
        updated_at: hours(id * 2),
        daemon: Daemon::Running,
    }
}

/// The first half of a node's places is on one address, the second on another.
fn allocation(id: Id, node: Id, place: Id, half: Id) -> Allocation {
    let block = place / half;
    let ip = if node % 5 == 4 && block == 1 {
        format!("2001:db8::{node:x}")
    } else {
        format!("10.{}.{}.{}", node / 100, node % 100, 8 + block)
    };
    Allocation {
        id,
        ip,
        alias: (place.is_multiple_of(30)).then(|| format!("play{node}.example.test")),
        port: u16::try_from(25_565 + place % half).unwrap_or(u16::MAX),
        notes: match place % 20 {
            7 => Some("query port".to_owned()),
            13 => Some("Voice / Map 🗺️".to_owned()),
            _ => None,
        },
        node_id: node,
        server_id: None,
    }
}

fn user(id: Id) -> User {
    let admin = id == 1;
    User {
        id,
        external_id: (id.is_multiple_of(4)).then(|| format!("billing-client-{id}")),
        uuid: uuid("user", id),
        username: if admin {
            "admin".to_owned()
        } else {
            format!("{}{id}", pick(["user.", "player_", "ute-"], id))
        },
        email: format!(
            "{}{id}@example.test",
            pick(["user", "Player", "Ute.Großmann"], id)
        ),
        first_name: Some(pick(["Ada", "O'Neil", "Łukasz", "玲"], id).to_owned()),
        last_name: Some(pick(["van der Berg", "Müller", "d’Arc"], id).to_owned()),
        language: "en".to_owned(),
        root_admin: admin,
        two_factor: id.is_multiple_of(6),
        created_at: hours(id),
        updated_at: hours(id + 14),
    }
}

fn add_server(state: &mut State, id: Id, sizes: &Sizes, taken: &mut [Id]) {
    let node = 1 + id % sizes.nodes;
    let egg = 1 + (id * 5) % 14;
    let count = 1 + id % 3;
    let place = &mut taken[node as usize];
    let first = (node - 1) * sizes.allocations_per_node + *place + 1;
    *place += count;
    for allocation in first..first + count {
        if let Some(row) = state.allocations.get_mut(&allocation) {
            row.server_id = Some(id);
        }
    }
    let Some(egg) = state.eggs.get(&egg) else {
        return;
    };
    let server = Server {
        id,
        external_id: (id.is_multiple_of(3)).then(|| format!("billing-service-{id}")),
        uuid: uuid("server", id),
        name: format!(
            "{} #{id}",
            pick(
                [
                    "Остров",
                    "Survival",
                    "島のサーバー",
                    "Bob's <Blocks> & Co",
                    "🎮 Arena \"Ω\""
                ],
                id
            )
        ),
        description: if id.is_multiple_of(5) {
            String::new()
        } else {
            format!("Server {id} for customer {}", id * 31)
        },
        status: None,
        limits: Limits {
            memory: pick([0, 512, 1_024, 2_048, 4_096, 8_192], id),
            swap: pick([0, 512, -1], id),
            disk: pick([5_120, 10_240, 20_480, 0], id),
            io: 500,
            cpu: pick([0, 100, 250, 400], id),
            threads: pick([None, Some("0"), Some("0-1,3"), Some("2,4")], id).map(str::to_owned),
            oom_disabled: id % 2 == 1,
        },
        feature_limits: FeatureLimits {
            databases: pick([Some(0), Some(2), None, Some(10)], id),
            allocations: pick([Some(5), Some(0), None], id),
            backups: pick([0, 3], id),
        },
        user: 1 + (id * 13) % sizes.users,
        node,
        allocation: first,
        nest: egg.nest,
        egg: egg.id,
        startup: egg.startup.clone(),
        image: if id.is_multiple_of(33) {
            format!("~{}", egg.docker_image)
        } else {
            egg.docker_image.clone()
        },
        updated_at: hours(id * 12),
        created_at: hours(id * 6),
    };
    let variables = state
        .egg_variables
        .values()
        .filter(|variable| variable.egg_id == server.egg);
    let values = variables.filter(|variable| !(id * 7 + variable.id).is_multiple_of(6));
    let values: Vec<_> = values
        .map(|variable| {
            let value = match (id + variable.id) % 11 {
                _ if variable.env_variable == "CONSOLE_PASSWORD" => {
                    format!("planted-console-password-{id}")
                }
                0 => String::new(),
                1..=3 => format!("{}{id}", variable.default_value),
                _ => variable.default_value.clone(),
            };
            ((id, variable.id), value)
        })
        .collect();
    state.server_variables.extend(values);
    state.servers.insert(id, server);
}

fn owner_of(server: Id, sizes: &Sizes) -> Id {
    1 + (server * 13) % sizes.users
}

fn subuser(id: Id, sizes: &Sizes) -> Subuser {
    let server_id = 1 + (id * 7) % sizes.servers;
    let others = (sizes.users - 1).max(1);
    Subuser {
        id,
        user_id: 1 + (owner_of(server_id, sizes) + id % others) % sizes.users,
        server_id,
        permissions: [
            "websocket.connect",
            "control.console",
            "control.start",
            "file.read",
            "backup.create",
        ]
        .map(str::to_owned)[..1 + id as usize % 5]
            .to_vec(),
        created_at: hours(id),
        updated_at: hours(id + 1),
    }
}

fn database_host(id: Id) -> DatabaseHost {
    DatabaseHost {
        id,
        name: format!("Database house {id} 🗄"),
        host: format!("db{id}.example.test"),
        port: 3306,
        username: "panel".to_owned(),
        node: (id.is_multiple_of(2)).then_some(id),
        created_at: hours(id),
        updated_at: hours(id),
    }
}

fn database(id: Id, sizes: &Sizes) -> Database {
    let server = 1 + (id * 3 + 2) % sizes.servers;
    Database {
        id,
        server,
        host: 1 + id % sizes.database_hosts,
        database: format!("s{server}_{}{id}", pick(["plugins", "web", "stats"], id)),
        username: format!("u{server}_{id:08x}"),
        remote: pick(["%", "10.0.0.%"], id).to_owned(),
        max_connections: pick([None, Some(0), Some(25)], id),
        created_at: hours(id),
        updated_at: hours(id),
        password: format!("planted-database-password-{id}"),
    }
}
