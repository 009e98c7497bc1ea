//! What others have on the engine: nothing that we do may change it.

use serde_json::{Value, json};

use super::site::Site;
use super::wire;

/// Things of somebody else, and a stack that compose made under the name of our project.
pub struct Others {
    containers: Vec<String>,
    networks: Vec<String>,
    volumes: Vec<String>,
}

impl Others {
    /// Puts them beside ours. `network`: what compose called the network of its stack.
    pub async fn move_in(site: &Site, network: &str) -> Self {
        let name = &site.name;
        let of_compose = json!({
            "com.docker.compose.project": name,
            "com.docker.compose.service": "web",
            "com.docker.compose.container-number": "1",
            "com.docker.compose.oneoff": "False",
            "com.docker.compose.version": "2.29.0",
        });
        let (theirs, their_network) = (format!("theirs-{name}"), format!("their-net-{name}"));
        let (their_volume, its_volume) = (format!("their-data-{name}"), format!("{name}_web"));
        let web = format!("{name}-web-1");
        post(site, "/networks/create", &json!({ "Name": their_network })).await;
        post(site, "/networks/create", &json!({ "Name": network, "Labels": of_compose })).await;
        post(site, "/volumes/create", &json!({ "Name": their_volume })).await;
        post(site, "/volumes/create", &json!({ "Name": its_volume, "Labels": of_compose })).await;
        let image = site.sleeper();
        let (repository, tag) = image.rsplit_once(':').unwrap();
        let pulled =
            wire::ask(&site.engine, "POST", &format!("/images/create?fromImage={repository}&tag={tag}"), "", b"").await;
        assert_eq!(pulled.status, 200, "{}", pulled.text());
        for (container, labels, network, volume) in [
            (&theirs, &json!({ "of": "somebody" }), their_network.as_str(), &their_volume),
            (&web, &of_compose, network, &its_volume),
        ] {
            let host = json!({ "NetworkMode": network, "Binds": [format!("{volume}:/data")] });
            let body = json!({ "Image": image, "Labels": labels, "HostConfig": host });
            post(site, &format!("/containers/create?name={container}"), &body).await;
            post(site, &format!("/containers/{container}/start"), &Value::Null).await;
        }
        let (networks, volumes) = (vec![their_network, network.to_owned()], vec![their_volume, its_volume]);
        Self { containers: vec![theirs, web], networks, volumes }
    }

    /// All of it, to the byte; but for who else is in a network.
    pub async fn picture(&self, site: &Site) -> Vec<Value> {
        let mut picture = Vec::new();
        for container in &self.containers {
            let seen = site.inspect(container).await;
            assert_eq!(seen["State"]["Running"], true, "{container}: {seen:#}");
            picture.push(seen);
        }
        for network in &self.networks {
            let mut seen = site.get(&format!("/networks/{network}")).await;
            assert!(seen["Id"].is_string(), "{network}: {seen}");
            if let Some(inside) = seen["Containers"].as_object_mut() {
                inside.retain(|_, it| self.containers.iter().any(|name| it["Name"] == **name));
            }
            picture.push(seen);
        }
        for volume in &self.volumes {
            let seen = site.get(&format!("/volumes/{volume}")).await;
            assert!(seen["Name"].is_string(), "{volume}: {seen}");
            picture.push(seen);
        }
        picture
    }
}

async fn post(site: &Site, path: &str, body: &Value) {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let reply = wire::ask(&site.engine, "POST", path, "application/json", &body).await;
    assert!(matches!(reply.status, 201 | 204), "{path}: {} {}", reply.status, reply.text());
}
