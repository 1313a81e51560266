//! A private Redis, in memory only.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::binaries;
use crate::guardian::Guardian;
use crate::server::{Private, Server};

pub(crate) fn start(directory: &Path, port: u16, guardian: &Arc<Guardian>) -> Result<Server> {
    let program = binaries::redis().context("Redis is not installed")?;
    let working_directory = directory.to_owned();
    let private = Private {
        command: Box::new(move || {
            let mut command = Command::new(&program);
            command
                .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
                .args(["--save", "", "--appendonly", "no"])
                .arg("--dir")
                .arg(&working_directory);
            command
        }),
        ready: Box::new(move || answers(port)),
        log: directory.with_extension("log"),
        guardian: Arc::clone(guardian),
        process: None,
        companions: Vec::new(),
    };
    Server::private("Redis", format!("redis://127.0.0.1:{port}/0"), private)
}

fn answers(port: u16) -> bool {
    let ping = || -> std::io::Result<[u8; 5]> {
        let limit = Duration::from_secs(1);
        let mut stream =
            TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    ping().is_ok_and(|answer| &answer == b"+PONG")
}
