//! Networks.

use serde_json::json;

use crate::subject::Subject;

pub async fn networks_are_made_and_removed(subject: &Subject) {
    let body = json!({ "Name": "net", "CheckDuplicate": true, "Labels": { "k": "v" } });
    let made = subject.send("/networks/create", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["Warning"], "");
    let id = made.json()["Id"].as_str().unwrap().to_owned();
    let again = subject.send("/networks/create", &body).await;
    assert_eq!((again.status, again.message().as_str()), (409, "network with name net already exists"));
    // Without the check two of one name are made.
    let twin = subject.send("/networks/create", &json!({ "Name": "net" })).await;
    assert_eq!(twin.status, 201);
    assert_eq!(twin.json()["Warning"], json!(format!("Network with name net (id : {id}) already exists")));
    let both = subject.get("/networks/net").await;
    assert_eq!(
        (both.status, both.message().as_str()),
        (400, "2 matches found based on name: network net is ambiguous")
    );
    let twin_id = twin.json()["Id"].as_str().unwrap().to_owned();
    assert_eq!(subject.delete(&format!("/networks/{twin_id}")).await.status, 204);
    let one = subject.get("/networks/net").await.json();
    assert_eq!((&one["Id"], &one["Driver"], &one["Scope"]), (&json!(id), &json!("bridge"), &json!("local")));
    assert_eq!((&one["Labels"], &one["Containers"]), (&json!({ "k": "v" }), &json!({})));
    assert!(one["IPAM"]["Config"][0]["Subnet"].as_str().unwrap().ends_with(".0.0/16"), "{one}");
    for (filters, count) in [
        (json!({ "name": ["net"] }), 1),
        (json!({ "label": ["k=v"] }), 1),
        (json!({ "label": ["k=w"] }), 0),
        (json!({ "id": [id] }), 1),
    ] {
        let found = subject.get(&format!("/networks?{}", Subject::filters(&filters))).await.json();
        assert_eq!(found.as_array().unwrap().len(), count, "{filters}: {found}");
    }
    let all = subject.get("/networks").await.json();
    for name in ["bridge", "host", "none"] {
        assert!(all.as_array().unwrap().iter().any(|network| network["Name"] == name), "{all}");
    }
    let bad = subject.get(&format!("/networks?{}", Subject::filters(&json!({ "bad": ["1"] })))).await;
    assert_eq!((bad.status, bad.message().as_str()), (400, "Invalid filter 'bad'"));
    for (body, status, message) in [
        (json!({ "Name": "" }), 500, "invalid name: "),
        (json!({ "Name": "other", "Driver": "nope" }), 404, "plugin \"nope\" not found"),
        (json!({ "Name": "bridge" }), 403, "operation is not permitted on predefined bridge network "),
    ] {
        let reply = subject.send("/networks/create", &body).await;
        assert_eq!((reply.status, reply.message().as_str()), (status, message));
    }
    assert_eq!(subject.delete("/networks/net").await.status, 204);
    let gone = subject.delete("/networks/net").await;
    assert_eq!((gone.status, gone.message().as_str()), (404, "network net not found"));
    let own = subject.delete("/networks/bridge").await;
    assert_eq!((own.status, own.message().as_str()), (403, "bridge is a pre-defined network and cannot be removed"));
    let missing = subject.get("/networks/zz").await;
    assert_eq!((missing.status, missing.message().as_str()), (404, "network zz not found"));
}

pub async fn containers_are_connected(subject: &Subject) {
    let id =
        subject.send("/networks/create", &json!({ "Name": "joined" })).await.json()["Id"].as_str().unwrap().to_owned();
    let container = subject.run("member", &json!({})).await;
    let connect = async |network: &str, container: &str| {
        let body = json!({ "Container": container, "EndpointConfig": { "Aliases": ["also"] } });
        subject.send(&format!("/networks/{network}/connect"), &body).await
    };
    let nobody = connect("joined", "zz").await;
    assert_eq!((nobody.status, nobody.message().as_str()), (404, "No such container: zz"));
    let nowhere = connect("zz", "member").await;
    assert_eq!((nowhere.status, nowhere.message().as_str()), (404, "network zz not found"));
    assert_eq!(connect("joined", "member").await.status, 200);
    let twice = connect("joined", "member").await;
    assert_eq!(
        (twice.status, twice.message().as_str()),
        (403, "endpoint with name member already exists in network joined")
    );
    let one = subject.get("/networks/joined").await.json();
    let member = &one["Containers"][&container];
    assert_eq!(member["Name"], "member", "{one}");
    assert!(member["IPv4Address"].as_str().unwrap().ends_with("/16"), "{one}");
    let networks = subject.get("/containers/member/json").await.json()["NetworkSettings"]["Networks"].clone();
    assert_eq!(networks["joined"]["NetworkID"], json!(id));
    assert_eq!(networks["joined"]["Aliases"], json!(["also", container[..12]]));
    assert!(networks["bridge"].is_object(), "{networks}");
    let used = subject.delete("/networks/joined").await;
    assert_eq!(
        (used.status, used.message()),
        (403, format!("error while removing network: network joined id {id} has active endpoints"))
    );
    let leave = async || subject.send("/networks/joined/disconnect", &json!({ "Container": "member" })).await;
    assert_eq!(leave().await.status, 200);
    let again = leave().await;
    assert_eq!(
        (again.status, again.message()),
        (500, format!("container {container} is not connected to network joined"))
    );
    subject.away("member").await;
    // A container that does not run holds no network.
    let body = json!({ "HostConfig": { "NetworkMode": "joined" } });
    subject.make("stopped", &body).await;
    assert_eq!(subject.delete("/networks/joined").await.status, 204);
    subject.away("stopped").await;
}

/// How a stack with two networks is made where an engine takes one at creation.
pub async fn a_container_may_sit_in_two(subject: &Subject) {
    let mut ids = Vec::new();
    for name in ["left", "right"] {
        let made = subject.send("/networks/create", &json!({ "Name": name, "Labels": { "side": name } })).await;
        ids.push(made.json()["Id"].as_str().unwrap().to_owned());
    }
    let more = json!({
        "HostConfig": { "NetworkMode": "left" },
        "NetworkingConfig": { "EndpointsConfig": { "left": { "Aliases": ["agent"] } } },
    });
    let id = subject.make("between", &more).await;
    let join = json!({ "Container": "between" });
    assert_eq!(subject.send("/networks/right/connect", &join).await.status, 200);
    let networks = async || subject.get("/containers/between/json").await.json()["NetworkSettings"]["Networks"].clone();
    let before = networks().await;
    assert_eq!(before["left"]["Aliases"], json!(["agent"]), "{before}");
    assert_eq!(before["right"]["IPAddress"], "", "{before}");
    assert_eq!(subject.post("/containers/between/start").await.status, 204);
    let after = networks().await;
    assert_eq!(after.as_object().unwrap().keys().collect::<Vec<_>>(), ["left", "right"]);
    assert_eq!((&after["left"]["NetworkID"], &after["right"]["NetworkID"]), (&json!(ids[0]), &json!(ids[1])));
    assert_eq!(after["left"]["Aliases"], json!(["agent", id[..12]]), "{after}");
    for name in ["left", "right"] {
        assert!(after[name]["IPAddress"].as_str().unwrap().starts_with("172."), "{after}");
        let filters = Subject::filters(&json!({ "network": [name] }));
        let found = subject.get(&format!("/containers/json?{filters}")).await.json();
        assert_eq!(found[0]["Id"], json!(id), "{found}");
    }
    subject.away("between").await;
    for name in ["left", "right"] {
        assert_eq!(subject.delete(&format!("/networks/{name}")).await.status, 204);
    }
}

pub async fn a_missing_network_stops_a_start(subject: &Subject) {
    subject.make("lonely", &json!({ "HostConfig": { "NetworkMode": "nowhere" } })).await;
    let reply = subject.post("/containers/lonely/start").await;
    assert_eq!((reply.status, reply.message().as_str()), (404, "network nowhere not found"));
    let state = subject.state("lonely").await;
    assert_eq!(state["Status"], "created");
    assert_eq!((&state["ExitCode"], &state["Error"]), (&json!(128), &json!("network nowhere not found")));
    subject.away("lonely").await;
}
