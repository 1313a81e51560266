//! Requests without an answer.

use outbound::Verdict;
use std::time::Duration;
use tokio::net::TcpListener;

use crate::server::{Act, LONG, Server};
use crate::signed::{client, post, url};

/// Long enough to connect to this machine.
const SHORT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn where_nobody_listens_the_request_surely_did_not_arrive() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let target = format!("http://127.0.0.1:{port}/s3cr3t?s3cr3t=s3cr3t");
    let answer = post(&client(LONG), &target.parse().unwrap()).await;
    assert_eq!(answer.verdict, Verdict::Failed { retry_after: None });
    assert_eq!(answer.status, None);
    assert_eq!(answer.excerpt, "no connection: connection refused");
    assert!(!format!("{answer:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn a_name_without_address_is_a_failure() {
    // RFC 6761: never resolves.
    let target = "http://nobody.invalid/hook".parse().unwrap();
    let answer = post(&client(LONG), &target).await;
    assert_eq!(answer.verdict, Verdict::Failed { retry_after: None });
    assert_eq!(answer.excerpt, "no connection: the name has no address");
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_unknown() {
    let server = Server::start([Act::SayAndWait(Vec::new())]).await;
    let answer = post(&client(SHORT), &url(&server, "/s3cr3t")).await;
    assert_eq!(answer.verdict, Verdict::Unknown);
    assert_eq!(answer.excerpt, "no answer in time");
    assert!(answer.took >= SHORT && answer.took < LONG);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_connection_that_closes_without_an_answer_leaves_it_unknown() {
    for act in [Act::HangUp, Act::Say(b"HTTP/1.1 20".to_vec())] {
        let server = Server::start([act]).await;
        let answer = post(&client(LONG), &url(&server, "/")).await;
        assert_eq!(answer.verdict, Verdict::Unknown);
        assert_eq!(answer.excerpt, "the connection broke");
        assert_eq!(server.asked().len(), 1, "nothing is repeated on its own");
    }
}

#[tokio::test]
async fn what_is_no_http_is_unknown() {
    let server = Server::start([Act::Say(b"220 mail ready\r\n\r\n".to_vec())]).await;
    let answer = post(&client(LONG), &url(&server, "/")).await;
    assert_eq!(answer.verdict, Verdict::Unknown);
}

#[tokio::test]
async fn a_slow_body_ends_with_the_time_for_the_request() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".to_vec();
    let server = Server::start([Act::SayAndWait(head)]).await;
    let answer = post(&client(SHORT), &url(&server, "/")).await;
    assert_eq!(answer.verdict, Verdict::Delivered);
    assert_eq!(answer.excerpt, "abc");
    assert!(answer.took < LONG);
}

#[tokio::test]
async fn a_server_without_tls_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let target = format!("https://127.0.0.1:{port}/");
    let answer = post(&client(LONG), &target.parse().unwrap()).await;
    assert_eq!(answer.verdict, Verdict::Failed { retry_after: None });
    assert!(answer.excerpt.starts_with("no connection"));
}
