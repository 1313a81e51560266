//! Callers. One thread, one request at a time on each connection, and next to nothing
//! done to an answer: whoever is measured must be what holds the others up.

use std::cell::{Cell, RefCell};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::answer;
use crate::figures::Figures;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Whom to ask
    #[arg(long)]
    address: SocketAddr,
    /// What for
    #[arg(long)]
    path: String,
    /// A header a line, for one request after the other in turn; without, none is sent
    #[arg(long)]
    credentials: Option<PathBuf>,
    /// How many of the credentials to use
    #[arg(long, default_value_t = usize::MAX)]
    principals: usize,
    /// Credentials to pass over at the beginning
    #[arg(long, default_value_t = 0)]
    first: usize,
    /// Requests under way at once
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Seconds that are not counted, before those that are
    #[arg(long, default_value_t = 0.0)]
    warm: f64,
    /// Seconds that are counted
    #[arg(
        long,
        conflicts_with = "requests",
        required_unless_present = "requests"
    )]
    seconds: Option<f64>,
    /// End after this many requests instead
    #[arg(long)]
    requests: Option<usize>,
}

struct Plan {
    requests: Vec<Vec<u8>>,
    next: Cell<usize>,
    counted_from: Instant,
    until: Option<Instant>,
    /// Requests that may still be made.
    left: Cell<usize>,
    figures: RefCell<Figures>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let credentials = match &arguments.credentials {
        Some(file) => {
            fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?
        }
        None => String::new(),
    };
    let request = |header: &str| {
        let header = if header.is_empty() {
            String::new()
        } else {
            format!("{header}\r\n")
        };
        format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\n{header}\r\n",
            arguments.path, arguments.address
        )
        .into_bytes()
    };
    let mut requests: Vec<Vec<u8>> = credentials
        .lines()
        .take(arguments.principals)
        .map(request)
        .collect();
    if requests.is_empty() {
        requests.push(request(""));
    }
    let counted_from = Instant::now() + Duration::from_secs_f64(arguments.warm);
    let plan = Plan {
        requests,
        next: Cell::new(arguments.first),
        counted_from,
        until: arguments
            .seconds
            .map(|seconds| counted_from + Duration::from_secs_f64(seconds)),
        left: Cell::new(arguments.requests.unwrap_or(usize::MAX)),
        figures: RefCell::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting a runtime")?;
    // Connections share what they count without a lock: they all live on this thread.
    let plan = &*Box::leak(Box::new(plan));
    runtime.block_on(LocalSet::new().run_until(async {
        tokio::task::spawn_local(stay_awake());
        let connections: Vec<_> = (0..arguments.connections)
            .map(|_| tokio::task::spawn_local(connection(arguments.address, plan)))
            .collect();
        for connection in connections {
            connection.await.context("a connection")??;
        }
        anyhow::Ok(())
    }))?;
    let wall = counted_from.elapsed();
    println!("{}", plan.figures.take().json(wall));
    Ok(())
}

/// Keeps this thread from sleeping, and gives way to Redis and whoever else shares its core.
/// To wake a caller that sleeps costs whoever answers it several microseconds, which a fast
/// server is spared because its callers are never done: slow and fast ones would not be
/// measured alike.
async fn stay_awake() {
    loop {
        std::thread::yield_now();
        tokio::task::yield_now().await;
    }
}

async fn connection(address: SocketAddr, plan: &Plan) -> Result<()> {
    let mut stream = TcpStream::connect(address).await.context("connecting")?;
    stream.set_nodelay(true).context("setting TCP_NODELAY")?;
    let mut bytes = vec![0; 16 * 1024];
    while let Some(request) = plan.next() {
        let asked = Instant::now();
        stream.write_all(request).await.context("asking")?;
        let status = read(&mut stream, &mut bytes).await?;
        let answered = Instant::now();
        let latency = (asked >= plan.counted_from).then(|| answered - asked);
        plan.figures.borrow_mut().count(status, latency);
        if plan.until.is_some_and(|until| answered >= until) {
            break;
        }
    }
    Ok(())
}

impl Plan {
    fn next(&self) -> Option<&[u8]> {
        self.left.set(self.left.get().checked_sub(1)?);
        let place = self.next.get();
        self.next.set(place.wrapping_add(1));
        self.requests
            .get(place % self.requests.len())
            .map(Vec::as_slice)
    }
}

/// Reads one answer, which nothing follows.
async fn read(stream: &mut TcpStream, bytes: &mut [u8]) -> Result<u16> {
    let mut filled = 0;
    loop {
        let more = stream
            .read(&mut bytes[filled..])
            .await
            .context("reading an answer")?;
        if more == 0 {
            bail!("the connection ended in the middle of an answer");
        }
        filled += more;
        if let Some(frame) = answer::frame(&bytes[..filled])?
            && filled >= frame.length
        {
            ensure!(filled == frame.length, "more than one answer came");
            return Ok(frame.status);
        }
    }
}
