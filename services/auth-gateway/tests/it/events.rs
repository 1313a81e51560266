//! Reading Server-Sent Events.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::time::timeout;

use crate::gateway::Gateway;

/// Longer than any event takes that comes at all, and than it is to a heartbeat.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub name: String,
    pub id: Option<i64>,
    pub data: Value,
}

pub struct Events {
    response: Response,
    text: String,
}

impl Events {
    pub async fn open(gateway: &Gateway, run: impl ToString, last: Option<i64>) -> Self {
        let path = format!("/api/v1/sync/stream/{}", run.to_string());
        let mut request = gateway.request(Method::GET, &path);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        Self::of(request).await
    }

    /// The events of a request that is ready to be sent.
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Self {
            response,
            text: String::new(),
        }
    }

    /// The next event; comments are passed over. `None`: the stream has ended.
    pub async fn next(&mut self) -> Option<Event> {
        let event = async {
            loop {
                let piece = self.piece().await?;
                if !piece.starts_with(':') {
                    return Some(parse(&piece));
                }
            }
        };
        // Heartbeats do not prolong it.
        timeout(PATIENCE, event).await.expect("no event came")
    }

    /// The next piece as it came, comments included.
    async fn piece(&mut self) -> Option<String> {
        loop {
            if let Some((piece, rest)) = self.text.split_once("\n\n") {
                let (piece, rest) = (piece.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(piece);
            }
            let chunk = timeout(PATIENCE, self.response.chunk())
                .await
                .expect("no event came");
            self.text
                .push_str(std::str::from_utf8(&chunk.unwrap()?).unwrap());
        }
    }

    /// Passes over events until a comment comes.
    pub async fn comment(&mut self) -> String {
        loop {
            let piece = self.piece().await.expect("the stream ended");
            if piece.starts_with(':') {
                return piece;
            }
        }
    }
}

fn parse(piece: &str) -> Event {
    let field = |name: &str| {
        piece
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    Event {
        name: field("event").unwrap().to_owned(),
        id: field("id").map(|id| id.parse().unwrap()),
        data: serde_json::from_str(field("data").unwrap()).unwrap(),
    }
}
