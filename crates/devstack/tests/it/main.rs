//! A private stack lives, dies and comes back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use devstack::{Guardian, Options, Process, Stack};

fn port_of(url: &str) -> u16 {
    let authority = url.split("://").nth(1).unwrap().split('/').next().unwrap();
    authority.rsplit(':').next().unwrap().parse().unwrap()
}

fn listens(url: &str) -> bool {
    let address = SocketAddr::from(([127, 0, 0, 1], port_of(url)));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

#[test]
fn a_private_stack_can_be_killed_restarted_and_leaves_nothing_behind() {
    let stack = Stack::start(&Options::private()).unwrap();
    for server in [stack.postgres(), stack.redis(), stack.rabbitmq()] {
        assert!(server.is_private());
        assert!(listens(server.url()), "{}", server.url());
        server.kill_9().unwrap();
        // The kernel closes what the killed held a moment later.
        wait_for("the port to be closed", || {
            (!listens(server.url())).then_some(())
        });
        server.start().unwrap();
        assert!(listens(server.url()), "{}", server.url());
    }
    stack.redis().restart().unwrap();
    stack.redis().pause().unwrap();
    stack.redis().resume().unwrap();

    let urls = stack.environment().map(|(_, url)| url);
    let directory = stack.directory().to_owned();
    drop(stack);
    for url in urls {
        assert!(!listens(&url), "{url}");
    }
    assert!(!directory.exists());
}

/// Names the file into which [`a_process_to_be_killed`] writes the id of its child.
const VICTIM: &str = "DEVSTACK_VICTIM";

/// Not a test of its own: the next one runs it in a process that it then kills.
#[test]
fn a_process_to_be_killed() {
    let Some(file) = std::env::var_os(VICTIM).map(PathBuf::from) else {
        return;
    };
    let directory = file.with_extension("d");
    std::fs::create_dir(&directory).unwrap();
    let guardian = Arc::new(Guardian::start(&directory).unwrap());
    let mut command = Command::new("sleep");
    command.arg("600");
    let log = directory.join("log");
    let process = Process::spawn("sleep", command, &log, &guardian).unwrap();
    std::fs::write(&file, process.id().to_string()).unwrap();
    loop {
        std::thread::park();
    }
}

#[test]
fn what_we_started_dies_with_us_even_when_we_are_killed() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("pid");
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_process_to_be_killed"])
        .env(VICTIM, &file)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pid: u32 = wait_for("the victim's child", || {
        std::fs::read_to_string(&file).ok()?.parse().ok()
    });
    assert!(lives(pid));

    victim.kill().unwrap();
    victim.wait().unwrap();

    wait_for("the child's end", || (!lives(pid)).then_some(()));
    wait_for("the directory's end", || {
        (!file.with_extension("d").exists()).then_some(())
    });
}

fn lives(pid: u32) -> bool {
    // A zombie that nobody collects is dead all the same.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn wait_for<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if let Some(found) = probe() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("waited in vain for {what}");
}
