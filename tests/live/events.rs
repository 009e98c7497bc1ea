//! What an engine says that happened, from the beginning: it remembers only the last few hundred things itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bollard::Docker;
use futures::StreamExt as _;
use tokio::task::JoinHandle;

/// One thing that happened to a container.
#[derive(Debug, Clone)]
pub struct Event {
    pub action: String,
    pub container: String,
    pub attributes: BTreeMap<String, String>,
}

impl Event {
    pub fn attribute(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

/// Listens until it is dropped.
pub struct Events {
    heard: Arc<Mutex<Vec<Event>>>,
    task: JoinHandle<()>,
}

impl Drop for Events {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Events {
    pub async fn listen(engine: &str) -> Self {
        let path = engine.trim_start_matches("unix://");
        let docker = Docker::connect_with_unix(path, 3600, bollard::API_DEFAULT_VERSION).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            let options = bollard::query_parameters::EventsOptions {
                since: Some("0".to_owned()),
                filters: Some([("type".to_owned(), vec!["container".to_owned()])].into()),
                ..bollard::query_parameters::EventsOptions::default()
            };
            let mut events = docker.events(Some(options));
            while let Some(Ok(event)) = events.next().await {
                let actor = event.actor.unwrap_or_default();
                into.lock().unwrap().push(Event {
                    action: event.action.unwrap_or_default(),
                    container: actor.id.unwrap_or_default(),
                    attributes: actor.attributes.unwrap_or_default().into_iter().collect(),
                });
            }
        });
        // It hears what happens from now on once the request is there; what it asks for from before covers the rest.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Self { heard, task }
    }

    /// What happened so far to containers of a fleet.
    pub fn of(&self, fleet: &str) -> Vec<Event> {
        assert!(!self.task.is_finished(), "the engine's events ended");
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|event| event.attribute("reconcile.dev/fleet") == fleet).cloned().collect()
    }

    /// What must never be: a signal other than TERM, a second TERM in one life, a life that ended otherwise than well.
    pub fn harm(&self, fleet: &str) -> Vec<String> {
        let mut asked: BTreeMap<String, usize> = BTreeMap::new();
        let mut harm = Vec::new();
        for event in self.of(fleet) {
            let name = event.attribute("name").to_owned();
            match event.action.as_str() {
                "start" => {
                    asked.insert(event.container.clone(), 0);
                }
                "kill" => {
                    let times = asked.entry(event.container.clone()).or_default();
                    *times += 1;
                    if *times > 1 || event.attribute("signal") != "15" {
                        harm.push(format!("{name} got signal {} as its {times}.", event.attribute("signal")));
                    }
                }
                "die" if event.attribute("exitCode") != "0" => {
                    harm.push(format!("{name} ended with {}", event.attribute("exitCode")));
                }
                _ => {}
            }
        }
        harm
    }
}
