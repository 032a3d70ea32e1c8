//! What a broken, hostile or wrong target can do: each way ends in time, in bounds, and in a
//! message that says what to do.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod server;

use std::io::Write;
use std::time::{Duration, Instant};

use gostray_endpoint::{Address, EndpointError, Options, take};
use gostray_model::Snapshot;
use server::{Reply, Server};

const PROFILE: &str = "goroutine?debug=0";

async fn ask(address: &str, options: &Options) -> Result<Snapshot, EndpointError> {
    take(&Address::parse(address).unwrap(), options, &mut |_| {}).await
}

/// The error of a target that answers `goroutine?debug=0` this way.
async fn error_of(reply: Reply, options: &Options) -> EndpointError {
    let server = Server::start(&[(PROFILE, reply)]).await;
    ask(&server.address, options).await.unwrap_err()
}

fn quick() -> Options {
    Options { timeout: Duration::from_millis(400), ..Options::default() }
}

#[tokio::test]
async fn nothing_listens() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = ask(&format!("http://ann:s3cret@{address}?token=t0ken"), &quick()).await.unwrap_err();
    assert!(matches!(error, EndpointError::Refused { .. }), "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(text.contains(&address) && !text.contains("s3cret") && !text.contains("t0ken"), "{text}");
}

#[tokio::test]
async fn unknown_host() {
    let error = ask("no-such-host.invalid:6060", &Options::default()).await.unwrap_err();
    assert!(matches!(error, EndpointError::Dns { .. }), "{error:?}");
    assert!(error.to_string().contains("no-such-host.invalid"), "{error}");
}

#[tokio::test]
async fn reset_half_way() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789".to_vec();
    let error = error_of(Reply::Reset(head), &quick()).await;
    assert!(matches!(error, EndpointError::CutOff { .. }), "{error:?}");
    let error = error_of(Reply::Reset(Vec::new()), &quick()).await;
    assert!(matches!(error, EndpointError::CutOff { received: 0, .. }), "{error:?}");
}

#[tokio::test]
async fn shorter_than_promised() {
    let raw = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789".to_vec();
    let error = error_of(Reply::Raw(raw), &quick()).await;
    assert!(matches!(error, EndpointError::CutOff { received: 10, .. }), "{error:?}");
}

#[tokio::test]
async fn one_byte_at_a_time() {
    let started = Instant::now();
    let error = error_of(Reply::Trickle, &quick()).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(matches!(error, EndpointError::Timeout { received: 1.., .. }), "{error:?}");
    assert!(error.to_string().contains("--timeout"), "{error}");
}

#[tokio::test]
async fn a_trickling_index_does_not_hang_either() {
    let server = Server::start(&[("", Reply::Trickle)]).await;
    let error = ask(&server.address, &quick()).await.unwrap_err();
    assert!(matches!(error, EndpointError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn endless_body() {
    let server = Server::start(&[("", Reply::Endless), (PROFILE, Reply::Endless)]).await;
    let error = ask(&server.address, &Options::default()).await.unwrap_err();
    assert!(matches!(error, EndpointError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn promises_too_much() {
    let raw = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_vec();
    let error = error_of(Reply::Raw(raw), &quick()).await;
    assert!(matches!(error, EndpointError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn gzip_bomb() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    // A protobuf's first byte, and 100 MiB of nothing.
    gzip.write_all(&[0x0a]).unwrap();
    for _ in 0..100 {
        gzip.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let error = error_of(Reply::Body(200, gzip.finish().unwrap()), &Options::default()).await;
    assert!(error.to_string().contains("after decompression"), "{error}");
}

#[tokio::test]
async fn login_page() {
    let html = b"<!DOCTYPE html><title>Sign in</title>".to_vec();
    let error = error_of(Reply::Body(200, html), &quick()).await;
    assert!(error.to_string().contains("Sign in") && error.to_string().contains(PROFILE), "{error}");
}

#[tokio::test]
async fn no_credentials() {
    for status in [401, 403] {
        let error = error_of(Reply::Body(status, Vec::new()), &quick()).await;
        assert!(matches!(error, EndpointError::Denied { redirected: false, .. }), "{error:?}");
        assert!(error.to_string().contains("--header 'Authorization: Bearer …'"), "{error}");
    }
}

#[tokio::test]
async fn no_pprof() {
    let error = error_of(Reply::Body(404, Vec::new()), &quick()).await;
    assert!(matches!(error, EndpointError::NotFound { .. }), "{error:?}");
    assert!(error.to_string().contains("pprof.Index"), "{error}");
}

#[tokio::test]
async fn other_statuses() {
    let error = error_of(Reply::Body(503, b"no upstream\x1b[31m\nmore".to_vec()), &quick()).await;
    let text = error.to_string();
    assert!(text.contains("503") && text.contains("no upstream") && !text.contains('\x1b'), "{text}");
    let https = b"Client sent an HTTP request to an HTTPS server.\n".to_vec();
    let error = error_of(Reply::Body(400, https), &quick()).await;
    assert!(matches!(error, EndpointError::NeedsHttps { .. }), "{error:?}");
}

#[tokio::test]
async fn https_of_a_plain_server() {
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let (mut stream, _) = tcp.accept().await.unwrap();
        let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").await;
    });
    let error = ask(&format!("https://{address}"), &quick()).await.unwrap_err();
    // A machine without certificate authorities does not get as far.
    assert!(matches!(error, EndpointError::PlainHttp { .. } | EndpointError::NoAuthorities { .. }), "{error:?}");
}

#[tokio::test]
async fn redirect_to_another_host_is_not_followed() {
    let other = Server::start(&[]).await;
    let target = other.address.replace("127.0.0.1", "localhost");
    let error = error_of(Reply::To(format!("http://{target}/login?next=secret")), &quick()).await;
    assert!(matches!(error, EndpointError::Redirect { .. }), "{error:?}");
    assert!(error.to_string().contains(&target) && !error.to_string().contains("secret"), "{error}");
    assert_eq!(other.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn credentials_are_left_behind_at_a_redirect() {
    let server = Server::start(&[
        ("", Reply::Body(404, Vec::new())),
        (PROFILE, Reply::To("/elsewhere".into())),
        ("/elsewhere", Reply::Body(401, Vec::new())),
    ])
    .await;
    let options = Options { headers: vec![("X-Api-Key".into(), "k3y".into())], ..quick() };
    let error = ask(&format!("http://ann:s3cret@{}", server.address), &options).await.unwrap_err();
    assert!(matches!(error, EndpointError::Denied { redirected: true, .. }), "{error:?}");
    let has_credentials = |head: &String| head.contains("authorization: Basic") && head.contains("x-api-key: k3y");
    let requests = server.requests();
    assert_eq!(requests.iter().map(has_credentials).collect::<Vec<_>>(), [true, true, false], "{requests:?}");
    assert!(!format!("{options:?}").contains("k3y"));
}

#[tokio::test]
async fn redirects_in_a_circle() {
    let error = error_of(Reply::To("/debug/pprof/goroutine?debug=0".into()), &quick()).await;
    assert!(error.to_string().contains("circle"), "{error}");
}

#[tokio::test]
async fn a_header_that_cannot_be_sent() {
    let options = Options { headers: vec![("X".into(), "a\r\nEvil: s3cret".into())], ..quick() };
    let error = ask("127.0.0.1:1", &options).await.unwrap_err();
    assert!(matches!(error, EndpointError::Header { .. }) && !error.to_string().contains("s3cret"), "{error:?}");
}
