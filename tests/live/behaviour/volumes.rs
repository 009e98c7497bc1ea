//! Volumes, and files in them.

use bollard::body_full;
use bollard::query_parameters::UploadToContainerOptionsBuilder;
use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::subject::Subject;
use crate::wire;

pub async fn volumes_are_made_and_removed(subject: &Subject) {
    let made = subject.send("/volumes/create", &json!({ "Name": "vol", "Labels": { "k": "v" } })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["Labels"], json!({ "k": "v" }));
    let again = subject.send("/volumes/create", &json!({ "Name": "vol", "Labels": { "k": "w" } })).await;
    assert_eq!((again.status, &again.json()["Labels"]), (201, &json!({ "k": "v" })), "it is left as it was");
    let one = subject.get("/volumes/vol").await.json();
    assert_eq!((&one["Name"], &one["Driver"], &one["Scope"]), (&json!("vol"), &json!("local"), &json!("local")));
    assert!(one["Mountpoint"].as_str().unwrap().ends_with("/volumes/vol/_data"), "{one}");
    assert_eq!(one["CreatedAt"].as_str().unwrap().len(), "2026-01-01T00:00:00Z".len(), "{one}");
    for (filters, count) in
        [(json!({ "label": ["k=v"] }), 1), (json!({ "label": ["k=w"] }), 0), (json!({ "name": ["vol"] }), 1)]
    {
        let found = subject.get(&format!("/volumes?{}", Subject::filters(&filters))).await.json();
        assert_eq!(found["Volumes"].as_array().unwrap().len(), count, "{filters}: {found}");
    }
    let bad = subject.get(&format!("/volumes?{}", Subject::filters(&json!({ "bad": ["1"] })))).await;
    assert_eq!((bad.status, bad.message().as_str()), (400, "Invalid filter 'bad'"));
    let name = subject.send("/volumes/create", &json!({ "Name": "v!" })).await;
    assert_eq!(name.status, 400);
    assert_eq!(
        name.message(),
        "create v!: \"v!\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If \
         you intended to pass a host directory, use absolute path"
    );
    assert_eq!(subject.delete("/volumes/vol").await.status, 204);
    for reply in [subject.get("/volumes/vol").await, subject.delete("/volumes/vol").await] {
        assert_eq!((reply.status, reply.message().as_str()), (404, "get vol: no such volume"));
    }
    assert_eq!(subject.delete("/volumes/vol?force=1").await.status, 204);
}

pub async fn a_volume_in_use_stays(subject: &Subject) {
    let host = json!({ "HostConfig": { "Mounts": [{ "Type": "volume", "Source": "used", "Target": "/data" }] } });
    let id = subject.make("holder", &host).await;
    for path in ["/volumes/used", "/volumes/used?force=1"] {
        let reply = subject.delete(path).await;
        assert_eq!((reply.status, reply.message()), (409, format!("remove used: volume is in use - [{id}]")));
    }
    // A volume with a name is not removed with its container.
    subject.away("holder").await;
    assert_eq!(subject.get("/volumes/used").await.status, 200);
    assert_eq!(subject.delete("/volumes/used").await.status, 204);
}

fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: &str, kind: tar::EntryType, mode: u32, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_mtime(1_700_000_000);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, content).unwrap();
    };
    add("dir", tar::EntryType::Directory, 0o755, b"");
    add("dir/x", tar::EntryType::Regular, 0o640, b"hello");
    add("top", tar::EntryType::Regular, 0o644, b"12");
    builder.into_inner().unwrap()
}

fn names(bytes: &[u8]) -> Vec<(String, u64)> {
    let mut archive = tar::Archive::new(bytes);
    let entries = archive.entries().unwrap().map(Result::unwrap);
    let mut names: Vec<(String, u64)> =
        entries.map(|entry| (entry.path().unwrap().display().to_string(), entry.header().size().unwrap())).collect();
    names.sort();
    names
}

fn pairs(names: &[(&str, u64)]) -> Vec<(String, u64)> {
    names.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect()
}

/// Into a volume of a container that was never started, which is how files get there.
pub async fn archives_go_in_and_out(subject: &Subject) {
    let host = json!({ "HostConfig": { "Mounts": [{ "Type": "volume", "Source": "files", "Target": "/data" }] } });
    subject.make("files", &host).await;
    let options = UploadToContainerOptionsBuilder::default().path("/data").build();
    subject.docker.upload_to_container("files", Some(options), body_full(archive().into())).await.unwrap();
    let get = async |path: &str| subject.get(&format!("/containers/files/archive?path={path}")).await;
    let whole = get("/data").await;
    assert_eq!(whole.header("content-type"), Some("application/x-tar"));
    assert_eq!(names(&whole.body), pairs(&[("data/", 0), ("data/dir/", 0), ("data/dir/x", 5), ("data/top", 2)]));
    assert_eq!(names(&get("/data/dir").await.body), pairs(&[("dir/", 0), ("dir/x", 5)]));
    assert_eq!(names(&get("/data/top").await.body), pairs(&[("top", 2)]));
    // The files stay with the volume: another container sees them.
    subject.away("files").await;
    subject.make("files", &host).await;
    let stat = async |path: &str| {
        let reply =
            wire::ask(&subject.address, "HEAD", &format!("/containers/files/archive?path={path}"), "", b"").await;
        let text = reply.header("x-docker-container-path-stat").map(|text| BASE64.decode(text.as_bytes()).unwrap());
        (reply.status, text.map(|text| serde_json::from_slice::<Value>(&text).unwrap()).unwrap_or_default())
    };
    let (status, top) = stat("/data/top").await;
    assert_eq!(status, 200);
    assert_eq!(
        top,
        json!({ "name": "top", "size": 2, "mode": 420, "mtime": "2023-11-14T22:13:20Z", "linkTarget": "" })
    );
    let (_, folder) = stat("/data").await;
    assert_eq!((&folder["name"], &folder["mode"]), (&json!("data"), &json!(2_147_484_141_u64)));
    assert_eq!(stat("/data/nope").await.0, 404);
    // Into the container itself.
    let own =
        wire::ask(&subject.address, "PUT", "/containers/files/archive?path=/etc", "application/x-tar", &archive())
            .await;
    assert_eq!(own.status, 200, "{}", own.text());
    assert_eq!(names(&get("/etc/dir").await.body), pairs(&[("dir/", 0), ("dir/x", 5)]));
    subject.away("files").await;
    subject.delete("/volumes/files").await;
}

pub async fn archives_are_refused_with_reasons(subject: &Subject) {
    let host = json!({ "HostConfig": { "Mounts": [{ "Type": "volume", "Source": "refused", "Target": "/data" }] } });
    subject.make("refused", &host).await;
    let put = async |container: &str, query: &str, body: &[u8]| {
        let path = format!("/containers/{container}/archive{query}");
        let reply = wire::ask(&subject.address, "PUT", &path, "application/x-tar", body).await;
        (reply.status, reply.message())
    };
    assert_eq!(put("refused", "?path=/data", &archive()).await.0, 200);
    let good = archive();
    let cases: [(&str, &str, &[u8], u16, &str); 6] = [
        ("refused", "?path=/nope", &good, 404, "Could not find the file /nope in container refused"),
        ("refused", "?path=/data/top", &good, 500, "extraction point is not a directory"),
        ("refused", "", &good, 400, "bad parameter: pathcannot be empty"),
        ("zz", "?path=/data", &good, 404, "No such container: zz"),
        ("refused", "?path=/data", b"garbage", 500, "Error processing tar file(exit status 1): unexpected EOF"),
        (
            "refused",
            "?path=/data",
            &[b'g'; 1024],
            500,
            "Error processing tar file(exit status 1): archive/tar: invalid tar header",
        ),
    ];
    for (container, query, body, status, message) in cases {
        assert_eq!(put(container, query, body).await, (status, message.to_owned()));
    }
    let missing = subject.get("/containers/refused/archive?path=/data/nope").await;
    assert_eq!(
        (missing.status, missing.message().as_str()),
        (404, "Could not find the file /data/nope in container refused")
    );
    subject.away("refused").await;
    subject.delete("/volumes/refused").await;
}
