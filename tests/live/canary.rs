//! Where an agent's token is: in its container's environment, and in nothing that is written, logged or stored beside it.

use reconcile::sandbox::Tier;

use super::dockerd::{self, Daemon, Programs};
use super::program::{Program, Ran};
use super::site::{Site, Wish};

const ONE: Wish<'_> = Wish { min: 1, image: "1", job_seconds: Some(1), absent: false };

/// All that the program wrote, to be searched for each token that there was.
#[derive(Default)]
struct Written(Vec<(String, String)>);

impl Written {
    async fn run(&mut self, program: &Program, words: &str) -> Ran {
        let mut command = program.command(words);
        command.env("RUST_LOG", "trace");
        let ran: Ran = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap().into();
        // Without that the search would prove nothing.
        assert!(ran.err.contains("TRACE"), "`{words}` logs nothing at trace level: {ran:#?}");
        self.0.push((format!("output of `{words}`"), ran.out.clone()));
        self.0.push((format!("log of `{words}`"), ran.err.clone()));
        ran
    }

    fn read(&mut self, program: &Program, name: &str) {
        self.0.push((name.to_owned(), std::fs::read_to_string(program.path(name)).unwrap()));
    }
}

#[test]
fn a_token_is_in_the_container_and_nowhere_else() {
    dockerd::with_engine(look_for_three_tokens);
}

async fn look_for_three_tokens(daemon: Daemon, programs: Programs) {
    let site = Site::new(&daemon, &programs, "canary", Tier::Standard).await;
    let program = Program::new(&site);
    program.write(&site, &ONE);
    let mut written = Written::default();
    let mut tokens = Vec::new();
    for words in ["apply --yes -vvv", "rotate agent-tokens --yes -vvv"] {
        let ran = written.run(&program, words).await;
        assert_eq!(ran.code, Some(0), "{words}: {}", ran.out);
        tokens.push(token_of(&site).await);
    }
    program.write(&site, &Wish { image: "2", ..ONE });
    let plan = "plan --deep --full -vvv --save plan.json --save-observed seen.json";
    assert_eq!(written.run(&program, plan).await.code, Some(2));
    written.read(&program, "plan.json");
    written.read(&program, "seen.json");
    let ran = written.run(&program, "apply --yes --deep --format json -vvv").await;
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    tokens.push(token_of(&site).await);
    written.0.push(("the engine's log".to_owned(), daemon.log()));
    written.0.extend(on_the_engine(&site, &daemon).await);
    tokens.dedup();
    assert_eq!(tokens.len(), 3, "each of the three has a token of its own");
    for (place, text) in &written.0 {
        for token in &tokens {
            let line = text.lines().find(|line| line.contains(token)).map(|line| line.replace(token, "TOKEN"));
            assert!(line.is_none(), "a token is in {place}: {line:?}");
        }
    }
    let bytes: usize = written.0.iter().map(|(_, text)| text.len()).sum();
    println!("{} tokens are in none of {} texts, {bytes} bytes in all", tokens.len(), written.0.len());
}

/// The token in the environment of the agent's container; it is nowhere else in what the engine shows of that.
async fn token_of(site: &Site) -> String {
    let container = site.inspect(&site.container()).await;
    let environment = container["Config"]["Env"].as_array().unwrap();
    let named: Vec<&str> =
        environment.iter().filter_map(|it| it.as_str().unwrap().strip_prefix("TFC_AGENT_TOKEN=")).collect();
    let [token] = named.as_slice() else { panic!("one token: {} of them", named.len()) };
    assert!(token.len() > 20, "a token that can be looked for");
    let id = container["Config"]["Labels"]["reconcile.dev/token-id"].as_str().unwrap();
    let is_it = site.sandbox.with_world(|world| world.agent_tokens[id].secret.is(token));
    assert!(is_it, "it is the one that its label names");
    assert_eq!(container.to_string().matches(token).count(), 1, "it is there once, and in no label");
    (*token).to_owned()
}

/// What else the engine tells of what is ours: lists, logs, events, images, the network, processes.
async fn on_the_engine(site: &Site, daemon: &Daemon) -> Vec<(String, String)> {
    let until = jiff::Timestamp::now().as_second();
    let container = site.container();
    let paths = [
        "/containers/json?all=1".to_owned(),
        "/images/json".to_owned(),
        "/networks".to_owned(),
        "/volumes".to_owned(),
        format!("/containers/{container}/logs?stdout=1&stderr=1"),
        format!("/containers/{container}/top"),
        format!("/events?since=0&until={until}"),
    ];
    let mut texts = Vec::new();
    for path in paths {
        let reply = super::wire::ask(&daemon.address(), "GET", &path, "", b"").await;
        assert!(reply.status == 200 && !reply.body.is_empty(), "{path}: {}", reply.text());
        texts.push((path, reply.text()));
    }
    texts
}
