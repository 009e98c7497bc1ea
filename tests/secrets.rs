//! A secret's value goes to HCP and nowhere else: canaries in every place that takes one, and a search of all that comes out.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod lab;

use std::io::Write;
use std::sync::{Arc, Mutex};

use reconcile::plan::show::json::{Document, Exit};
use reconcile::plan::show::{self, Header, Look};
use reconcile::sandbox::Sandbox;
use reconcile::secret::Secrets;
use reconcile::systems::Observed;
use tracing_subscriber::fmt::MakeWriter;

use lab::Lab;

const FLEET: &str = r#"
fleet: lab
hcp: { organization: example-house, tier: free }
targets: { nas: { docker: {} } }
pools: { nas: { name: lab-nas, target: nas, agents: { min: 0, max: 1, image: "hashicorp/tfc-agent:1.29.0" } } }
notify:
  chat: { type: slack, url: { file: chat }, events: ["run:errored"] }
  hook: { type: generic, url: { file: hook }, token: { command: [cat, hmac] }, events: ["run:errored"] }
variableSets:
  shared: { for: global, variables: { env: { SHARED: { sensitive: { file: shared } } } } }
projects:
  main:
    notify: [chat]
    workspaces:
      dns:
        runsOn: nas
        notify: [hook]
        variables: { env: { TOKEN: { sensitive: { file: token } } }, terraform: { key: { sensitive: { command: [cat, key] } } } }
"#;

/// Each names the file that it is in. A URL is one, since that is what notifications take.
const CANARIES: [(&str, &str); 6] = [
    ("chat", "https://hooks.example/canary-4f1d-chat"),
    ("hook", "https://hooks.example/canary-4f1d-hook"),
    ("hmac", "canary-4f1d-hmac"),
    ("shared", "canary-4f1d-shared"),
    ("token", "canary-4f1d-token"),
    ("key", "canary-4f1d-key"),
];

/// What all values, and the API token, have in common.
const MARKS: [&str; 2] = ["canary-4f1d", "sandbox.atlasv1"];

/// Everything that was written anywhere.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<Vec<u8>>>);

impl Everything {
    fn note(&self, what: &str, text: &str) {
        writeln!(self.0.lock().unwrap(), "== {what}\n{text}").unwrap();
    }
}

impl Write for Everything {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Everything {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_is_in_anything_that_comes_out() {
    let everything = Everything::default();
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(everything.clone()).finish();
    let _guard = tracing::subscriber::set_default(log);

    let folder = tempfile::tempdir().expect("a folder");
    for (file, value) in CANARIES {
        std::fs::write(folder.path().join(file), format!("{value}\n")).expect("a file");
    }
    let want = lab::fleet("fleet.yaml", FLEET);
    let sandbox = Sandbox::in_memory(&lab::seed(&want)).await.expect("the sandbox starts");
    let mut lab = Lab::around(sandbox, &want).await;
    lab.secrets = Secrets::real(folder.path().to_owned(), true);

    everything.note("desired", &format!("{want:#?} {}", serde_json::to_string(&want).unwrap()));
    run(&lab, &want, &everything).await;
    // Nothing to do, then all of them changed, then a server that refuses everything that is sent.
    run(&lab, &want, &everything).await;
    for (file, value) in CANARIES {
        std::fs::write(folder.path().join(file), format!("{value}-2")).expect("a file");
    }
    run(&lab, &want, &everything).await;
    for (file, value) in CANARIES {
        std::fs::write(folder.path().join(file), format!("{value}-3")).expect("a file");
    }
    lab.sandbox.answer_deliveries(Some(500));
    run(&lab, &want, &everything).await;
    everything.note("requests", &format!("{:#?}", lab.sandbox.requests()));

    let written = everything.0.lock().unwrap().clone();
    let text = String::from_utf8_lossy(&written);
    assert!(text.contains("GET") && text.contains("main"), "the log is empty: {}", text.len());
    for mark in MARKS {
        if let Some(found) = text.find(mark) {
            let around: String = text.chars().skip(found.saturating_sub(300)).take(600).collect();
            panic!("a secret came out:\n…{around}…");
        }
    }
    arrived(&lab);
}

/// A key of several lines, with signs that JSON escapes.
const KEY: &str =
    "-----BEGIN KEY-----\nCanary4f1dFirstLine+\"quoted\"\\slashed\nCanary4f1dSecondLine/=\n-----END KEY-----";

/// Whatever is left of a canary when it is changed like this.
fn forms(value: &str) -> Vec<String> {
    let escaped = serde_json::to_string(value).unwrap();
    let percent = value.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}"));
    let base64: Vec<String> =
        (0..3).map(|shift| data_encoding::BASE64.encode(format!("{}{value}", &"xyz"[..shift]).as_bytes())).collect();
    let cut = value.get(..value.len() - 3).unwrap_or_default().to_owned();
    let mut forms = vec![value.to_owned(), escaped, reconcile::http::path(&[value]), percent, cut];
    forms.extend(base64);
    forms.extend([value.to_uppercase(), data_encoding::HEXLOWER.encode(value.as_bytes())]);
    forms
}

/// Answers every write that has a secret in it with that, in one form after the other.
fn echo(asked: &lab::proxy::Asked, answered: lab::proxy::Answered, form: usize, status: u16) -> lab::proxy::Answered {
    let sent: serde_json::Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let part = |name: &str| sent.pointer(&format!("/data/attributes/{name}")).and_then(serde_json::Value::as_str);
    let secret = part("token").or(part("url")).or(part("value")).unwrap_or_default();
    let mark = secret.to_lowercase().contains("canary");
    if !mark {
        return answered;
    }
    let value = &forms(secret)[form];
    let padded = format!("{} {value}", "x".repeat(485));
    let whole = String::from_utf8_lossy(&asked.body).into_owned();
    let error = |detail: &str| serde_json::json!({ "title": value, "detail": detail, "status": value, "source": { "pointer": value } });
    let mut answered = answered;
    let id: String = secret.chars().filter(char::is_ascii_alphanumeric).collect();
    answered.headers.insert("x-request-id", id.parse().unwrap());
    answered.headers.insert("location", format!("https://{id}.example/").parse().unwrap());
    match status {
        500 => answered.with(500, format!("<html><title>{value}</title>{whole}")),
        302 => answered.with(302, ""),
        200 => answered.with_json(&serde_json::json!({ "data": { "id": value, "type": value, "attributes": value } })),
        status => answered.with(
            status,
            serde_json::json!({ "errors": [error(value), error(&padded), error(&whole), value] }).to_string(),
        ),
    }
}

/// Ten letters and digits of a canary in a row, in any of its forms, which stand in a text whatever its capitals and signs.
fn remains(text: &str) -> Option<String> {
    let plain = |text: &str| text.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    let text = plain(text);
    let values = [KEY, "https://hooks.example/canary-4f1d-chat", "canary-4f1d-hmac"];
    // What comes before the canary itself is no secret.
    let forms = values.into_iter().flat_map(forms).map(|form| plain(&form));
    let parts = forms.flat_map(|form| {
        let start = form.find("canary").unwrap_or(12);
        let parts = form.as_bytes()[start..].windows(10);
        parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect::<Vec<_>>()
    });
    parts.into_iter().find(|part| text.contains(part.as_str()))
}

#[tokio::test]
async fn a_server_that_repeats_what_it_was_sent_makes_nothing_come_out() {
    let everything = Everything::default();
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(everything.clone()).finish();
    let _guard = tracing::subscriber::set_default(log);
    let folder = tempfile::tempdir().expect("a folder");
    for (file, value) in CANARIES {
        std::fs::write(folder.path().join(file), value).expect("a file");
    }
    for file in ["token", "key", "shared"] {
        std::fs::write(folder.path().join(file), KEY).expect("a file");
    }
    let want = lab::fleet("fleet.yaml", FLEET);
    for (form, status) in (0..forms(KEY).len()).flat_map(|form| [422, 400, 500, 302, 200].map(|status| (form, status)))
    {
        let sandbox = Sandbox::in_memory(&lab::seed(&want)).await.expect("the sandbox starts");
        let mut lab = Lab::around(sandbox, &want)
            .await
            .through_proxy(&want, move |asked, answered| echo(asked, answered, form, status))
            .await;
        lab.secrets = Secrets::real(folder.path().to_owned(), true);
        let report = lab.run(&want).await;
        let failed = lab::failures(&report);
        assert!(failed.len() >= 3, "{status}: {failed:?}");
        let names = |words: &str| failed.iter().any(|failure| failure.contains(words));
        assert!(status != 422 || names("hint: what was sent holds the value of file chat"), "{failed:?}");
        assert!(status != 400 || names("hint: make the receiver at the address in file chat"), "{failed:?}");
        let document = serde_json::to_string(&report.document(String::new())).unwrap();
        let look = Look { color: false, full: true };
        everything.note("report", &format!("{document} {report:#?} {failed:#?} {}", report.render(look, false, "")));
        let written = String::from_utf8_lossy(&std::mem::take(&mut *everything.0.lock().unwrap())).into_owned();
        // Bodies at that level are the HTTP library's business, which the program's own log leaves out.
        let told: String = written.lines().filter(|line| !line.contains("hyper")).collect::<Vec<_>>().join("\n");
        assert_eq!(remains(&told), None, "{status} in form {form}: {failed:#?}");
    }
}

async fn run(lab: &Lab, want: &reconcile::spec::desired::Desired, everything: &Everything) {
    let seen: Observed = lab.look(want).await;
    everything.note("observed", &format!("{seen:#?} {}", serde_json::to_string(&seen).unwrap()));
    let plan = reconcile::plan::plan(want, &seen, &reconcile::systems::Consent::default());
    let look = Look { color: false, full: true };
    everything.note("plan", &format!("{plan:#?} {}", show::render(&plan, &Header::default(), look, "")));
    everything.note("digest", Header::default().digest(&plan).as_str());
    let document = Document::new(&plan, &Header::default(), Exit { code: 0, word: String::new() });
    everything.note("document", &serde_json::to_string(&document).unwrap());
    let report = lab.apply(&plan).await;
    everything.note("report", &format!("{report:#?} {}", report.render(look, false, "")));
}

/// The canaries did get where they belong, or the search proves nothing.
fn arrived(lab: &Lab) {
    lab.sandbox.with_world(|world| {
        let dns = world.workspaces.values().find(|workspace| workspace.name == "dns").expect("the workspace");
        for (key, value) in [("TOKEN", "canary-4f1d-token-3"), ("key", "canary-4f1d-key-3")] {
            let variable = dns.variables.values().find(|variable| variable.key == key).expect("the variable");
            assert!(variable.value.is(value), "{key} did not arrive");
        }
    });
}

/// What cannot be read stops an apply in the middle, unless the plan has said so.
#[tokio::test]
async fn a_source_that_cannot_be_read_is_a_gap_before_anything_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    for (file, value) in CANARIES.into_iter().filter(|(file, _)| !["token", "hook"].contains(file)) {
        std::fs::write(folder.path().join(file), value).expect("a file");
    }
    let want = lab::fleet("fleet.yaml", FLEET);
    let sandbox = Sandbox::in_memory(&lab::seed(&want)).await.expect("the sandbox starts");
    let mut lab = Lab::around(sandbox, &want).await;
    lab.secrets = Secrets::real(folder.path().to_owned(), true);
    let seen = lab.look(&want).await;
    assert!(!format!("{seen:?}").contains("canary"), "no value is kept");
    let plan = reconcile::plan::plan(&want, &seen, &reconcile::systems::Consent::default());
    let unread: Vec<String> = plan.gaps.iter().map(|gap| format!("{}: {}", gap.address, gap.follows)).collect();
    let expected = ["hcp/workspace/dns/env/TOKEN: not created", "hcp/workspace/dns/notification/hook: not created"];
    assert_eq!(unread, expected);
    assert!(plan.gaps.iter().all(|gap| gap.cause.contains("cannot read the file")), "{:?}", plan.gaps);
    let report = lab.apply(&plan).await;
    assert!(report.is_complete(), "{:#?}", lab::failures(&report));
    for (file, value) in CANARIES {
        std::fs::write(folder.path().join(file), value).expect("a file");
    }
    lab.converge(&want).await;
}
