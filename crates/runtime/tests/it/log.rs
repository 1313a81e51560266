use std::io::{self, Write};

use slog::{Drain, Logger, debug, error, info, o, trace, warn};

use crate::support::logged;

#[test]
fn a_line_is_one_json_object_with_the_level_spelt_out() {
    let (log, lines) = logged();
    let log = log.new(o!("run_id" => "r1"));
    info!(log, "page merged"; "rows" => 500);
    warn!(log, "two\nlines \"quoted\"");
    let all = lines.all();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0]["level"], "info");
    assert_eq!(all[0]["message"], "page merged");
    assert_eq!(all[0]["rows"], 500);
    assert_eq!(all[0]["run_id"], "r1");
    assert_eq!(all[0]["module"], module_path!());
    assert!(all[0]["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(all[1]["level"], "warning");
    assert_eq!(all[1]["message"], "two\nlines \"quoted\"");
}

/// Whoever read this has gone.
struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn a_line_that_cannot_be_written_ends_nothing() {
    let log = Logger::root(runtime::log::json_lines(Broken).fuse(), o!());
    info!(log, "into the void");
}

#[test]
fn lines_in_which_libraries_show_what_they_carry_are_left_out() {
    let (log, lines) = logged();
    let libraries = runtime::log::for_libraries(&log);
    debug!(libraries, # "tokio_postgres::query", "executing statement s1 with parameters: planted");
    trace!(libraries, # "tokio_postgres", "planted");
    warn!(libraries, # "lapin::returned_messages", "Server returned us a message: planted");
    trace!(libraries, # "lapin::channels", "will handle frame: planted");
    assert_eq!(lines.text(), "");

    info!(libraries, # "tokio_postgres::connection", "a notice");
    error!(libraries, # "lapin::returned_messages", "an error");
    warn!(libraries, # "lapin::io_loop", "a broken connection");
    debug!(libraries, # "lapin::channel", "a heartbeat");
    trace!(libraries, # "tokio_postgres_rustls", "another library");
    debug!(libraries, "no target");
    debug!(log, # "tokio_postgres", "what we say ourselves");
    assert_eq!(lines.all().len(), 7);
}
