//! Containers, whatever runs in them.

use bollard::query_parameters::WaitContainerOptionsBuilder;
use futures::{StreamExt as _, future::join_all};
use serde_json::json;

use crate::subject::Subject;
use crate::wire;

pub async fn creation_is_refused_with_reasons(subject: &Subject) {
    let image = json!({ "Image": subject.sleeper() });
    let with = |host: serde_json::Value| json!({ "Image": subject.sleeper(), "HostConfig": host });
    let cases = [
        ("new", json!({ "Image": "none:1" }), 404, "No such image: none:1"),
        ("new", json!({}), 400, "Config cannot be empty in order to create a container"),
        ("new", json!({ "Image": "" }), 400, "No command specified"),
        ("a!1", image, 400, "Invalid container name (a!1), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"),
        ("new", with(json!({ "RestartPolicy": { "Name": "bad" } })), 400, "invalid restart policy 'bad'"),
        (
            "new",
            with(json!({ "RestartPolicy": { "Name": "always", "MaximumRetryCount": 1 } })),
            400,
            "maximum retry count cannot be used with restart policy 'always'",
        ),
        ("new", with(json!({ "Memory": 1024 })), 400, "Minimum memory limit allowed is 6MB"),
        (
            "new",
            with(json!({ "AutoRemove": true, "RestartPolicy": { "Name": "always" } })),
            400,
            "can't create 'AutoRemove' container with restart policy",
        ),
        (
            "new",
            with(json!({ "Mounts": [{ "Type": "volume", "Source": "v", "Target": "" }] })),
            400,
            "invalid mount config for type \"volume\": field Target must not be empty",
        ),
        (
            "new",
            with(json!({ "Mounts": [
                { "Type": "volume", "Source": "vv", "Target": "/a" }, { "Type": "volume", "Source": "vw", "Target": "/a" }] })),
            400,
            "Duplicate mount point: /a",
        ),
    ];
    for (name, body, status, message) in cases {
        let reply = subject.send(&format!("/containers/create?name={name}"), &body).await;
        assert_eq!((reply.status, reply.message().as_str()), (status, message), "{body}");
    }
    let two = json!({
        "Image": subject.sleeper(),
        "NetworkingConfig": { "EndpointsConfig": { "n1": {}, "n2": {} } },
    });
    let reply = subject.send("/containers/create?name=new", &two).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(reply.message().starts_with("Container cannot be connected to network endpoints: "), "{}", reply.text());
    let raw = |kind: &'static str, body: &'static [u8]| {
        wire::ask(&subject.address, "POST", "/containers/create?name=new", kind, body)
    };
    let text = raw("text/plain", b"{}").await;
    assert_eq!(
        (text.status, text.message().as_str()),
        (400, "Content-Type specified (text/plain) must be 'application/json'")
    );
    let cut = raw("application/json", b"{").await;
    assert_eq!((cut.status, cut.message().as_str()), (500, "unexpected EOF"));
    assert_eq!(subject.get("/containers/new/json").await.status, 404, "nothing was made");
}

pub async fn a_container_is_what_it_was_made_from(subject: &Subject) {
    let more = json!({
        "Env": ["A=b", "TFC_AGENT_TOKEN=canary"],
        "Labels": { "x": "1" },
        "StopTimeout": 5,
        "HostConfig": {
            "RestartPolicy": { "Name": "unless-stopped" },
            "Memory": 67_108_864,
            "LogConfig": { "Type": "json-file", "Config": { "max-size": "1m" } },
            "Mounts": [{ "Type": "volume", "Source": "made-from", "Target": "/data", "ReadOnly": true }],
        },
    });
    let id = subject.make("made", &more).await;
    let one = subject.get("/containers/made/json").await.json();
    assert_eq!(one["Id"], json!(id));
    assert_eq!(one["Name"], "/made");
    assert_eq!(one["Path"], "/sleeper");
    assert_eq!(one["Args"], json!([]));
    assert_eq!(one["RestartCount"], 0);
    assert_eq!(one["State"]["Status"], "created");
    assert_eq!(one["State"]["Running"], false);
    assert_eq!(one["State"]["StartedAt"], "0001-01-01T00:00:00Z");
    let config = &one["Config"];
    assert_eq!(config["Env"], json!(["A=b", "TFC_AGENT_TOKEN=canary", "PATH=/", "FROM_IMAGE=1"]));
    assert_eq!(config["Labels"], json!({ "x": "1", "of.image": "yes" }));
    assert_eq!(config["StopTimeout"], 5);
    assert_eq!(config["Image"], json!(subject.sleeper()));
    assert_eq!(config["Hostname"], json!(id[..12]));
    let host = &one["HostConfig"];
    assert_eq!(host["RestartPolicy"], json!({ "Name": "unless-stopped", "MaximumRetryCount": 0 }));
    assert_eq!(host["Memory"], 67_108_864);
    assert_eq!(host["MemorySwap"], 134_217_728);
    assert_eq!(host["NetworkMode"], "default");
    assert_eq!(host["LogConfig"], json!({ "Type": "json-file", "Config": { "max-size": "1m" } }));
    assert_eq!(host["Mounts"], more["HostConfig"]["Mounts"]);
    let mount = &one["Mounts"][0];
    assert_eq!((&mount["Type"], &mount["Name"]), (&json!("volume"), &json!("made-from")));
    assert_eq!((&mount["Destination"], &mount["RW"]), (&json!("/data"), &json!(false)));
    assert_eq!((&mount["Driver"], &mount["Mode"]), (&json!("local"), &json!("z")));
    let bridge = &one["NetworkSettings"]["Networks"]["bridge"];
    assert_eq!((&bridge["NetworkID"], &bridge["IPAddress"]), (&json!(""), &json!("")));
    // The list says less.
    let listed = subject.get("/containers/json?all=1").await.json();
    let entry = listed.as_array().unwrap().iter().find(|entry| entry["Id"] == json!(id)).unwrap().clone();
    assert_eq!(entry["Names"], json!(["/made"]));
    assert_eq!(entry["Image"], json!(subject.sleeper()));
    assert_eq!(entry["ImageID"], one["Image"]);
    assert_eq!(entry["Command"], "/sleeper");
    assert_eq!((&entry["State"], &entry["Status"]), (&json!("created"), &json!("Created")));
    assert_eq!(entry["Labels"], config["Labels"]);
    assert_eq!(entry["HostConfig"], json!({ "NetworkMode": "default" }));
    assert_eq!(entry["Mounts"][0]["Name"], "made-from");
    assert_eq!(subject.get(&format!("/containers/{}/json", &id[..12])).await.status, 200, "the id's beginning will do");
    subject.away("made").await;
    subject.delete("/volumes/made-from").await;
}

pub async fn a_container_is_started_and_stopped(subject: &Subject) {
    let id = subject.make("life", &json!({ "HostConfig": { "RestartPolicy": { "Name": "unless-stopped" } } })).await;
    assert_eq!(subject.post("/containers/life/stop").await.status, 304);
    subject.start("life").await;
    assert_eq!(subject.post("/containers/life/start").await.status, 304);
    let state = subject.state("life").await;
    assert_eq!((&state["Status"], &state["Running"]), (&json!("running"), &json!(true)));
    assert!(state["Pid"].as_u64().unwrap() > 0);
    let listed = subject.get("/containers/json").await.json();
    let entry = listed.as_array().unwrap().iter().find(|entry| entry["Id"] == json!(id)).unwrap().clone();
    assert_eq!(entry["State"], "running");
    assert!(entry["Status"].as_str().unwrap().starts_with("Up "), "{entry}");
    let bridge = &entry["NetworkSettings"]["Networks"]["bridge"];
    assert!(bridge["IPAddress"].as_str().unwrap().starts_with("172."), "{entry}");
    assert_eq!(subject.post("/containers/life/stop?t=5").await.status, 204);
    let state = subject.state("life").await;
    assert_eq!((&state["Status"], &state["ExitCode"], &state["Pid"]), (&json!("exited"), &json!(0), &json!(0)));
    assert_eq!(subject.post("/containers/life/restart").await.status, 204);
    assert_eq!(subject.state("life").await["Status"], "running");
    let again = subject.get("/containers/life/json").await.json();
    assert_eq!(again["RestartCount"], 0, "somebody asked for it");
    subject.away("life").await;
}

pub async fn signals_reach_the_process(subject: &Subject) {
    let id = subject.make("target", &json!({})).await;
    let refused = subject.post("/containers/target/kill").await;
    assert_eq!(refused.status, 409);
    assert_eq!(refused.message(), format!("Cannot kill container: target: Container {id} is not running"));
    subject.start("target").await;
    for word in ["NOPE", "0"] {
        let reply = subject.post(&format!("/containers/target/kill?signal={word}")).await;
        assert_eq!((reply.status, reply.message()), (400, format!("Invalid signal: {word}")));
    }
    assert_eq!(subject.post("/containers/target/kill?signal=TERM").await.status, 204);
    assert_eq!(subject.until_exited("target").await, 0);
    subject.post("/containers/target/start").await;
    assert_eq!(subject.post("/containers/target/kill").await.status, 204);
    assert_eq!(subject.until_exited("target").await, 137);
    subject.away("target").await;
}

pub async fn renames_are_refused_with_reasons(subject: &Subject) {
    let id = subject.run("old", &json!({})).await;
    let other = subject.make("other", &json!({})).await;
    let cases = [
        ("name=old", 400, "Renaming a container with the same name as its current name".to_owned()),
        ("", 400, "Neither old nor new names may be empty".to_owned()),
        (
            "name=a!1",
            400,
            "Error when allocating new name: Invalid container name (/a!1), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
                .to_owned(),
        ),
        (
            "name=other",
            409,
            format!(
                "Error when allocating new name: Conflict. The container name \"/other\" is already in use by container \
                 \"{other}\". You have to remove (or rename) that container to be able to reuse that name."
            ),
        ),
    ];
    for (query, status, message) in cases {
        let reply = subject.post(&format!("/containers/old/rename?{query}")).await;
        assert_eq!((reply.status, reply.message()), (status, message));
    }
    assert_eq!(subject.post("/containers/old/rename?name=new-name").await.status, 204);
    let gone = subject.post("/containers/old/rename?name=new-name").await;
    assert_eq!((gone.status, gone.message().as_str()), (404, "No such container: old"));
    assert_eq!(subject.get("/containers/new-name/json").await.json()["Id"], json!(id));
    assert_eq!(subject.post(&format!("/containers/{id}/rename?name=old")).await.status, 204, "by id too");
    subject.away("old").await;
    subject.away("other").await;
}

pub async fn a_rename_to_one_name_is_won_once(subject: &Subject) {
    subject.run("lock", &json!({})).await;
    let replies = join_all((0..8).map(|_| subject.post("/containers/lock/rename?name=lock-draining"))).await;
    let won = replies.iter().filter(|reply| reply.status == 204).count();
    let lost = replies.iter().filter(|reply| [400, 404].contains(&reply.status)).count();
    assert_eq!((won, lost), (1, 7), "{replies:?}");
    let id = subject.get("/containers/lock-draining/json").await.json()["Id"].clone();
    let path = |number: usize| format!("/containers/{}/rename?name=lock-{number}", id.as_str().unwrap());
    let replies =
        join_all((0..4).map(|number| async move { subject.post(&path(number)).await }).collect::<Vec<_>>()).await;
    assert!(replies.iter().all(|reply| reply.status == 204), "different names are no lock: {replies:?}");
    subject.away(id.as_str().unwrap()).await;
}

pub async fn a_name_is_given_once(subject: &Subject) {
    let body = json!({ "Image": subject.sleeper() });
    let replies = join_all((0..6).map(|_| subject.send("/containers/create?name=once", &body))).await;
    let made: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(made.len(), 1, "{replies:?}");
    let id = made[0].json()["Id"].as_str().unwrap().to_owned();
    assert_eq!(made[0].json()["Warnings"], json!([]));
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        assert_eq!(reply.status, 409);
        assert_eq!(
            reply.message(),
            format!(
                "Conflict. The container name \"/once\" is already in use by container \"{id}\". You have to remove (or rename) that \
                 container to be able to reuse that name."
            )
        );
    }
    let volume = json!({ "Name": "many" });
    let replies = join_all((0..6).map(|_| subject.send("/volumes/create", &volume))).await;
    assert!(replies.iter().all(|reply| reply.status == 201), "{replies:?}");
    subject.delete("/volumes/many").await;
    subject.away("once").await;
}

pub async fn a_running_container_is_not_removed(subject: &Subject) {
    let id = subject.run("held", &json!({})).await;
    let reply = subject.delete("/containers/held").await;
    assert_eq!(reply.status, 409);
    assert_eq!(
        reply.message(),
        format!(
            "You cannot remove a running container {id}. Stop the container before attempting removal or force remove"
        )
    );
    assert_eq!(subject.delete("/containers/held?force=true").await.status, 204);
    assert_eq!(subject.delete("/containers/held").await.status, 404);
    // One that removes itself.
    subject.run("self", &json!({ "HostConfig": { "AutoRemove": true } })).await;
    assert_eq!(subject.post("/containers/self/stop").await.status, 204);
    subject.until("it is gone", async || subject.get("/containers/self/json").await.status == 404).await;
}

pub async fn an_update_changes_the_policy(subject: &Subject) {
    subject.run("policy", &json!({ "HostConfig": { "RestartPolicy": { "Name": "unless-stopped" } } })).await;
    let update = async |policy: &str| {
        subject.send("/containers/policy/update", &json!({ "RestartPolicy": { "Name": policy } })).await
    };
    let bad = update("bad").await;
    assert_eq!((bad.status, bad.message().as_str()), (400, "invalid restart policy 'bad'"));
    let good = update("no").await;
    assert_eq!((good.status, good.json()), (200, json!({ "Warnings": null })));
    let policy = subject.get("/containers/policy/json").await.json()["HostConfig"]["RestartPolicy"].clone();
    assert_eq!(policy, json!({ "Name": "no", "MaximumRetryCount": 0 }));
    subject.away("policy").await;
}

pub async fn lists_are_filtered(subject: &Subject) {
    let one = subject.run("first", &json!({ "Labels": { "group": "a", "first": "" } })).await;
    let two = subject.make("second", &json!({ "Labels": { "group": "b" } })).await;
    let cases = [
        (json!({ "label": ["group"] }), vec![&one, &two]),
        (json!({ "label": ["group=a"] }), vec![&one]),
        (json!({ "label": ["group", "first"] }), vec![&one]),
        (json!({ "label": { "group=b": true } }), vec![&two]),
        (json!({ "label": ["group"], "name": ["sec"] }), vec![&two]),
        (json!({ "name": ["^/first$"] }), vec![&one]),
        (json!({ "id": [one] }), vec![&one]),
        (json!({ "label": ["group"], "status": ["created"] }), vec![&two]),
        (json!({ "label": ["group"], "status": ["running", "created"] }), vec![&one, &two]),
    ];
    for (filters, wanted) in cases {
        let reply = subject.get(&format!("/containers/json?all=1&{}", Subject::filters(&filters))).await;
        let found = reply.json();
        let mut ids: Vec<&str> = found.as_array().unwrap().iter().filter_map(|entry| entry["Id"].as_str()).collect();
        ids.sort_unstable();
        let mut wanted: Vec<&str> = wanted.into_iter().map(String::as_str).collect();
        wanted.sort_unstable();
        assert_eq!(ids, wanted, "{filters}");
    }
    let filters = Subject::filters(&json!({ "label": ["group"] }));
    let all = subject.get(&format!("/containers/json?all=1&{filters}")).await.json();
    assert_eq!(all[0]["Id"], json!(two), "the newest first");
    let running = subject.get(&format!("/containers/json?{filters}")).await.json();
    assert_eq!(running.as_array().unwrap().len(), 1);
    let bad = subject.get(&format!("/containers/json?{}", Subject::filters(&json!({ "bad": ["1"] })))).await;
    assert_eq!((bad.status, bad.message().as_str()), (400, "Invalid filter 'bad'"));
    subject.away("first").await;
    subject.away("second").await;
}

pub async fn waiting_ends_with_the_process(subject: &Subject) {
    subject.run("awaited", &json!({})).await;
    let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
    let mut wait = subject.docker.wait_container("awaited", Some(options));
    let (ended, _) = tokio::join!(wait.next(), async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        subject.post("/containers/awaited/kill?signal=TERM").await
    });
    assert_eq!(ended.unwrap().unwrap().status_code, 0);
    let at_once = subject.post("/containers/awaited/wait").await;
    assert_eq!((at_once.status, at_once.json()), (200, json!({ "Error": null, "StatusCode": 0 })));
    subject.away("awaited").await;
}

pub async fn it_is_waited_for_what_comes_next(subject: &Subject) {
    subject.run("next", &json!({})).await;
    subject.post("/containers/next/stop").await;
    subject.post("/containers/next/start").await;
    let wait = subject.post("/containers/next/wait?condition=next-exit");
    let later = async |path: &'static str| {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        subject.post(path).await
    };
    let (ended, _) = tokio::join!(wait, later("/containers/next/kill"));
    assert_eq!(ended.json()["StatusCode"], 137, "{}", ended.text());
    let wait = subject.post("/containers/next/wait?condition=removed");
    let (gone, ()) = tokio::join!(wait, async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        subject.away("next").await;
    });
    assert_eq!((gone.status, &gone.json()["StatusCode"]), (200, &json!(137)), "{}", gone.text());
}

pub async fn commands_and_mounts_are_shown(subject: &Subject) {
    let more = json!({
        "Entrypoint": ["/sleeper", "one"],
        "Cmd": ["two", "three"],
        "User": "1000",
        "HostConfig": {
            "Binds": ["/usr:/old:ro", "named-by-bind:/volume"],
            "Mounts": [{ "Type": "bind", "Source": "/usr", "Target": "/new" }],
        },
    });
    subject.make("shown", &more).await;
    let one = subject.get("/containers/shown/json").await.json();
    assert_eq!((&one["Path"], &one["Args"]), (&json!("/sleeper"), &json!(["one", "two", "three"])));
    assert_eq!(one["Config"]["User"], "1000");
    assert_eq!(one["HostConfig"]["Binds"], more["HostConfig"]["Binds"]);
    let mount = |target: &str| {
        let mounts = one["Mounts"].as_array().unwrap();
        mounts.iter().find(|mount| mount["Destination"] == target).unwrap().clone()
    };
    let bind = |target: &str, mode: &str, writable: bool| json!({ "Type": "bind", "Source": "/usr", "Destination": target, "Mode": mode, "RW": writable, "Propagation": "rprivate" });
    assert_eq!(mount("/old"), bind("/old", "ro", false));
    assert_eq!(mount("/new"), bind("/new", "", true));
    let volume = mount("/volume");
    assert_eq!((&volume["Type"], &volume["Name"]), (&json!("volume"), &json!("named-by-bind")));
    assert_eq!((&volume["Mode"], &volume["RW"]), (&json!("z"), &json!(true)));
    let entry =
        subject.get(&format!("/containers/json?all=1&{}", Subject::filters(&json!({ "name": ["shown"] })))).await;
    assert_eq!(entry.json()[0]["Command"], "/sleeper one two three");
    subject.away("shown").await;
    subject.delete("/volumes/named-by-bind").await;
    if subject.is_stand_in {
        subject.sandbox.with_world(|world| {
            world.engines.get_mut("nas").unwrap().missing_paths.insert("/nowhere".to_owned());
        });
    }
    let body = json!({
        "Image": subject.sleeper(),
        "HostConfig": { "Mounts": [{ "Type": "bind", "Source": "/nowhere", "Target": "/new" }] },
    });
    let refused = subject.send("/containers/create?name=shown", &body).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.message(), "invalid mount config for type \"bind\": bind source path does not exist: /nowhere");
}

pub async fn what_does_not_exist_is_not_found(subject: &Subject) {
    let plain = "No such container: zz";
    for reply in [
        subject.get("/containers/zz/json").await,
        subject.get("/containers/zz/logs?stdout=1").await,
        subject.post("/containers/zz/start").await,
        subject.post("/containers/zz/stop").await,
        subject.post("/containers/zz/wait").await,
        subject.post("/containers/zz/rename?name=zy").await,
        subject.send("/containers/zz/update", &json!({ "RestartPolicy": { "Name": "no" } })).await,
        subject.delete("/containers/zz?force=1").await,
    ] {
        assert_eq!((reply.status, reply.message().as_str()), (404, plain));
    }
    let kill = subject.post("/containers/zz/kill").await;
    assert_eq!((kill.status, kill.message()), (404, format!("Cannot kill container: zz: {plain}")));
}
