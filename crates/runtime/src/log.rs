//! The process's root logger: JSON for machines, a terminal for people, one
//! asynchronous writer, with what libraries say through the `log` crate joined in.
//!
//! A line that cannot be written is lost: whoever reads the logs may go away, and
//! that must not end the service.
//!
//! Some libraries log what they carry: rows, messages, passwords. Those lines are
//! left out at any level ([`for_libraries`]).
//!
//! Sentry's drain, where reports are sent, stands before the asynchronous one, because a
//! report belongs to the thread, and so to the request, that logged.

use std::io::BufWriter;
use std::panic::UnwindSafe;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sentry_slog::{LevelFilter, SentryDrain};
use slog::{
    Drain, FnValue, Level, Logger, OwnedKVList, PushFnValue, Record, SendSyncRefUnwindSafeDrain, o,
};

use crate::config::{Config, Environment, LogFormat, LogLevel};
use crate::sentry;

/// Lines that wait for the writer; more are dropped and counted, since a reader
/// that stopped reading must not stop the service. Their places are allocated at start, about
/// a hundred bytes each; a gateway with a whole core's requests fills 500 in a [`PAUSE`].
const WAITING_LINES: usize = 2048;

/// The root logger and the writer behind it. Dropped last, it writes what waits.
pub struct Logging {
    /// The root logger; every line carries the service's name.
    pub root: Logger,
    writer: Mutex<Option<slog_async::AsyncGuard>>,
}

impl Logging {
    /// Starts the logger and makes it the one that libraries' lines go to.
    #[must_use]
    pub fn start(config: &Config, service: &'static str) -> Self {
        let json = match config.log.format {
            LogFormat::Json => true,
            LogFormat::Terminal => false,
            LogFormat::Auto => config.environment == Environment::Production,
        };
        let (drain, writer) = if json {
            // A line goes out in one piece, and stdout is locked once for it.
            asynchronous(json_lines(BufWriter::new(std::io::stdout())))
        } else {
            let terminal = slog_term::TermDecorator::new().stderr().build();
            asynchronous(
                slog_term::FullFormat::new(terminal)
                    .use_utc_timestamp()
                    .build()
                    .ignore_res(),
            )
        };
        let level = slog_level(config.log.level);
        // It would make a crumb of each line, whether anybody picks them up or not.
        let root = if sentry::is_on() {
            root(SentryDrain::new(drain).filter(report), level, service)
        } else {
            root(drain, level, service)
        };
        take_over_libraries(&root, config.log.library_level);
        Self {
            root,
            writer: Mutex::new(Some(writer)),
        }
    }

    /// Writes what waits and stops the writer; for the moment before exit.
    pub fn finish(&self) {
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(writer);
    }
}

fn root<D>(drain: D, level: Level, service: &'static str) -> Logger
where
    D: SendSyncRefUnwindSafeDrain<Ok = (), Err = slog::Never> + UnwindSafe + 'static,
{
    let drain = slog::LevelFilter::new(drain, level).ignore_res();
    Logger::root(drain, o!("service" => service))
}

/// A drain that writes one JSON object a line, with the level spelt out.
pub fn json_lines<W>(to: W) -> slog::IgnoreResult<Mutex<slog_json::Json<W>>>
where
    W: std::io::Write + Send + 'static,
{
    let json = slog_json::Json::new(to)
        .set_newlines(true)
        .set_flush(true)
        .add_key_value(o!(
            "time" => FnValue(|_: &Record<'_>| {
                chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
            }),
            "level" => FnValue(|record: &Record<'_>| spelt_out(record.level())),
            "module" => FnValue(|record: &Record<'_>| record.module()),
            "message" => PushFnValue(|record: &Record<'_>, to| to.emit(record.msg())),
        ))
        .build();
    Mutex::new(json).ignore_res()
}

fn asynchronous<D>(
    drain: D,
) -> (
    slog::IgnoreResult<slog_async::Async>,
    slog_async::AsyncGuard,
)
where
    D: Drain<Ok = (), Err = slog::Never> + Send + 'static,
{
    let drain = Paced {
        drain,
        paused: Mutex::new(Instant::now()),
    };
    let (drain, writer) = slog_async::Async::new(drain)
        .chan_size(WAITING_LINES)
        .overflow_strategy(slog_async::OverflowStrategy::DropAndReport)
        .build_with_guard();
    (drain.ignore_res(), writer)
}

/// Longest time that a line waits for others.
const PAUSE: Duration = Duration::from_millis(5);

/// Sleeps now and then after a line, and then writes all that came meanwhile: else each
/// line that is logged wakes the writer's thread, which costs more than to write it.
struct Paced<D> {
    drain: D,
    paused: Mutex<Instant>,
}

impl<D: Drain> Drain for Paced<D> {
    type Ok = D::Ok;
    type Err = D::Err;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<D::Ok, D::Err> {
        let written = self.drain.log(record, values)?;
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        if paused.elapsed() >= PAUSE {
            std::thread::sleep(PAUSE);
            *paused = Instant::now();
        }
        Ok(written)
    }
}

/// What Sentry makes of a line: errors are reports, the rest tells what came
/// before one.
fn report(level: Level) -> LevelFilter {
    match level {
        Level::Critical | Level::Error => LevelFilter::Event,
        Level::Warning | Level::Info => LevelFilter::Breadcrumb,
        Level::Debug | Level::Trace => LevelFilter::Ignore,
    }
}

/// Libraries log through the `log` crate, which takes one logger a process; in
/// tests that start several services the newest root gets their lines.
fn take_over_libraries(root: &Logger, level: LogLevel) {
    // Were the guard dropped, the next line from a library's thread would panic.
    slog_scope::set_global_logger(for_libraries(root)).cancel_reset();
    if slog_stdlog::init_with_level(library_level(level)).is_err() {
        ::log::set_max_level(library_level(level).to_level_filter());
    }
}

/// The least grave level at which a module's lines hold nothing that passes through
/// it; of several names that fit, the first counts.
const DISCREET_UP_TO: [(&str, Level); 3] = [
    // Debug: the parameters of every statement.
    ("tokio_postgres", Level::Info),
    // Warning: a returned message with its body.
    ("lapin::returned_messages", Level::Error),
    // Trace: frames, messages and the password among them.
    ("lapin", Level::Debug),
];

/// The logger that libraries' lines go to: `root` without those that show what a
/// library carries, whatever level is configured.
pub fn for_libraries(root: &Logger) -> Logger {
    let discreet = root
        .clone()
        .filter(|record| is_discreet(record.tag(), record.level()));
    Logger::root(discreet.ignore_res(), o!())
}

/// `target` is the module that a library's line names as its source.
fn is_discreet(target: &str, level: Level) -> bool {
    DISCREET_UP_TO
        .iter()
        .find(|(module, _)| {
            target
                .strip_prefix(module)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        })
        .is_none_or(|(_, least)| level.is_at_least(*least))
}

fn spelt_out(level: Level) -> &'static str {
    match level {
        Level::Critical => "critical",
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

fn slog_level(level: LogLevel) -> Level {
    match level {
        LogLevel::Trace => Level::Trace,
        LogLevel::Debug => Level::Debug,
        LogLevel::Info => Level::Info,
        LogLevel::Warning => Level::Warning,
        LogLevel::Error => Level::Error,
        LogLevel::Critical => Level::Critical,
    }
}

fn library_level(level: LogLevel) -> ::log::Level {
    match level {
        LogLevel::Trace => ::log::Level::Trace,
        LogLevel::Debug => ::log::Level::Debug,
        LogLevel::Info => ::log::Level::Info,
        LogLevel::Warning => ::log::Level::Warn,
        LogLevel::Error | LogLevel::Critical => ::log::Level::Error,
    }
}
