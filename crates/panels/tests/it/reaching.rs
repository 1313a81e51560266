//! How the panel is reached: directly, and not for long.

use panels::{PanelError, PanelSettings, RetryPolicy};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::setup::{client, client_with, page, settings};
use crate::stage::{Reply, Stage};

const NO_LOCATIONS: &str = r#"{"object":"list","data":[],"meta":{"pagination":
    {"total":0,"count":0,"per_page":500,"current_page":1,"total_pages":1,"links":{}}}}"#;

/// Names the address that [`a_process_behind_a_proxy`] asks.
const ASKED: &str = "PANELS_TEST_ASKED";

/// Not a test of its own: the next one runs it in a process whose environment names
/// a proxy.
#[tokio::test]
async fn a_process_behind_a_proxy() {
    let Ok(url) = std::env::var(ASKED) else {
        return;
    };
    client(&url).locations(page(1, 500)).await.unwrap();
}

#[tokio::test]
async fn a_proxy_that_the_environment_names_does_not_see_the_key() {
    let proxy = Stage::play(|_, _| Reply::json(200, NO_LOCATIONS)).await;
    let panel = Stage::play(|_, _| Reply::json(200, NO_LOCATIONS)).await;
    let mut asking = Command::new(std::env::current_exe().unwrap());
    asking
        .args(["--exact", "reaching::a_process_behind_a_proxy"])
        .env(ASKED, &panel.url)
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .stdout(Stdio::null());
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        asking.env(name, &proxy.url);
        asking.env(name.to_lowercase(), &proxy.url);
    }
    let asked = tokio::task::spawn_blocking(move || asking.status().unwrap());
    assert!(asked.await.unwrap().success());
    assert!(proxy.seen().is_empty(), "{:?}", proxy.seen());
    assert_eq!(panel.seen().len(), 1);
}

/// An address that lets nobody in: its queue of connections is full, so that the
/// kernel does not answer the next one. Lasts as long as what is returned with it.
async fn a_silent_address() -> (String, Vec<TcpStream>, tokio::net::TcpListener) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(500), TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
        assert!(waiting.len() < 100, "everybody is let in");
    }
    (format!("http://{address}"), waiting, listener)
}

#[tokio::test]
async fn an_address_that_lets_nobody_in_is_given_up_long_before_an_answer_would_be() {
    let (url, _waiting, _listener) = a_silent_address().await;
    let client = client_with(PanelSettings {
        request_timeout: Duration::from_secs(45),
        retry: RetryPolicy {
            attempts: 1,
            ..RetryPolicy::default()
        },
        ..settings(&url, "ptla_app", None)
    });
    let started = Instant::now();
    let error = client.locations(page(1, 500)).await.unwrap_err();
    let took = started.elapsed();
    // A panel that is merely slow is a timeout, for which pages are cut: this is none.
    assert!(matches!(error, PanelError::Offline { .. }), "{error}");
    assert!(took < Duration::from_secs(25), "{took:?}");
}
