//! A private RabbitMQ with its management plugin.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::binaries;
use crate::guardian::Guardian;
use crate::process::Process;
use crate::server::{Private, Server};

/// The ports of one node: AMQP, management, Erlang distribution and the port mapper.
#[derive(Clone, Copy)]
pub(crate) struct NodePorts {
    pub(crate) amqp: u16,
    pub(crate) management: u16,
    pub(crate) distribution: u16,
    pub(crate) mapper: u16,
}

pub(crate) fn start(
    directory: &Path,
    ports: NodePorts,
    guardian: &Arc<Guardian>,
) -> Result<Server> {
    let program = binaries::rabbitmq().context("RabbitMQ is not installed")?;
    let home = directory.to_owned();
    write_configuration(&home, ports)?;

    // Left to itself, Erlang starts the port mapper as a daemon, out of the guardian's reach.
    let mut companions = Vec::new();
    if let Some(epmd) = binaries::epmd() {
        let mut command = Command::new(epmd);
        command
            .args(["-address", "127.0.0.1", "-port", &ports.mapper.to_string()])
            .current_dir("/");
        let log = directory.with_extension("epmd.log");
        companions.push(Process::spawn("epmd", command, &log, guardian)?);
    }

    let private = Private {
        command: Box::new(move || command(&program, &home, ports)),
        ready: Box::new(move || speaks_amqp(ports.amqp) && management_answers(ports.management)),
        log: directory.with_extension("log"),
        guardian: Arc::clone(guardian),
        process: None,
        companions,
    };
    let url = format!("amqp://guest:guest@127.0.0.1:{}/%2f", ports.amqp);
    Server::private("RabbitMQ", url, private)
}

fn write_configuration(home: &Path, ports: NodePorts) -> Result<()> {
    let cookie = home.join(".erlang.cookie");
    fs::write(&cookie, "devstack").context("writing the Erlang cookie")?;
    fs::set_permissions(&cookie, Permissions::from_mode(0o400))
        .context("closing the Erlang cookie")?;
    fs::write(home.join("enabled_plugins"), "[rabbitmq_management].\n")
        .context("writing RabbitMQ's list of plugins")?;
    let NodePorts {
        amqp, management, ..
    } = ports;
    let configuration = format!(
        "listeners.tcp.default = 127.0.0.1:{amqp}\n\
         management.tcp.ip = 127.0.0.1\n\
         management.tcp.port = {management}\n\
         log.console = true\n\
         log.console.level = info\n\
         log.file = false\n\
         disk_free_limit.absolute = 50MB\n"
    );
    fs::write(home.join("rabbitmq.conf"), configuration).context("writing RabbitMQ's configuration")
}

fn command(program: &Path, home: &Path, ports: NodePorts) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(home)
        .env("HOME", home)
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("ERL_EPMD_PORT", ports.mapper.to_string())
        .env("RABBITMQ_NODENAME", "devstack@localhost")
        .env("RABBITMQ_MNESIA_BASE", home.join("mnesia"))
        .env("RABBITMQ_LOG_BASE", home.join("log"))
        .env("RABBITMQ_CONFIG_FILE", home.join("rabbitmq.conf"))
        .env(
            "RABBITMQ_ENABLED_PLUGINS_FILE",
            home.join("enabled_plugins"),
        )
        .env("RABBITMQ_DIST_PORT", ports.distribution.to_string())
        .env("RABBITMQ_PID_FILE", home.join("pid"))
        .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
        // The second flag keeps idle schedulers from spinning on cores that tests need.
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
        );
    command
}

/// AMQP 0-9-1, section 4.2.2: a server answers the protocol header with a method frame (type 1).
fn speaks_amqp(port: u16) -> bool {
    exchange(port, b"AMQP\x00\x00\x09\x01", 1).is_ok_and(|answer| answer == [1])
}

fn management_answers(port: u16) -> bool {
    // The credentials are guest:guest.
    let request = b"GET /api/overview HTTP/1.0\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n";
    exchange(port, request, 12).is_ok_and(|answer| answer.ends_with(b" 200"))
}

fn exchange(port: u16, request: &[u8], answer_bytes: usize) -> std::io::Result<Vec<u8>> {
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(request)?;
    let mut answer = vec![0; answer_bytes];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}
