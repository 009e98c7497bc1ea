//! Made-up servers: engines of many kinds, and what is no engine.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// What a server says: status, kind and body, by method and path.
pub type Answers = Arc<dyn Fn(&str) -> (u16, &'static str, String) + Send + Sync>;

/// Answers of an engine that is as it should be, but for these fields of `/version` and `/info`.
pub fn engine(version: Value, info: Value) -> Answers {
    let with = |mut whole: Value, changes: Value| {
        whole.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        whole
    };
    let version = with(json!({"Version": "24.0.2", "ApiVersion": "1.43", "Os": "linux", "Arch": "amd64"}), version);
    let usual = json!({
        "ID": "6XKD:KBLC:ELWN:6OKF:XTFK:42PQ:ZCLG:WCRY:75IY:VQ2R:JAVU:GQWS", "Name": "nas", "OSType": "linux", "Architecture": "x86_64", "MemTotal": 8_231_112_704_u64,
    });
    let info = with(usual, info);
    Arc::new(move |asked| {
        let path = asked.split([' ', '?']).nth(1).unwrap_or_default();
        let body = match path {
            "/version" => version.clone(),
            "/info" => info.clone(),
            "/volumes" => json!({"Volumes": []}),
            "/containers/json" | "/networks" | "/images/json" => json!([]),
            other => return (404, "application/json", json!({"message": format!("no {other}")}).to_string()),
        };
        (200, "application/json", body.to_string())
    })
}

/// One that says the same to everybody.
pub fn page(status: u16, text: &'static str) -> Answers {
    Arc::new(move |_| (status, "text/html", text.to_owned()))
}

/// A server of this machine, for as long as the test's process lives.
pub struct Server {
    /// `127.0.0.1:4711`
    pub address: String,
    /// What it was asked: `GET /info`.
    pub asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn new(answers: Answers) -> Self {
        Self::with(move |stream, asked| answer(stream, &answers, asked))
    }

    /// One that speaks TLS, with the certificate of this name, and wants one of ours from its clients.
    pub fn tls(answers: Answers, certificate: &str) -> Self {
        let config = Arc::new(tls_config(certificate));
        Self::with(move |stream, asked| {
            let mut raw = stream.try_clone().unwrap();
            let tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            answer(tls, &answers, asked);
            // To close with something unread takes back what was said last, such as why a client is not let in.
            raw.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            let _ = raw.shutdown(std::net::Shutdown::Write);
            let _ = std::io::copy(&mut raw, &mut std::io::sink());
        })
    }

    /// One that says something as soon as somebody comes.
    pub fn greets(words: &'static str) -> Self {
        Self::with(move |mut stream, _| {
            // Whoever came may have left.
            let _ = stream.write_all(words.as_bytes());
            let _ = stream.read(&mut [0; 1024]);
        })
    }

    /// One whose answers, all of them JSON, depend on the whole head of a request.
    pub fn with_head(answers: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        Self::with(move |mut stream, asked| {
            if let Some(head) = head(&mut stream) {
                asked.lock().unwrap().push(first_line(&head));
                let (status, body) = answers(&head);
                say(&mut stream, status, "application/json", &body);
            }
        })
    }

    fn with(serve: impl Fn(TcpStream, &Mutex<Vec<String>>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (log, serve) = (Arc::clone(&asked), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, serve) = (Arc::clone(&log), Arc::clone(&serve));
                thread::spawn(move || serve(stream, &log));
            }
        });
        Self { address, asked }
    }
}

/// A socket that takes connections and does this with each.
pub fn socket(path: PathBuf, serve: impl Fn(UnixStream) + Send + Sync + 'static) -> PathBuf {
    let listener = UnixListener::bind(&path).unwrap();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    path
}

/// Hands on everything in both directions.
pub fn hand_on(here: UnixStream, address: &str) {
    let there = TcpStream::connect(address).unwrap();
    let (mut asked, mut asking) = (here.try_clone().unwrap(), there.try_clone().unwrap());
    thread::spawn(move || {
        // Either side may leave first.
        let _ = std::io::copy(&mut asked, &mut asking);
        let _ = asking.shutdown(std::net::Shutdown::Write);
    });
    let (mut answer, mut back) = (there, here);
    let _ = std::io::copy(&mut answer, &mut back);
    let _ = back.shutdown(std::net::Shutdown::Write);
}

/// Listens until the other side has enough of it.
pub fn mute(mut stream: UnixStream) {
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

/// Answers one request.
fn answer(mut stream: impl Read + Write, answers: &Answers, asked: &Mutex<Vec<String>>) {
    let Some(head) = head(&mut stream) else { return };
    let line = first_line(&head);
    asked.lock().unwrap().push(line.clone());
    let (status, kind, body) = answers(&line);
    say(&mut stream, status, kind, &body);
}

/// The head of a request, if it is one.
fn head(stream: &mut (impl Read + Write)) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) if head.is_empty() && !byte[0].is_ascii_uppercase() => {
                // As Go's server does, which is the engine's.
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request");
                return None;
            }
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// `GET /info`
fn first_line(head: &str) -> String {
    head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned()
}

fn say(stream: &mut impl Write, status: u16, kind: &str, body: &str) {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} Words\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    // Whoever asked may have left.
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.flush();
}

/// A file of the folder with certificates.
pub fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/preflight/tls").join(format!("{name}.pem"))
}

fn tls_config(certificate: &str) -> ServerConfig {
    // Another test may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut ours = RootCertStore::empty();
    ours.add(CertificateDer::from_pem_file(pem("ours")).unwrap()).unwrap();
    let verifier = WebPkiClientVerifier::builder(Arc::new(ours)).build().unwrap();
    let chain = vec![CertificateDer::from_pem_file(pem(certificate)).unwrap()];
    let key = PrivateKeyDer::from_pem_file(pem(&format!("{certificate}-key"))).unwrap();
    ServerConfig::builder().with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap()
}
