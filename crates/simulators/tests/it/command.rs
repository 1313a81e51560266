//! A simulator as a process of its own.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
};

/// The process and the line that it began with; it ends with the value.
pub struct Command {
    child: Child,
    line: String,
}

impl Command {
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_simulators"))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut command = Self {
            child,
            line: String::new(),
        };
        output.read_line(&mut command.line).unwrap();
        command
    }

    /// The address that was printed behind the system's name.
    pub fn url(&self, system: &str) -> &str {
        let address = self.line.trim().strip_prefix(system).unwrap();
        address.trim_start()
    }
}

impl Drop for Command {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
