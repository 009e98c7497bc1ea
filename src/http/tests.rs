use super::*;

fn endpoint<'a>(address: &'a str, token: &'a Secret) -> Endpoint<'a> {
    Endpoint { address, token, ca: None, loopback_only: false }
}

fn token() -> Secret {
    Secret::new("canary-token".to_owned())
}

#[test]
fn a_token_crosses_no_network_in_clear_and_leaves_no_sandbox() {
    for (address, loopback_only, fine) in [
        ("https://app.terraform.io", false, true),
        ("https://app.terraform.io/api/v2/", false, true),
        ("http://127.0.0.1:8080", false, true),
        ("http://[::1]:8080", true, true),
        ("http://app.terraform.io", false, false),
        ("https://app.terraform.io", true, false),
        ("https://user:pass@app.terraform.io", false, false),
        ("app.terraform.io", false, false),
    ] {
        assert_eq!(origin(address, loopback_only).is_ok(), fine, "{address}");
    }
}

#[test]
fn a_token_with_a_line_break_is_refused_without_being_shown() {
    let token = Secret::new("canary\nsecond line".to_owned());
    let error = Transport::new(&endpoint("https://app.terraform.io", &token), &Policy::test()).unwrap_err();
    assert!(!format!("{error:?} {}", error.chain()).contains("canary"));
}

#[test]
fn nothing_that_can_be_printed_holds_the_token() {
    let token = token();
    let transport = Transport::new(&endpoint("http://127.0.0.1:1", &token), &Policy::test()).unwrap();
    assert!(!format!("{transport:?} {:?}", Body::of(&"canary-token")).contains("canary"));
}

#[test]
fn a_path_escapes_what_would_end_a_segment() {
    assert_eq!(path(&["organizations", "a/b?c", "vars"]), "organizations/a%2Fb%3Fc/vars");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_and_a_post_to_it_is_not_unheard() {
    let token = token();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let transport = Transport::new(&endpoint(&address, &token), &Policy::test()).unwrap();
    let call = Call { method: Method::Post, path: "ping", query: &[], body: None };
    let failure = transport.send(&call, |_| Ok(())).await.unwrap_err();
    assert_eq!(failure.kind(), Kind::Unreachable);
    assert!(!failure.is_unheard());
    let attempts = u32::try_from(Policy::test().attempts).unwrap();
    assert_eq!(transport.requests(), attempts, "a request that was never sent is repeated");
}
