//! Images.

use bollard::query_parameters::CreateImageOptionsBuilder;
use futures::TryStreamExt as _;
use serde_json::json;

use crate::subject::Subject;

pub async fn a_pull_tells_its_progress(subject: &Subject) {
    subject.delete(&format!("/images/{}?force=1", subject.sleeper())).await;
    let name = format!("{}/probe/sleeper", subject.registry);
    let reply = subject.post(&format!("/images/create?fromImage={name}&tag=1")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let lines = reply.lines();
    assert_eq!(lines[0]["status"], "Pulling from probe/sleeper");
    assert_eq!(lines[0]["id"], "1");
    let says = |text: &str| lines.iter().any(|line| line["status"].as_str().is_some_and(|status| status == text));
    assert!(says("Pulling fs layer") && says("Pull complete"), "{}", reply.text());
    assert!(says(&format!("Digest: {}", subject.images.sleeper)), "{}", reply.text());
    assert!(says(&format!("Status: Downloaded newer image for {name}:1")), "{}", reply.text());
    let options = CreateImageOptionsBuilder::default().from_image(&name).tag("1").build();
    let again: Vec<_> = subject.docker.create_image(Some(options), None, None).try_collect().await.unwrap();
    let last = again.last().unwrap().status.clone().unwrap();
    assert_eq!(last, format!("Status: Image is up to date for {name}:1"));
}

pub async fn a_pull_by_digest_has_no_tag(subject: &Subject) {
    let name = format!("{}/probe/sleeper", subject.registry);
    subject.delete(&format!("/images/{name}:1?force=1")).await;
    let reply = subject.post(&format!("/images/create?fromImage={name}&tag={}", subject.images.sleeper)).await;
    let lines = reply.lines();
    assert_eq!(lines[0]["status"], "Pulling from probe/sleeper", "{}", reply.text());
    assert_eq!(lines[0]["id"], json!(format!("{name}@{}", subject.images.sleeper)));
    let by_digest = format!("{name}@{}", subject.images.sleeper);
    let image = subject.get(&format!("/images/{by_digest}/json")).await.json();
    assert_eq!(image["RepoTags"], json!([]));
    assert_eq!(image["RepoDigests"], json!([by_digest]));
    let made = subject.send("/containers/create?name=by-digest", &json!({ "Image": by_digest })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let listed = subject.docker.inspect_container("by-digest", None).await.unwrap();
    assert_eq!(listed.image.as_deref(), image["Id"].as_str());
    subject.away("by-digest").await;
    subject.pull(&subject.sleeper()).await;
    let image = subject.get(&format!("/images/{}/json", subject.sleeper())).await.json();
    assert_eq!(image["RepoTags"], json!([subject.sleeper()]));
}

pub async fn a_pull_that_fails_says_why(subject: &Subject) {
    let registry = &subject.registry;
    let tag = subject.post(&format!("/images/create?fromImage={registry}/probe/sleeper&tag=none")).await;
    assert_eq!(tag.status, 404, "{}", tag.text());
    assert_eq!(
        tag.message(),
        format!("manifest for {registry}/probe/sleeper:none not found: manifest unknown: manifest unknown")
    );
    let repository = subject.post(&format!("/images/create?fromImage={registry}/probe/nobody&tag=1")).await;
    assert_eq!(repository.status, 404, "{}", repository.text());
    assert_eq!(
        repository.message(),
        format!("manifest for {registry}/probe/nobody:1 not found: manifest unknown: manifest unknown")
    );
    let missing = format!("sha256:{}", "0".repeat(64));
    let digest = subject.post(&format!("/images/create?fromImage={registry}/probe/sleeper&tag={missing}")).await;
    assert_eq!(digest.status, 404, "{}", digest.text());
    assert_eq!(
        digest.message(),
        format!("manifest for {registry}/probe/sleeper@{missing} not found: manifest unknown: manifest unknown")
    );
    let platform =
        subject.post(&format!("/images/create?fromImage={registry}/probe/sleeper&tag=1&platform=linux/s390x")).await;
    // By then the answer has begun.
    assert_eq!(platform.status, 200, "{}", platform.text());
    let message = "no matching manifest for linux/s390x in the manifest list entries";
    let last = platform.lines().pop().unwrap();
    assert_eq!(last, json!({ "errorDetail": { "message": message }, "error": message }));
    let bad = subject.post("/images/create?fromImage=UPPER&tag=1").await;
    assert_eq!(bad.status, 400, "{}", bad.text());
    assert_eq!(bad.message(), "invalid reference format: repository name must be lowercase");
}

pub async fn images_are_listed_and_inspected(subject: &Subject) {
    let name = format!("{}/probe/sleeper", subject.registry);
    for (reference, count) in [(name.clone(), 1), (subject.sleeper(), 1), (format!("{name}:2"), 0)] {
        let filters = Subject::filters(&json!({ "reference": [reference] }));
        let found = subject.get(&format!("/images/json?{filters}")).await.json();
        assert_eq!(found.as_array().unwrap().len(), count, "{reference}: {found}");
        if let Some(image) = found.as_array().unwrap().first() {
            assert_eq!(image["RepoTags"], json!([subject.sleeper()]));
            // Of an image's names only those are shown that fit.
            let digests = json!([format!("{name}@{}", subject.images.sleeper)]);
            let digests = if reference == name { digests } else { json!(null) };
            assert_eq!(image["RepoDigests"], digests);
            assert_eq!(image["Labels"], json!({ "of.image": "yes" }));
            assert_eq!(image["Containers"], -1);
        }
    }
    let one = subject.docker.inspect_image(&subject.sleeper()).await.unwrap();
    assert!(one.id.as_deref().unwrap().starts_with("sha256:"));
    assert_eq!(one.os.as_deref(), Some("linux"));
    assert_eq!(one.config.unwrap().entrypoint, Some(vec!["/sleeper".to_owned()]));
    let missing = subject.get("/images/none:1/json").await;
    assert_eq!((missing.status, missing.message().as_str()), (404, "no such image: none:1: No such image: none:1"));
    let unknown = subject.get(&format!("/images/json?{}", Subject::filters(&json!({ "x": ["1"] })))).await;
    assert_eq!((unknown.status, unknown.message().as_str()), (400, "Invalid filter 'x'"));
    let garbage = subject.get("/images/json?filters=nope").await;
    assert_eq!(garbage.status, 500, "{}", garbage.text());
}

pub async fn an_image_in_use_stays(subject: &Subject) {
    let id = subject.make("user", &json!({})).await;
    let image = subject.get(&format!("/images/{}/json", subject.sleeper())).await.json()["Id"].clone();
    let (short, image) = (&id[..12], image.as_str().unwrap().trim_start_matches("sha256:").to_owned());
    let by_name = subject.delete(&format!("/images/{}", subject.sleeper())).await;
    assert_eq!(by_name.status, 409);
    assert_eq!(
        by_name.message(),
        format!(
            "conflict: unable to remove repository reference \"{}\" (must force) - container {short} is using its referenced image {}",
            subject.sleeper(),
            &image[..12]
        )
    );
    let by_id = subject.delete(&format!("/images/{image}")).await;
    assert_eq!(by_id.status, 409);
    assert_eq!(
        by_id.message(),
        format!(
            "conflict: unable to delete {} (must be forced) - image is being used by stopped container {short}",
            &image[..12]
        )
    );
    subject.away("user").await;
    let gone = subject.delete(&format!("/images/{}", subject.sleeper())).await;
    assert_eq!(gone.status, 200, "{}", gone.text());
    let deleted = gone.json().as_array().unwrap().iter().any(|line| line["Deleted"] == format!("sha256:{image}"));
    assert!(deleted, "{}", gone.text());
    let again = subject.delete(&format!("/images/{}", subject.sleeper())).await;
    assert_eq!((again.status, again.message()), (404, format!("No such image: {}", subject.sleeper())));
    subject.pull(&subject.sleeper()).await;
}
