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
fn an_address_that_is_refused_is_shown_without_its_password() {
    let error = origin("https://user:canary@app.terraform.io", false).unwrap_err();
    assert!(!error.chain().contains("canary"), "{}", error.chain());
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
    assert_eq!(unescaped("a%2Fb%3fc%"), "a/b?c%");
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

/// A server that answers what it is told, and remembers when it was asked.
struct Told {
    address: String,
    asked: std::sync::Arc<Mutex<Vec<Instant>>>,
}

impl Told {
    /// `answer` gets the number of the request, from 0; no answer means that there never is one.
    async fn new(answer: impl Fn(usize) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = std::sync::Arc::new(Mutex::new(Vec::new()));
        let (answer, noted) = (std::sync::Arc::new(answer), std::sync::Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Self::talk(stream, std::sync::Arc::clone(&answer), std::sync::Arc::clone(&noted)));
            }
        });
        Self { address, asked }
    }

    async fn talk(
        mut stream: tokio::net::TcpStream,
        answer: std::sync::Arc<impl Fn(usize) -> Option<String>>,
        noted: std::sync::Arc<Mutex<Vec<Instant>>>,
    ) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut heard = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let count = stream.read(&mut buffer).await.unwrap_or_default();
            if count == 0 {
                return;
            }
            heard.extend_from_slice(&buffer[..count]);
            // Requests of these tests have no body.
            if !heard.ends_with(b"\r\n\r\n") {
                continue;
            }
            heard.clear();
            let number = {
                let mut noted = noted.lock().unwrap();
                noted.push(Instant::now());
                noted.len() - 1
            };
            match answer(number) {
                Some(text) => stream.write_all(text.as_bytes()).await.unwrap(),
                None => std::future::pending().await,
            }
        }
    }

    fn transport(&self, policy: &Policy) -> Transport {
        Transport::new(&endpoint(&self.address, &token()), policy).unwrap()
    }

    fn asked(&self) -> Vec<Instant> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: 2\r\n\r\n{{}}")
}

async fn get(transport: &Transport) -> Result<(), Failure> {
    let call = Call { method: Method::Get, path: "ping", query: &[], body: None };
    transport.send(&call, |_| Ok(())).await.map(|_| ())
}

#[tokio::test]
async fn a_storm_of_429_holds_everybody_and_lets_them_go_one_after_the_other() {
    let began = Instant::now();
    let calm = Duration::from_millis(400);
    let told = Told::new(move |_| {
        Some(if began.elapsed() < calm {
            answer("429 Too Many Requests", "retry-after: 0.4\r\n")
        } else {
            answer("200 OK", "")
        })
    })
    .await;
    let policy =
        Policy { per_second: 50, burst: 4, in_flight: 16, longest_hold: Duration::from_secs(2), ..Policy::test() };
    let transport = told.transport(&policy);
    let all = futures::future::join_all((0..16).map(|_| get(&transport))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    let asked = told.asked();
    let early = asked.iter().filter(|at| at.duration_since(began) < calm).count();
    assert!(early <= 6, "{early} asked although all should have been held after the first 429");
    let first = asked.iter().filter(|at| at.duration_since(began) >= calm).min().unwrap();
    let herd =
        asked.iter().filter(|at| **at >= *first && at.duration_since(*first) < Duration::from_millis(20)).count();
    assert!(herd <= 6, "{herd} of 16 asked at the same moment");
    assert_eq!(asked.len(), early + 16, "each is asked again once");
}

#[tokio::test]
async fn a_pause_is_as_long_as_it_is_asked_for_and_no_longer_than_we_bear() {
    let date = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\nretry-after: Sun, 06 Nov 1994 08:49:38 GMT\r\n";
    for (headers, bear, least, most) in [
        ("retry-after: 0.2\r\n", 5_000, 200, 1_500),
        ("x-ratelimit-reset: 0.2\r\n", 5_000, 200, 1_500),
        (date, 300, 300, 950),
        ("retry-after: 86400\r\n", 100, 100, 1_500),
        ("retry-after: soon\r\n", 5_000, 0, 1_000),
        ("", 5_000, 0, 1_000),
    ] {
        let told = Told::new(move |number| {
            Some(if number == 0 { answer("429 Too Many Requests", headers) } else { answer("200 OK", "") })
        })
        .await;
        let policy = Policy { longest_hold: Duration::from_millis(bear), ..Policy::test() };
        get(&told.transport(&policy)).await.unwrap();
        let asked = told.asked();
        let pause = asked[1].duration_since(asked[0]).as_millis();
        assert!((least..most).contains(&pause), "{headers:?}: {pause} ms");
    }
}

#[tokio::test]
async fn who_has_used_up_the_limit_waits_without_being_told_off() {
    let headers = "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 0.2\r\n";
    let told = Told::new(move |_| Some(answer("200 OK", headers))).await;
    let policy = Policy { longest_hold: Duration::from_secs(1), ..Policy::test() };
    let transport = told.transport(&policy);
    get(&transport).await.unwrap();
    get(&transport).await.unwrap();
    let asked = told.asked();
    assert!(asked[1].duration_since(asked[0]) >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_request_that_is_given_up_frees_its_place_and_stays_on_the_list_of_writes() {
    let told = Told::new(|number| (number > 0).then(|| answer("200 OK", ""))).await;
    let transport = told.transport(&Policy { in_flight: 1, ..Policy::test() });
    let call = Call { method: Method::Delete, path: "workspaces/ws-1", query: &[], body: None };
    let given_up = tokio::time::timeout(Duration::from_millis(100), transport.send(&call, |_| Ok(()))).await;
    assert!(given_up.is_err());
    tokio::time::timeout(Duration::from_secs(2), get(&transport)).await.expect("the place is free").unwrap();
    assert_eq!(transport.in_flight(), ["DELETE workspaces/ws-1"]);
}

#[tokio::test]
async fn a_proxy_that_shows_the_token_is_not_quoted() {
    let encoded = data_encoding::BASE64.encode(b"Bearer canary-token");
    for shown in ["Bearer canary-token", "CANARY-TOKEN", "canary%2Dtoken", &encoded] {
        for (status, body) in [
            ("403 Forbidden", format!("<title>{shown}</title>")),
            ("200 OK", format!("<title>{shown}</title>")),
            ("422 Unprocessable Entity", format!(r#"{{"errors":[{{"detail":"{shown}"}}]}}"#)),
            ("404 Not Found", format!(r#"{{"errors":["{shown}"]}}"#)),
        ] {
            let text = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let told = Told::new(move |_| Some(text.clone())).await;
            let said = get(&told.transport(&Policy::test())).await.unwrap_err().to_string();
            assert!(!said.to_lowercase().contains("canary") && !said.contains(&encoded[12..]), "{status}: {said}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_says_that_it_is_too_large_is_not_read() {
    let told = Told::new(|_| Some("HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n".to_owned())).await;
    let failure = get(&told.transport(&Policy::test())).await.unwrap_err();
    assert_eq!(failure.message(), "the answer is larger than 64 MiB");
    assert_eq!(told.asked().len(), 1);
}

#[tokio::test]
async fn a_server_that_only_asks_to_wait_is_not_waited_for_for_ever() {
    let told = Told::new(|_| Some(answer("429 Too Many Requests", "retry-after: 0.1\r\n"))).await;
    let policy = Policy {
        limited_attempts: 1_000,
        limited_for: Duration::from_millis(350),
        longest_hold: Duration::from_secs(1),
        ..Policy::test()
    };
    let transport = told.transport(&policy);
    let began = Instant::now();
    let failure = get(&transport).await.unwrap_err();
    assert_eq!(failure.kind(), Kind::Limited);
    assert_eq!(failure.message(), "Too Many Requests; nothing else came for over 350 ms");
    let failure = get(&transport).await.unwrap_err();
    assert_eq!(failure.message(), "not sent: the server has done nothing but ask to wait for over 350 ms");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

/// What is told while somebody waits.
#[derive(Clone, Default)]
struct Notes(std::sync::Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Notes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_wait_is_told_once_however_many_wait() {
    let notes = Notes::default();
    let writer = notes.clone();
    let log = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(log);
    let headers = "retry-after: 1\r\nx-request-id: abc\r\n";
    let told = Told::new(move |number| {
        Some(if number < 4 { answer("429 Too Many Requests", headers) } else { answer("200 OK", "") })
    })
    .await;
    let transport = told.transport(&Policy { longest_hold: Duration::from_secs(2), ..Policy::test() });
    let all = futures::future::join_all((0..4).map(|_| get(&transport))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    let text = String::from_utf8(notes.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("INFO")).collect();
    let [line] = lines.as_slice() else { panic!("{text}") };
    assert!(line.ends_with("HCP asks to wait 1 s (429): GET ping, request abc"), "{line}");
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_told() {
    let notes = Notes::default();
    let writer = notes.clone();
    let log = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(log);
    let told =
        Told::new(|number| Some(if number == 0 { answer("502 Bad Gateway", "") } else { answer("200 OK", "") })).await;
    get(&told.transport(&Policy::test())).await.unwrap();
    let text = String::from_utf8(notes.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("GET ping: Bad Gateway (502): asking again in 0.0 s"), "{text}");
}
