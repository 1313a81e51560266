//! Where signed requests do not go.

use outbound::{Guard, SignedHttp, Verdict};
use std::process::Command;
use url::Url;

use crate::server::{LONG, Server, say};
use crate::signed::{client, open, post, url};

const BARRED: Verdict = Verdict::Misconfigured("ADDRESS_NOT_ALLOWED");

fn closed() -> SignedHttp {
    SignedHttp::new(Guard::default(), LONG).unwrap()
}

#[tokio::test]
async fn a_name_of_this_machine_is_refused_when_it_is_dialled() {
    let server = Server::start([say(200, &[], "")]).await;
    let target: Url = format!("http://localhost:{}/", server.port)
        .parse()
        .unwrap();
    assert_eq!(closed().check(&target), Ok(()), "a name tells nothing yet");
    let answer = post(&closed(), &target).await;
    assert_eq!(answer.verdict, Verdict::Barred);
    assert_eq!(answer.status, None);
    assert_eq!(
        answer.excerpt,
        "the address is not allowed: a loopback address"
    );
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn what_the_operator_opens_is_reached_by_name_and_by_address() {
    let server = Server::start([say(200, &[], ""), say(200, &[], "")]).await;
    let by_name: Url = format!("http://localhost:{}/", server.port)
        .parse()
        .unwrap();
    for target in [by_name, url(&server, "/")] {
        let answer = post(&client(LONG), &target).await;
        assert_eq!(answer.verdict, Verdict::Delivered, "{}", answer.excerpt);
    }
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_address_in_the_url_is_refused_however_it_is_written() {
    let server = Server::start([say(200, &[], "")]).await;
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "10.0.0.1",
    ] {
        let target = format!("http://{host}:{}/", server.port).parse().unwrap();
        assert!(closed().check(&target).is_err(), "{host}");
        assert_eq!(post(&closed(), &target).await.verdict, BARRED, "{host}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn metadata_is_never_asked_for() {
    let everything = Guard {
        allowed: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()],
    };
    let client = SignedHttp::new(everything, LONG).unwrap();
    for target in [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::169.254.169.254]/",
        "http://[fd00:ec2::254]/",
        "http://100.100.100.200/",
        "http://2852039166/",
    ] {
        let answer = post(&client, &target.parse().unwrap()).await;
        assert_eq!(answer.verdict, BARRED, "{target}");
    }
}

#[tokio::test]
async fn a_url_that_cannot_be_an_endpoint_is_not_asked() {
    let server = Server::start([say(200, &[], "")]).await;
    let port = server.port;
    for (target, code) in [
        (format!("ftp://127.0.0.1:{port}/"), "SCHEME_NOT_ALLOWED"),
        (
            format!("http://u:p@127.0.0.1:{port}/"),
            "USERINFO_NOT_ALLOWED",
        ),
        (
            format!("http://127.0.0.1:{port}/#a"),
            "FRAGMENT_NOT_ALLOWED",
        ),
    ] {
        let answer = post(&client(LONG), &target.parse().unwrap()).await;
        assert_eq!(answer.verdict, Verdict::Misconfigured(code));
        assert!(!answer.excerpt.contains("127"), "{}", answer.excerpt);
    }
    assert!(server.asked().is_empty());
}

/// Run by [`a_proxy_of_the_environment_is_not_used`] in a process of its own.
const UNDER_PROXY: &str = "OUTBOUND_TEST_UNDER_PROXY";

#[tokio::test]
async fn a_proxy_of_the_environment_is_not_used() {
    if std::env::var_os(UNDER_PROXY).is_some() {
        let server = Server::start([say(200, &[], "")]).await;
        let client = SignedHttp::new(open(), LONG).unwrap();
        let answer = post(&client, &url(&server, "/")).await;
        assert_eq!(answer.verdict, Verdict::Delivered);
        assert_eq!(server.asked().len(), 1);
        return;
    }
    let proxy = Server::start([]).await;
    let address = format!("http://127.0.0.1:{}", proxy.port);
    let name = "guarding::a_proxy_of_the_environment_is_not_used";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name]).env(UNDER_PROXY, "1");
    for variable in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        command.env(variable, &address);
    }
    for variable in ["no_proxy", "NO_PROXY", "REQUEST_METHOD"] {
        command.env_remove(variable);
    }
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = tokio::time::timeout(LONG * 2, run).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
    assert!(proxy.asked().is_empty());
}
