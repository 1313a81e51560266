//! An HTTP server that answers as it is told, one connection an answer, and remembers what
//! it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// No test waits longer for anything.
pub const LONG: Duration = Duration::from_secs(10);

/// What the server does with one request.
pub enum Act {
    /// Writes these bytes and closes.
    Say(Vec<u8>),
    /// Writes these bytes and then nothing more, with the connection open.
    SayAndWait(Vec<u8>),
    /// Answers, and closes the connection as soon as the next request came over it.
    SayAndHangUpOnTheNext(Vec<u8>),
    /// Closes without a word.
    HangUp,
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `POST /path HTTP/1.1`.
    pub line: String,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }
}

pub struct Server {
    pub port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Acts on one request after the other; afterwards, hangs up.
    pub async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let acts: Arc<Mutex<VecDeque<Act>>> = Arc::new(Mutex::new(acts.into_iter().collect()));
        let journal = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&acts), Arc::clone(&journal)));
            }
        });
        Self { port, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    acts: Arc<Mutex<VecDeque<Act>>>,
    journal: Arc<Mutex<Vec<Asked>>>,
) {
    let Some(asked) = read(&mut stream).await else {
        return;
    };
    journal.lock().unwrap().push(asked);
    let act = acts.lock().unwrap().pop_front();
    match act.unwrap_or(Act::HangUp) {
        Act::HangUp => {}
        // The client may be gone, and with it whoever would care.
        Act::Say(bytes) => drop(stream.write_all(&bytes).await),
        Act::SayAndWait(bytes) => {
            drop(stream.write_all(&bytes).await);
            drop(timeout(LONG, read(&mut stream)).await);
        }
        Act::SayAndHangUpOnTheNext(bytes) => {
            drop(stream.write_all(&bytes).await);
            if let Ok(Some(asked)) = timeout(LONG, read(&mut stream)).await {
                journal.lock().unwrap().push(asked);
            }
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.split("\r\n").map(str::to_owned);
    let line = lines.next()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        })
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = bytes.split_off(head + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Asked {
        line,
        headers,
        body,
    })
}

/// A whole answer.
pub fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let length = body.len();
    format!("HTTP/1.1 {status} Status\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// [`answer`], after which the connection is closed.
pub fn say(status: u16, headers: &[(&str, &str)], body: &str) -> Act {
    let closing = [headers, &[("Connection", "close")]].concat();
    Act::Say(answer(status, &closing, body))
}
