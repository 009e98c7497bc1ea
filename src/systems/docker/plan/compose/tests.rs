use std::path::PathBuf;

use figment::providers::{Format as _, Yaml};
use serde_json::{Value, json};

use super::*;
use crate::address::Address;
use crate::spec::{CheckOptions, load_text};

const SPEC: &str = r#"
fleet: lab
hcp: { organization: example-house, tier: standard, externalId: org-1 }
targets:
  nas: { docker: { project: hcp-agents } }
pools:
  nas:
    name: example-nas
    target: nas
    longestApply: 90m
    providers: { upload: ./providers }
    hooks: { onHost: /volume1/hooks }
    agents:
      min: 1
      max: 3
      image: "hashicorp/tfc-agent:1.29.0"
      memory: 2GiB
      cpus: 1.5
      log: { driver: json-file, options: { max-size: 10m, max-file: "3" } }
      environment: { HTTP_PROXY: "http://proxy:3128/$HOME", ODD: "yes", QUOTED: "a \"b\" \\ c" }
  small: { name: example-small, target: nas, agents: { min: 0, max: 1, image: "hashicorp/tfc-agent:1.29.0" } }
projects: {}
"#;

fn wanted() -> Desired {
    let loaded = load_text("fleet.yaml", SPEC, &CheckOptions::default());
    loaded.desired.unwrap_or_else(|| panic!("{:#?}", loaded.findings)).docker
}

fn uploads(want: &Desired) -> Uploads {
    use super::super::super::desired::Source;
    let files = want.targets["nas"].services["nas"].agent.files.iter();
    let paths = files.filter_map(|files| match &files.source {
        Source::Upload(path) => Some(path.clone()),
        Source::OnHost(_) => None,
    });
    let upload = Upload { hash: "0c2k3y8xq1w9".repeat(4), ..Upload::default() };
    paths.map(|path| (path, Read::Seen(upload.clone()))).collect()
}

fn parsed(text: &str) -> Value {
    Yaml::from_str(text).unwrap()
}

/// As compose puts it together: `$$` is a dollar.
fn texts(map: &Value) -> BTreeMap<String, String> {
    let items = map.as_object().into_iter().flatten();
    items.map(|(key, value)| (key.clone(), value.as_str().unwrap().replace("$$", "$"))).collect()
}

/// The part of a compose file that one service is, as a blueprint says it.
fn read_back(file: &Value, service: &str) -> Blueprint {
    let service = &file["services"][service];
    let mut environment = texts(&service["environment"]);
    let token = environment.remove("TFC_AGENT_TOKEN").unwrap();
    assert!(token.starts_with("${TFC_AGENT_TOKEN_") && token.ends_with('}'), "{token}");
    environment.remove("TFC_AGENT_NAME");
    let mut mounts = BTreeMap::new();
    let mut volumes = Vec::new();
    for mount in service["volumes"].as_array().into_iter().flatten() {
        assert_eq!(mount["read_only"], true, "{mount}");
        let source = mount["source"].as_str().unwrap();
        let name = if mount["type"] == "bind" {
            assert_eq!(mount["bind"]["create_host_path"], false, "a path that is missing is not made");
            source
        } else {
            assert_eq!(file["volumes"][source]["external"], true);
            volumes.push(source.to_owned());
            file["volumes"][source]["name"].as_str().unwrap()
        };
        mounts.insert(mount["target"].as_str().unwrap().to_owned(), name.to_owned());
    }
    let seconds = service["stop_grace_period"].as_str().unwrap().strip_suffix('s').unwrap();
    let always = service["restart"] == "unless-stopped";
    assert!(always || service["restart"] == "no", "{service}");
    assert_eq!(service["profiles"] == json!(["on-demand"]), !always, "{service}");
    Blueprint {
        image: service["image"].as_str().unwrap().parse().unwrap(),
        environment,
        network: file["networks"]["default"]["name"].as_str().unwrap().to_owned(),
        mounts,
        places: BTreeMap::new(),
        volumes: Vec::new(),
        always,
        stop_timeout: seconds.parse().unwrap(),
        memory: service["mem_limit"].as_u64(),
        millicpus: service["cpus"].as_f64().map(|cpus| format!("{:.0}", cpus * 1000.0).parse().unwrap()),
        log: service["logging"]["driver"]
            .as_str()
            .map(|driver| Log { driver: driver.to_owned(), options: texts(&service["logging"]["options"]) }),
        digest: String::new(),
    }
}

#[test]
fn a_compose_file_says_what_the_blueprints_say() {
    let want = wanted();
    let uploads = uploads(&want);
    let files = compose(&want, &uploads);
    let file = parsed(files["nas"].as_ref().unwrap());
    assert_eq!(file["name"], "hcp-agents");
    let target = &want.targets["nas"];
    let drawing = Drawing { target, uploads: &uploads };
    for (service, key, number, scale) in
        [("nas", "nas", 1, None), ("nas-on-demand", "nas", 2, Some(2)), ("small", "small", 1, None)]
    {
        let drawn = drawing.blueprint(&target.services[key], number).unwrap();
        let expected = Blueprint { places: BTreeMap::new(), volumes: Vec::new(), digest: String::new(), ..drawn };
        assert_eq!(read_back(&file, service), expected, "{service}");
        assert_eq!(file["services"][service]["scale"].as_u64(), scale, "{service}");
    }
    assert_eq!(file["services"].as_object().unwrap().len(), 3, "no other service");
    let named = |service: &str| file["services"][service]["environment"]["TFC_AGENT_NAME"].as_str().map(str::to_owned);
    assert_eq!(named("nas").as_deref(), Some("hcp-agents-nas-1"));
    assert_eq!(named("nas-on-demand"), None, "two agents never share a name");
}

/// `INSTA_UPDATE=always cargo test --lib compose` makes the file anew.
#[test]
fn a_compose_file_is_for_people() {
    let want = wanted();
    insta::assert_snapshot!(compose(&want, &uploads(&want))["nas"].as_ref().unwrap());
}

#[test]
fn what_cannot_be_read_makes_no_file_and_hides_no_other() {
    let mut want = wanted();
    let mut other = want.targets["nas"].clone();
    other.services.remove("nas");
    want.targets.insert("other".to_owned(), other);
    let gap = Gap {
        address: Address::new(["docker"]),
        doing: "reading".to_owned(),
        cause: "gone".to_owned(),
        follows: String::new(),
        hint: String::new(),
        expected: false,
    };
    let unread: Uploads = uploads(&want).into_keys().map(|path: PathBuf| (path, Read::Unread(gap.clone()))).collect();
    let files = compose(&want, &unread);
    assert_eq!(files["nas"], Err(Box::new(gap)));
    assert!(files["other"].is_ok());
}

#[test]
fn a_host_that_is_given_up_has_no_file() {
    let mut want = wanted();
    want.targets.get_mut("nas").unwrap().absent = true;
    assert!(compose(&want, &Uploads::new()).is_empty());
}

#[test]
fn no_word_is_taken_for_something_else() {
    for (text, written) in [
        ("hcp-agents", "hcp-agents"),
        ("no", "\"no\""),
        ("1.29", "\"1.29\""),
        ("a: b", "\"a: b\""),
        ("a#b\n", "\"a#b\\n\""),
        ("$HOME", "\"$$HOME\""),
        ("", "\"\""),
    ] {
        assert_eq!(scalar(text), written);
        assert_eq!(parsed(&format!("key: {}", scalar(text)))["key"], text.replace('$', "$$"));
    }
}
