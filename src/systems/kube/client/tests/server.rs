//! A server that says what it is told to.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// One request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// From 1; 0 is the question for the version, which is answered already.
    pub number: usize,
    pub method: String,
    pub path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    pub body: String,
}

impl Asked {
    pub fn query(&self, key: &str) -> Option<String> {
        self.query.get(key).cloned()
    }

    pub fn header(&self, key: &str) -> Option<String> {
        self.headers.get(key).cloned()
    }
}

/// What is said to it.
pub enum Answer {
    /// A head and a body.
    Said { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// Nothing, for as long as somebody waits.
    Mute,
    /// Nothing, and the connection ends.
    Cut,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("Content-Type", "application/json".to_owned())];
        Self::Said { status, headers, body: body.to_string() }
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self::Said { status, headers: Vec::new(), body: body.to_owned() }
    }

    /// The events of a watch, and then its end.
    pub fn stream(body: String) -> Self {
        Self::Said { status: 200, headers: Vec::new(), body }
    }

    pub fn with(mut self, key: &'static str, value: &str) -> Self {
        if let Self::Said { headers, .. } = &mut self {
            headers.push((key, value.to_owned()));
        }
        self
    }
}

/// It lives as long as the test's process.
pub struct Server {
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// One that gives its version, and to all else these answers.
    pub fn new(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (noted, answer) = (Arc::clone(&asked), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (noted, answer) = (Arc::clone(&noted), Arc::clone(&answer));
                thread::spawn(move || talk(stream, &noted, &*answer));
            }
        });
        Self { address, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn talk(mut stream: TcpStream, noted: &Mutex<Vec<Asked>>, answer: &(impl Fn(&Asked) -> Answer + ?Sized)) {
    let Some(mut asked) = hear(&mut stream) else { return };
    {
        let mut noted = noted.lock().unwrap();
        asked.number = noted.len();
        noted.push(asked.clone());
    }
    let answer = if asked.path == "/version" {
        Answer::json(200, &json!({ "major": "1", "minor": "33", "gitVersion": "v1.33.1", "platform": "linux/arm64" }))
    } else {
        answer(&asked)
    };
    match answer {
        Answer::Said { status, headers, body } => {
            let headers: Vec<String> = headers.iter().map(|(key, value)| format!("{key}: {value}\r\n")).collect();
            let headers = headers.concat();
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status} Words\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
            // Whoever asked may have left.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
        Answer::Mute => {
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
        Answer::Cut => {}
    }
}

fn hear(stream: &mut TcpStream) -> Option<Asked> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let url = reqwest::Url::parse(&format!("http://x{target}")).unwrap();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(key, value)| (key.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Asked {
        number: 0,
        method,
        path: url.path().to_owned(),
        query: url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect(),
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}
