use std::collections::BTreeMap;
use std::path::Path;

use super::super::{Environment, Flags};
use super::{Access, Door, NoDoor, Way, docker};

fn targets<const N: usize>(targets: [(&str, bool); N]) -> BTreeMap<String, bool> {
    targets.into_iter().map(|(name, pinned)| (name.to_owned(), pinned)).collect()
}

/// The ways to one target, `nas`, whose engine is not pinned.
fn access(environment: &Environment, flags: &Flags) -> Access {
    docker(environment, flags, Path::new("/fleet"), &targets([("nas", false)])).unwrap()
}

/// `WAY from PLACE`, or the trouble.
fn found(environment: &Environment, flags: &Flags) -> String {
    said(&access(environment, flags), "nas")
}

fn said(access: &Access, target: &str) -> String {
    match &access.doors[target] {
        Ok(Door { way, from }) => format!("{way} from {from}"),
        Err(NoDoor { cause, hint }) => format!("{cause}\ndo: {hint}"),
    }
}

fn host(host: &str) -> Flags {
    Flags { docker_hosts: vec![("nas".to_owned(), host.to_owned())], ..Flags::default() }
}

const CONFIG: (&str, &str) = ("/home/u/.docker/config.json", r#"{"auths": {}, "currentContext": "attic"}"#);
const META: &str =
    r#"{"Name": "attic", "Metadata": {}, "Endpoints": {"docker": {"Host": "ssh://attic", "SkipTLSVerify": false}}}"#;

fn path_of(context: &str, rest: &str) -> String {
    use sha2::Digest as _;
    let hash = data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(context.as_bytes()));
    format!("/home/u/.docker/contexts/{}", rest.replace("HASH", &hash))
}

#[test]
fn what_docker_itself_would_use_is_used_in_dockers_order() {
    let meta = path_of("attic", "meta/HASH/meta.json");
    let rootless = ("/run/user/7/docker.sock", "");
    let files = [CONFIG, (meta.as_str(), META), rootless];
    let flags = Flags::default();
    let with = |variables: &[(&str, &str)]| -> String {
        let variables: [(&str, &str); 3] =
            std::array::from_fn(|index| variables.get(index).copied().unwrap_or(("UNUSED", "")));
        found(&Environment::made_up(variables, "/home/u", files), &flags)
    };
    assert_eq!(with(&[]), "ssh://attic from context attic, /home/u/.docker/config.json");
    assert_eq!(with(&[("DOCKER_CONTEXT", "attic")]), "ssh://attic from context attic, DOCKER_CONTEXT");
    assert_eq!(
        with(&[("DOCKER_CONTEXT", "default"), ("XDG_RUNTIME_DIR", "/run/user/7")]),
        "unix:///run/user/7/docker.sock from the socket of this machine"
    );
    assert_eq!(
        with(&[("DOCKER_CONTEXT", "attic"), ("DOCKER_HOST", "unix:///x.sock")]),
        "unix:///x.sock from DOCKER_HOST"
    );
    let nothing = Environment::made_up([], "/home/u", []);
    assert_eq!(found(&nothing, &flags), "unix:///var/run/docker.sock from the socket of this machine");
    let both =
        Environment::made_up([("XDG_RUNTIME_DIR", "/run/user/7")], "/home/u", [rootless, ("/var/run/docker.sock", "")]);
    assert_eq!(found(&both, &flags), "unix:///var/run/docker.sock from the socket of this machine");
}

#[test]
fn what_names_the_target_beats_what_does_not_and_flags_beat_all() {
    let file = (
        "/fleet/access.yaml",
        "default: { docker: { nas: { host: ssh://from-file } } }\nattic: { docker: { nas: { context: attic } } }\n",
    );
    let meta = path_of("attic", "meta/HASH/meta.json");
    let files = [file, (meta.as_str(), META)];
    let env = Environment::made_up([("DOCKER_HOST", "unix:///x.sock")], "/home/u", files);
    assert_eq!(found(&env, &Flags::default()), "ssh://from-file from /fleet/access.yaml");
    let attic = Flags { profile: Some("attic".to_owned()), ..Flags::default() };
    assert_eq!(found(&env, &attic), "ssh://attic from context attic, /fleet/access.yaml");
    let env = Environment::made_up([("RECONCILE_DOCKER_NAS_HOST", "ssh://from-env")], "/home/u", files);
    assert_eq!(found(&env, &attic), "ssh://from-env from RECONCILE_DOCKER_NAS_HOST");
    assert_eq!(found(&env, &host("ssh://from-flag")), "ssh://from-flag from --docker-host");
    let env = Environment::made_up([("RECONCILE_DOCKER_NAS_CONTEXT", "attic")], "/home/u", files);
    assert_eq!(found(&env, &Flags::default()), "ssh://attic from context attic, RECONCILE_DOCKER_NAS_CONTEXT");
    let beside_home = ("/home/u/.config/reconcile/access.yaml", "default: { docker: { nas: { host: ssh://home } } }\n");
    let env = Environment::made_up([], "/home/u", [beside_home]);
    assert_eq!(found(&env, &Flags::default()), "ssh://home from /home/u/.config/reconcile/access.yaml");
}

#[test]
fn a_way_that_names_no_target_is_not_taken_for_one_of_two() {
    let env = Environment::made_up([("DOCKER_HOST", "ssh://somewhere")], "/home/u", []);
    let two = targets([("nas-1", false), ("nas-2", true)]);
    let access = docker(&env, &Flags::default(), Path::new("/fleet"), &two).unwrap();
    assert_eq!(said(&access, "nas-2"), "ssh://somewhere from DOCKER_HOST", "its engine is pinned");
    insta::assert_snapshot!(said(&access, "nas-1"), @r"
    nothing says how to reach it: DOCKER_HOST, docker's contexts and the socket of this machine name no target, and are looked at only if the fleet has one Docker target, or pins the engine of this one
    do: write `default: { docker: { nas-1: { host: ssh://nas-1 } } }` into access.yaml, or set RECONCILE_DOCKER_NAS_1_HOST
    ");
}

#[test]
fn a_target_that_the_fleet_does_not_have_is_an_error() {
    let flags = Flags { docker_hosts: vec![("nsa".to_owned(), "ssh://nas".to_owned())], ..Flags::default() };
    let env = Environment::made_up([], "/home/u", []);
    for known in [targets([("nas", false)]), BTreeMap::new()] {
        let error = docker(&env, &flags, Path::new("/fleet"), &known).unwrap_err();
        assert!(error.chain().contains("--docker-host nsa=…"), "{}", error.chain());
    }
    let twins = targets([("nas-1", false), ("nas_1", false)]);
    let env = Environment::made_up([("RECONCILE_DOCKER_NAS_1_HOST", "ssh://nas")], "/home/u", []);
    let error = docker(&env, &Flags::default(), Path::new("/fleet"), &twins).unwrap_err();
    assert!(error.chain().contains("nas-1 or the target nas_1"), "{}", error.chain());
}

#[test]
fn ssh_has_a_user_a_port_and_a_socket() {
    let env = Environment::made_up([], "/home/u", []);
    let way = |text: &str| match access(&env, &host(text)).doors.remove("nas") {
        Some(Ok(Door { way: Way::Ssh { destination, port, socket }, from: _ })) => (destination, port, socket),
        other => panic!("{text}: {other:?}"),
    };
    let socket = Path::new("/var/run/docker.sock").to_owned();
    assert_eq!(way("ssh://nas"), ("nas".to_owned(), None, socket.clone()));
    assert_eq!(way("ssh://admin@nas:2222"), ("admin@nas".to_owned(), Some(2222), socket.clone()));
    assert_eq!(way("ssh://admin@[::1]/run/d.sock"), ("admin@::1".to_owned(), None, "/run/d.sock".into()));
    let file = ("/fleet/access.yaml", "default: { docker: { nas: { host: ssh://nas, socket: /volume1/d.sock } } }\n");
    let env = Environment::made_up([], "/home/u", [file]);
    let door = access(&env, &Flags::default()).doors.remove("nas").unwrap().unwrap();
    assert!(matches!(door.way, Way::Ssh { ref socket, .. } if socket == Path::new("/volume1/d.sock")), "{door:?}");
}

#[test]
fn tcp_is_plain_on_this_machine_alone() {
    let env = Environment::made_up([], "/home/u", []);
    for (text, good) in [
        ("tcp://127.0.0.1:2375", true),
        ("tcp://localhost", true),
        ("tcp://[::1]:2375", true),
        ("tcp://nas:2375", false),
        ("tcp://127.0.0.1.example.com:2375", false),
        ("tcp://user@127.0.0.1:2375", false),
        ("tcp://127.0.0.1:2375/path", false),
        ("http://127.0.0.1:2375", false),
        ("unix://relative.sock", false),
        ("ssh://user:password@nas", false),
        ("ssh://-oProxyCommand=x", false),
        ("ssh://-x@nas", false),
        ("ssh://nas/a:b", false),
        ("npipe:////./pipe/docker_engine", false),
        ("nas", false),
        ("", false),
    ] {
        let text = if text.is_empty() { "ssh://" } else { text };
        let found = access(&env, &host(text)).doors.remove("nas").unwrap();
        assert_eq!(found.is_ok(), good, "{text}: {found:?}");
        if let Err(no) = found {
            assert!(!no.cause.contains("password@"), "{}", no.cause);
        }
    }
}

#[test]
fn certificates_come_from_the_file_the_variable_or_the_context() {
    let tls = |environment: &Environment| match access(environment, &Flags::default()).doors.remove("nas") {
        Some(Ok(Door { way: Way::Tls { host, ca, cert, key }, from: _ })) => {
            format!("{host} {} {} {}", ca.display(), cert.display(), key.display())
        }
        other => panic!("{other:?}"),
    };
    let file = (
        "/fleet/access.yaml",
        "default: { docker: { nas: { host: tcp://nas, tls: { ca: ca.pem, cert: ~/c.pem, key: /k.pem } } } }\n",
    );
    let env = Environment::made_up([], "/home/u", [file]);
    assert_eq!(tls(&env), "nas:2376 /fleet/ca.pem /home/u/c.pem /k.pem");
    let env = Environment::made_up([("RECONCILE_DOCKER_NAS_CERT_PATH", "/certs")], "/home/u", [file]);
    assert_eq!(tls(&env), "nas:2376 /certs/ca.pem /certs/cert.pem /certs/key.pem");
    let env = Environment::made_up([("DOCKER_HOST", "tcp://nas:99"), ("DOCKER_TLS_VERIFY", "1")], "/home/u", []);
    assert_eq!(tls(&env), "nas:99 /home/u/.docker/ca.pem /home/u/.docker/cert.pem /home/u/.docker/key.pem");
    let meta = path_of("tls", "meta/HASH/meta.json");
    let ca = path_of("tls", "tls/HASH/docker/ca.pem");
    let files = [(meta.as_str(), r#"{"Endpoints": {"docker": {"Host": "tcp://nas:2376"}}}"#), (ca.as_str(), "")];
    let env = Environment::made_up([("DOCKER_CONTEXT", "tls")], "/home/u", files);
    assert!(tls(&env).starts_with(&format!("nas:2376 {ca} ")), "{}", tls(&env));
}

#[test]
fn a_context_that_is_not_there_is_said_and_nothing_else_is_taken() {
    let env = Environment::made_up([], "/home/u", [CONFIG]);
    insta::assert_snapshot!(found(&env, &Flags::default()), @r"
    using docker's context `attic` (/home/u/.docker/config.json): there is none of that name in /home/u/.docker/contexts
    do: look at `docker context ls`
    ");
}

#[test]
fn a_file_that_says_something_else_is_refused_by_its_name() {
    for (text, words) in [
        ("default: { docker: { nas: { hots: ssh://nas } } }", "docker.nas has a key `hots`"),
        ("default: { docker: { nas: ssh://nas } }", "docker.nas is not a map"),
        ("default: { docker: { nas: { host: ssh://nas, context: nas } } }", "both a host and a context"),
        ("default: { docker: { nas: { host: 5 } } }", "docker.nas.host is not a text"),
        ("default: { docker: { nas: { host: tcp://nas, tls: { ca: x } } } }", "just ca, cert and key"),
        ("default: { dockre: {} }", "dockre"),
    ] {
        let env = Environment::made_up([], "/home/u", [("/fleet/access.yaml", text)]);
        let error = docker(&env, &Flags::default(), Path::new("/fleet"), &targets([("nas", false)])).unwrap_err();
        let said = error.chain();
        assert!(said.contains(words) && said.contains("/fleet/access.yaml"), "{text}: {said}");
    }
}

#[test]
fn a_password_in_a_way_is_refused_without_being_shown() {
    for host in [
        "tcp://user:CANARYpw@nas:2376",
        "tcp://CANARYpw@nas:2376",
        "ssh://user:CANARYpw@nas",
        "ssh://user%3ACANARYpw@nas",
        "user:CANARYpw@nas",
        "tcp://nas:2376?CANARYpw",
        "http://user:CANARYpw@nas",
    ] {
        let env = Environment::made_up([("RECONCILE_DOCKER_NAS_HOST", host)], "/home/u", []);
        let access = docker(&env, &Flags::default(), Path::new("/fleet"), &targets([("nas", false)])).unwrap();
        let told = format!("{access:?}");
        assert!(!told.contains("CANARY"), "{host}: {told}");
    }
    let flags = Flags { docker_hosts: vec![(String::new(), String::new())], ..Flags::default() };
    let env = Environment::made_up([], "/home/u", []);
    let error = docker(&env, &flags, Path::new("/fleet"), &targets([("nas", false)])).unwrap_err();
    assert_eq!(error.chain(), "reading --docker-host …: the fleet's Docker targets are nas");
}
