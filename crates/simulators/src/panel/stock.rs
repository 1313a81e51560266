//! The nests, eggs and variables that every invented panel holds: 4 nests, 14 eggs, 71 variables.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json, value::RawValue};
use uuid::Uuid;

use super::{
    rows::{Egg, EggConfig, EggScript, EggVariable, Id, Nest},
    state::State,
};

const NESTS: [(&str, &str); 4] = [
    (
        "Block Worlds",
        "Worlds made of cubes, with or without plugins.",
    ),
    ("Arena Shooters", "Round-based games that Steam hands out."),
    ("Voice", "Servers that people talk over."),
    ("Survival", "Games in which one eats, builds and is raided."),
];

/// Nest, name and number of variables.
const EGGS: [(Id, &str, usize); 14] = [
    (1, "Crossway Proxy", 2),
    (1, "Anvil Modded", 4),
    (1, "Mortar", 2),
    (1, "Plain Blocks", 2),
    (1, "Parchment", 4),
    (2, "Dinosaur Island", 10),
    (2, "Any Source Game", 6),
    (2, "Counter Offensive", 3),
    (2, "Insurgents", 2),
    (2, "Sandbox Garage", 8),
    (2, "Fortress Teams", 3),
    (3, "Teamtalk", 7),
    (3, "Murmurs", 1),
    (4, "Oxide Coast", 17),
];

struct Template {
    name: &'static str,
    env: &'static str,
    default: &'static str,
    viewable: bool,
    editable: bool,
    rules: &'static str,
}

const fn template(
    (name, env): (&'static str, &'static str),
    default: &'static str,
    (viewable, editable): (bool, bool),
    rules: &'static str,
) -> Template {
    Template {
        name,
        env,
        default,
        viewable,
        editable,
        rules,
    }
}

const OPEN: (bool, bool) = (true, true);
const SHOWN: (bool, bool) = (true, false);
const HIDDEN: (bool, bool) = (false, false);

const VARIABLES: [Template; 17] = [
    template(
        ("Version", "VERSION"),
        "latest",
        OPEN,
        "required|string|between:1,20",
    ),
    template(
        ("Program file", "PROGRAM_FILE"),
        "server.bin",
        OPEN,
        r"required|regex:/^([\w\d._-]+)(\.bin|\.jar)$/",
    ),
    template(
        ("Download address", "DOWNLOAD_ADDRESS"),
        "",
        HIDDEN,
        "nullable|string",
    ),
    template(
        ("Build", "BUILD"),
        "latest",
        OPEN,
        "nullable|alpha_dash|max:20",
    ),
    template(
        ("Map", "MAP"),
        "harbour",
        OPEN,
        "required|string|alpha_dash",
    ),
    template(
        ("Players", "MAX_PLAYERS"),
        "32",
        OPEN,
        "required|integer|between:1,250",
    ),
    template(
        ("Greeting", "GREETING"),
        "Welcome — have fun!",
        OPEN,
        "nullable|string|max:190",
    ),
    template(
        ("Login token", "LOGIN_TOKEN"),
        "",
        OPEN,
        "nullable|alpha_num|size:32",
    ),
    template(
        ("Application", "APP_ID"),
        "258550",
        SHOWN,
        "required|numeric|digits_between:1,8",
    ),
    template(
        ("Query port", "QUERY_PORT"),
        "27017",
        SHOWN,
        "required|integer",
    ),
    template(
        ("Console port", "CONSOLE_PORT"),
        "28016",
        SHOWN,
        "required|integer",
    ),
    template(
        ("Console password", "CONSOLE_PASSWORD"),
        "",
        HIDDEN,
        r"nullable|regex:/^[\w.-]*$/|max:64",
    ),
    template(
        ("Homepage", "HOMEPAGE"),
        "https://games.example.test",
        OPEN,
        "nullable|url",
    ),
    template(
        ("Framework", "FRAMEWORK"),
        "none",
        OPEN,
        "required|in:none,carbon,oxide",
    ),
    template(
        ("Update on start", "AUTO_UPDATE"),
        "1",
        OPEN,
        "required|boolean",
    ),
    template(
        ("World size", "WORLD_SIZE"),
        "3000",
        OPEN,
        "required|integer|max:6000",
    ),
    template(
        ("More arguments", "MORE_ARGUMENTS"),
        "",
        OPEN,
        "nullable|string",
    ),
];

const INSTALL: &str = "#!/bin/ash\r\n# Fetches the program into /mnt/server\r\nset -eu\r\ncd /mnt/server\r\n\
if [ -n \"${DOWNLOAD_ADDRESS:-}\" ]; then\r\n\techo \"fetching ${DOWNLOAD_ADDRESS}\"\r\n\t\
wget -q -O \"${PROGRAM_FILE:-server.bin}\" \"${DOWNLOAD_ADDRESS}\"\r\nelse\r\n\t\
echo \"fetching version ${VERSION:-latest}\"\r\n\t\
wget -q -O \"${PROGRAM_FILE:-server.bin}\" \"https://downloads.example.test/${VERSION:-latest}/server.bin\"\r\nfi\r\n\
chmod +x \"${PROGRAM_FILE:-server.bin}\"\r\necho \"done\"\r\n";

/// The start command of every egg.
const STARTUP: &str = "./server --listen 0.0.0.0:{{SERVER_PORT}} --memory {{SERVER_MEMORY}} --version {{VERSION}} \
    --map \"{{MAP}}\" --players {{MAX_PLAYERS}} {{MORE_ARGUMENTS}}";

fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// Puts the stock into an empty state.
pub fn fill(state: &mut State, at: DateTime<Utc>) {
    for (id, (name, description)) in (1..).zip(NESTS) {
        let nest = Nest {
            id,
            uuid: uuid("nest", id),
            author: "stock@panel.example.test".to_owned(),
            name: name.to_owned(),
            description: Some(description.to_owned()),
            created_at: at,
            updated_at: at,
        };
        state.nests.insert(id, nest);
    }
    let mut variable_ids = 1..;
    for (id, (nest, name, variables)) in (1..).zip(EGGS) {
        state.eggs.insert(id, egg(id, nest, name, at));
        let first = if variables == VARIABLES.len() {
            0
        } else {
            id as usize
        };
        let templates = VARIABLES.iter().cycle().skip(first).take(variables);
        let rows = templates
            .zip(&mut variable_ids)
            .map(|(template, variable)| variable_row(variable, id, template, at));
        let rows: BTreeMap<Id, EggVariable> = rows.map(|row| (row.id, row)).collect();
        state.egg_variables.extend(rows);
    }
}

/// An invented row's identity, the same in every run.
pub fn uuid(kind: &str, id: Id) -> Uuid {
    Uuid::new_v5(
        &Uuid::NAMESPACE_OID,
        format!("simulated {kind} {id}").as_bytes(),
    )
}

fn egg(id: Id, nest: Id, name: &str, at: DateTime<Utc>) -> Egg {
    let images = match nest {
        1 => {
            json!({ "Runtime 21": "images.example.test/runtime:21", "Runtime 17": "images.example.test/runtime:17" })
        }
        // PHP writes an empty object as an empty list.
        3 => json!([]),
        _ => json!({ "Debian": "images.example.test/steam:debian" }),
    };
    let docker_image = images
        .as_object()
        .and_then(|images| images.values().next()?.as_str())
        .unwrap_or_default();
    let files = match nest {
        1 => json!({ "server.properties": { "parser": "properties", "find": {
            "server-ip": "0.0.0.0", "server-port": "{{server.build.default.port}}" } } }),
        _ => json!({}),
    };
    let logs = if id == 12 {
        json!({ "custom": true, "location": "logs/voice.log" })
    } else {
        json!([])
    };
    let startup = if nest == 3 {
        json!([])
    } else {
        json!({ "done": "Ready on " })
    };
    Egg {
        id,
        uuid: uuid("egg", id),
        name: name.to_owned(),
        nest,
        author: "stock@panel.example.test".to_owned(),
        description: Some(format!(
            "{name} as the stock brings it, for people who want to play and not to configure."
        )),
        docker_image: docker_image.to_owned(),
        docker_images: raw(&images),
        config: EggConfig {
            files: raw(&files),
            startup: raw(&startup),
            stop: Some(if nest == 1 { "stop" } else { "^C" }.to_owned()),
            logs: raw(&logs),
            file_denylist: raw(&if id.is_multiple_of(5) {
                Value::Null
            } else {
                json!([])
            }),
            extends: None,
        },
        startup: STARTUP.to_owned(),
        script: EggScript {
            privileged: true,
            install: Some(INSTALL.to_owned()),
            entry: "ash".to_owned(),
            container: "images.example.test/install:alpine".to_owned(),
            extends: None,
        },
        created_at: at,
        updated_at: at,
        features: vec!["eula".to_owned(), "pid_limit".to_owned()],
    }
}

fn variable_row(id: Id, egg_id: Id, template: &Template, at: DateTime<Utc>) -> EggVariable {
    EggVariable {
        id,
        egg_id,
        name: template.name.to_owned(),
        description: format!(
            "{} of the program that this server runs.\r\n\r\nLeave it as it is when in doubt.",
            template.name
        ),
        env_variable: template.env.to_owned(),
        default_value: template.default.to_owned(),
        user_viewable: template.viewable,
        user_editable: template.editable,
        rules: template.rules.to_owned(),
        created_at: at,
        updated_at: at,
    }
}
