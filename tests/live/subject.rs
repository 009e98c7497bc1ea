//! What the suite asks: an engine, with a stand-in for HCP Terraform and a registry beside it.

use std::time::{Duration, Instant};

use bollard::Docker;
use jiff::SignedDuration;
use reconcile::sandbox::{EngineSeed, Sandbox, Seed, Tier, world::AgentStatus};
use serde_json::{Value, json};

use super::image::{self, Images};
use super::wire::{self, Reply};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// An engine under test.
pub struct Subject {
    /// `tcp://…` or `unix://…`.
    pub address: String,
    pub docker: Docker,
    pub sandbox: Sandbox,
    pub images: Images,
    /// The registry's host and port.
    pub registry: String,
    /// Whether it is the stand-in, whose time is moved by hand.
    pub is_stand_in: bool,
}

impl Subject {
    /// The stand-in itself.
    pub async fn stand_in(programs: &(Vec<u8>, Vec<u8>)) -> Self {
        let mut machine = EngineSeed::new("nas");
        std::env::consts::ARCH.clone_into(&mut machine.architecture);
        let seed = Seed { tier: Tier::Standard, engines: vec![machine], ..Seed::default() };
        let sandbox = Sandbox::in_memory(&seed).await.unwrap();
        let address = sandbox.engine_address("nas").expect("the seed names it");
        let docker = Docker::connect_with_http(&address, 60, bollard::API_DEFAULT_VERSION).unwrap();
        Self::new(address, docker, sandbox, programs, true)
    }

    /// A real engine at a socket.
    pub async fn real(address: String, programs: &(Vec<u8>, Vec<u8>)) -> Self {
        let sandbox = Sandbox::in_memory(&Seed { tier: Tier::Standard, ..Seed::default() }).await.unwrap();
        let path = address.trim_start_matches("unix://");
        let docker = Docker::connect_with_unix(path, 60, bollard::API_DEFAULT_VERSION).unwrap();
        Self::new(address, docker, sandbox, programs, false)
    }

    fn new(
        address: String,
        docker: Docker,
        sandbox: Sandbox,
        programs: &(Vec<u8>, Vec<u8>),
        is_stand_in: bool,
    ) -> Self {
        let images = image::publish(&sandbox, programs);
        let registry = sandbox.address().trim_start_matches("http://").to_owned();
        Self { address, docker, sandbox, images, registry, is_stand_in }
    }

    pub fn sleeper(&self) -> String {
        format!("{}/probe/sleeper:1", self.registry)
    }

    pub fn agent(&self) -> String {
        format!("{}/probe/agent:1", self.registry)
    }

    pub async fn get(&self, path: &str) -> Reply {
        wire::ask(&self.address, "GET", path, "", b"").await
    }

    pub async fn head(&self, path: &str) -> Reply {
        wire::ask(&self.address, "HEAD", path, "", b"").await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        wire::ask(&self.address, "DELETE", path, "", b"").await
    }

    pub async fn post(&self, path: &str) -> Reply {
        wire::ask(&self.address, "POST", path, "", b"").await
    }

    pub async fn send(&self, path: &str, body: &Value) -> Reply {
        wire::ask(&self.address, "POST", path, "application/json", body.to_string().as_bytes()).await
    }

    /// Filters as they stand in a URL.
    pub fn filters(filters: &Value) -> String {
        let encode = |byte: u8| {
            if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
        };
        format!("filters={}", filters.to_string().bytes().map(encode).collect::<String>())
    }

    /// Pulls an image and fails if that fails.
    pub async fn pull(&self, image: &str) {
        let (name, tag) = image.rsplit_once(':').unwrap();
        let reply = self.post(&format!("/images/create?fromImage={name}&tag={tag}")).await;
        let lines = reply.lines();
        assert!(reply.status == 200 && lines.iter().all(|line| line["error"].is_null()), "{}", reply.text());
    }

    /// Makes a container that sleeps; its id.
    pub async fn make(&self, name: &str, more: &Value) -> String {
        let mut body = json!({ "Image": self.sleeper() });
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        let reply = self.send(&format!("/containers/create?name={name}"), &body).await;
        assert_eq!(reply.status, 201, "making {name}: {}", reply.text());
        reply.json()["Id"].as_str().unwrap().to_owned()
    }

    /// The same, running.
    pub async fn run(&self, name: &str, more: &Value) -> String {
        let id = self.make(name, more).await;
        self.start(name).await;
        id
    }

    /// Starts a container that sleeps, and waits until it listens to signals.
    pub async fn start(&self, name: &str) {
        let reply = self.post(&format!("/containers/{name}/start")).await;
        assert_eq!(reply.status, 204, "starting {name}: {}", reply.text());
        if !self.is_stand_in {
            let logs = format!("/containers/{name}/logs?stdout=1");
            self.until("the program is ready", async || self.get(&logs).await.text().contains("ready")).await;
        }
    }

    /// A pool with a token in the stand-in for HCP; the pool, the token's id and its value.
    pub fn pool(&self, name: &str) -> (String, String, String) {
        use reconcile::sandbox::world::{AgentPool, AgentToken, Sealed};
        self.sandbox.with_world(|world| {
            let (pool, token) = (world.mint("apool"), world.mint("at"));
            let value = format!("{name}.atlasv1.value-of-{token}");
            let made = AgentPool {
                name: name.to_owned(),
                organization_scoped: true,
                allowed_workspaces: std::collections::BTreeSet::new(),
                allowed_projects: std::collections::BTreeSet::new(),
                excluded_workspaces: std::collections::BTreeSet::new(),
                created_at: world.now,
            };
            let sealed = AgentToken {
                pool: pool.clone(),
                description: name.to_owned(),
                secret: Sealed::new(&token, &value),
                created_at: world.now,
                last_used_at: None,
            };
            world.agent_pools.insert(pool.clone(), made);
            world.agent_tokens.insert(token.clone(), sealed);
            (pool, token, value)
        })
    }

    /// What an agent's container is made from.
    pub fn agent_body(&self, name: &str, token: &str, host: &Value) -> Value {
        let mut host = host.clone();
        // The stand-in for HCP listens on loopback only.
        host["NetworkMode"] = json!("host");
        json!({
            "Image": self.agent(),
            "Env": [
                format!("TFC_AGENT_TOKEN={token}"),
                format!("TFC_AGENT_NAME={name}"),
                format!("TFC_ADDRESS={}", self.sandbox.address()),
            ],
            "HostConfig": host,
        })
    }

    /// The status of the agent of a name, the newest of them.
    pub fn agent_status(&self, name: &str) -> Option<AgentStatus> {
        self.sandbox.with_world(|world| {
            let named = world.agents.iter().filter(|(_, agent)| agent.name.as_deref() == Some(name));
            named.max_by_key(|(id, agent)| (agent.created_at, (*id).clone())).map(|(_, agent)| agent.status)
        })
    }

    /// `State` of a container.
    pub async fn state(&self, name: &str) -> Value {
        self.get(&format!("/containers/{name}/json")).await.json()["State"].clone()
    }

    /// Looks again and again until something holds; the stand-in's time goes on meanwhile.
    pub async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let began = Instant::now();
        while !holds().await {
            assert!(began.elapsed() < PATIENCE, "it never came: {what}");
            if self.is_stand_in {
                self.sandbox.advance(SignedDuration::from_millis(100));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until an agent has a status.
    pub async fn until_agent(&self, name: &str, status: AgentStatus) {
        self.until(&format!("agent {name} is {}", status.word()), async || self.agent_status(name) == Some(status))
            .await;
    }

    /// Waits until a container's process ended.
    pub async fn until_exited(&self, name: &str) -> i64 {
        self.until(&format!("{name} exited"), async || self.state(name).await["Status"] == "exited").await;
        self.state(name).await["ExitCode"].as_i64().unwrap()
    }

    /// Takes a container away.
    pub async fn away(&self, name: &str) {
        let reply = self.delete(&format!("/containers/{name}?force=1&v=1")).await;
        assert_eq!(reply.status, 204, "removing {name}: {}", reply.text());
    }
}
