//! The least that it takes to send a webhook: one `POST` on a connection of its own, without TLS.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use url::Url;

/// How long an answer is waited for, as Svix does.
const PATIENCE: Duration = Duration::from_secs(15);
/// As much of an answer as is read.
const LARGEST: u64 = 64 << 10;

/// Sends JSON with some headers; returns the status of the answer.
///
/// # Errors
/// The address is none that can be sent to, or there was no answer in time.
pub async fn post(url: &str, headers: &[(&str, String)], body: &str) -> io::Result<u16> {
    let url = Url::parse(url).map_err(|error| unreadable(&error.to_string()))?;
    if url.scheme() != "http" {
        return Err(unreadable("only http:// can be sent to"));
    }
    let authority = format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or(80)
    );
    let mut request = format!("POST {}", url.path());
    if let Some(query) = url.query() {
        request.push('?');
        request.push_str(query);
    }
    request.push_str(" HTTP/1.1\r\n");
    let own = [
        ("Host", authority.clone()),
        ("User-Agent", "Svix-Webhooks/1.0".to_owned()),
        ("Content-Type", "application/json".to_owned()),
        ("Content-Length", body.len().to_string()),
        ("Connection", "close".to_owned()),
    ];
    for (name, value) in own.iter().chain(headers) {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.push_str(body);
    let answer = tokio::time::timeout(PATIENCE, exchange(&authority, request.as_bytes())).await??;
    let text = String::from_utf8_lossy(&answer);
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

async fn exchange(authority: &str, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut connection = TcpStream::connect(authority).await?;
    connection.write_all(request).await?;
    let mut answer = Vec::new();
    connection.take(LARGEST).read_to_end(&mut answer).await?;
    Ok(answer)
}

fn unreadable(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
