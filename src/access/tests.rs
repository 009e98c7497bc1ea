use std::path::Path;

use super::{Environment, Flags, Hcp, hcp};

async fn resolve(environment: &Environment, flags: &Flags) -> Hcp {
    hcp(environment, flags, Path::new("/fleet")).await.unwrap()
}

async fn refused(environment: &Environment, flags: &Flags) -> String {
    let error = hcp(environment, flags, Path::new("/fleet")).await.unwrap_err();
    format!("{}\nhint: {}", error.chain(), error.remedy().unwrap_or_default())
}

const LOGIN: (&str, &str) = (
    "/home/u/.terraform.d/credentials.tfrc.json",
    r#"{"credentials": {"app.terraform.io": {"token": "from-login"}, "tfe.example.house": {"token": "own-host"}}}"#,
);

#[tokio::test]
async fn what_terraform_login_left_is_enough() {
    let found = resolve(&Environment::made_up([], "/home/u", [LOGIN]), &Flags::default()).await;
    assert_eq!(found.token.expose(), "from-login");
    assert_eq!(found.token_from, LOGIN.0);
    assert_eq!((found.address.as_str(), found.host.as_str()), ("https://app.terraform.io", "app.terraform.io"));
}

#[tokio::test]
async fn terraforms_order_is_kept() {
    let file = ("/home/u/.terraformrc", "credentials \"app.terraform.io\" {\n  token = \"from-rc\"\n}\n");
    let env = Environment::made_up([], "/home/u", [LOGIN, file]);
    assert_eq!(resolve(&env, &Flags::default()).await.token.expose(), "from-rc");
    let env = Environment::made_up([("TFE_TOKEN", "from-tfe")], "/home/u", [LOGIN, file]);
    assert_eq!(resolve(&env, &Flags::default()).await.token_from, "TFE_TOKEN");
    let both = [("TFE_TOKEN", "from-tfe"), ("TF_TOKEN_app_terraform_io", "from-host")];
    let env = Environment::made_up(both, "/home/u", [LOGIN, file]);
    let found = resolve(&env, &Flags::default()).await;
    assert_eq!((found.token.expose(), found.token_from.as_str()), ("from-host", "TF_TOKEN_app_terraform_io"));
}

#[tokio::test]
async fn another_host_has_its_own_credentials() {
    let env = Environment::made_up([("TFE_HOSTNAME", "tfe.example.house")], "/home/u", [LOGIN]);
    let found = resolve(&env, &Flags::default()).await;
    assert_eq!(found.token.expose(), "own-host");
    assert_eq!((found.address.as_str(), found.address_from.as_str()), ("https://tfe.example.house", "TFE_HOSTNAME"));
}

const FILE: (&str, &str) = (
    "/fleet/access.yaml",
    "default: { hcp: { token: { env: TEAM_TOKEN } } }\nnas: { hcp: { token: { file: token.txt } } }\n",
);

#[tokio::test]
async fn a_profile_replaces_the_default_token_whole() {
    let files = [FILE, ("/fleet/token.txt", "from-file\n")];
    let env = Environment::made_up([("TEAM_TOKEN", "from-team")], "/home/u", files);
    assert_eq!(resolve(&env, &Flags::default()).await.token.expose(), "from-team");
    let flags = Flags { profile: Some("nas".to_owned()), ..Flags::default() };
    let found = resolve(&env, &flags).await;
    assert_eq!(found.token.expose(), "from-file");
    assert_eq!(found.profile.as_deref(), Some("nas"));
    let env = Environment::made_up([("RECONCILE_AS", "nas"), ("RECONCILE_HCP_TOKEN", "own")], "/home/u", files);
    assert_eq!(resolve(&env, &Flags::default()).await.token.expose(), "own", "the environment beats the file");
}

#[tokio::test]
async fn an_unknown_profile_names_those_that_there_are() {
    let flags = Flags { profile: Some("laptop".to_owned()), ..Flags::default() };
    insta::assert_snapshot!(refused(&Environment::made_up([], "/home/u", [FILE]), &flags).await, @"
    choosing the profile `laptop` (--as): the profiles are default, nas
    hint: write it into /fleet/access.yaml or /home/u/.config/reconcile/access.yaml
    ");
}

#[tokio::test]
async fn without_a_token_all_places_are_named() {
    insta::assert_snapshot!(refused(&Environment::made_up([], "/home/u", []), &Flags::default()).await, @r#"
    looking for a token for app.terraform.io: there is none; looked at:
      --hcp-token-file
      RECONCILE_HCP_TOKEN, RECONCILE_HCP_TOKEN_FILE
      hcp.token in access.yaml beside the spec
      hcp.token in /home/u/.config/reconcile/access.yaml
      TF_TOKEN_app_terraform_io
      TFE_TOKEN
      credentials "app.terraform.io" in /home/u/.terraformrc
      credentials "app.terraform.io" in /home/u/.terraform.d/credentials.tfrc.json
    hint: run `terraform login app.terraform.io`, or set TFE_TOKEN; to try the tool without an account, use --sandbox
    "#);
}

#[tokio::test]
async fn a_token_without_a_host_does_not_follow_an_address_from_beside_the_spec() {
    let file = ("/fleet/access.yaml", "default: { hcp: { address: https://elsewhere.example } }\n");
    let env = Environment::made_up([("TFE_TOKEN", "mine")], "/home/u", [file]);
    let text = refused(&env, &Flags::default()).await;
    assert!(text.contains("TFE_TOKEN was not looked at") && !text.contains("mine"), "{text}");
    let file = ("/home/u/.config/reconcile/access.yaml", file.1);
    let env = Environment::made_up([("TFE_TOKEN", "mine")], "/home/u", [file]);
    assert_eq!(resolve(&env, &Flags::default()).await.address, "https://elsewhere.example");
}

#[tokio::test]
async fn a_token_in_the_access_file_is_refused_and_not_repeated() {
    for text in ["default: { hcp: { token: CANARY } }\n", "default: { hcp: { tokn: CANARY } }\n", "default: CANARY\n"] {
        let env = Environment::made_up([], "/home/u", [("/fleet/access.yaml", text)]);
        let message = refused(&env, &Flags::default()).await;
        assert!(!message.contains("CANARY"), "{message}");
        assert!(message.contains("/fleet/access.yaml"), "{message}");
    }
}

#[tokio::test]
async fn an_address_without_tls_is_for_loopback_alone() {
    for (address, good) in [
        ("http://127.0.0.1:8080", true),
        ("http://[::1]:8080", true),
        ("http://tfe.example.house", false),
        ("https://user:password@tfe.example.house", false),
        ("https://tfe.example.house/app", false),
        ("ftp://tfe.example.house", false),
    ] {
        let flags = Flags { hcp_address: Some(address.to_owned()), ..Flags::default() };
        let env = Environment::made_up([("TFE_TOKEN", "t")], "/home/u", []);
        let result = hcp(&env, &flags, Path::new("/fleet")).await;
        assert_eq!(result.is_ok(), good, "{address}");
    }
}

#[tokio::test]
async fn what_is_read_never_shows_in_debug() {
    let env = Environment::made_up([("TFE_TOKEN", "CANARY")], "/home/u", []);
    let found = resolve(&env, &Flags::default()).await;
    assert!(!format!("{env:?} {found:?}").contains("CANARY"));
}

#[tokio::test]
async fn a_password_in_an_address_is_refused_without_being_shown() {
    let file = |text: &'static str| [LOGIN, ("/fleet/access.yaml", text)];
    for address in [
        "https://user:CANARYpw@127.0.0.1:1/x",
        "https://CANARYpw@127.0.0.1/",
        "user:CANARYpw@app.terraform.io",
        "https://user:CANARY/pw?@app.terraform.io",
        "https://app.terraform.io/?token=CANARYpw",
        "https://app.terraform.io/#CANARYpw",
        "ftp://user:CANARYpw@app.terraform.io",
        "https://user:CANARYpw@",
    ] {
        let flags = Flags { hcp_address: Some(address.to_owned()), ..Flags::default() };
        let said = refused(&Environment::made_up([], "/home/u", [LOGIN]), &flags).await;
        assert!(!said.contains("CANARY") && said.contains("--hcp-address"), "{address}: {said}");
        let env = Environment::made_up([("RECONCILE_HCP_ADDRESS", address)], "/home/u", [LOGIN]);
        let said = refused(&env, &Flags::default()).await;
        assert!(!said.contains("CANARY"), "{address}: {said}");
    }
    let text = "default: { hcp: { address: 'https://user:CANARYpw@127.0.0.1:1/x' } }\n";
    let said = refused(&Environment::made_up([], "/home/u", file(text)), &Flags::default()).await;
    assert!(said.contains("`https://…@127.0.0.1:1/x` from /fleet/access.yaml"), "{said}");
    assert!(!said.contains("CANARY"), "{said}");
}

#[test]
fn an_address_is_shown_without_what_may_be_secret() {
    use super::shown;
    for (address, text) in [
        ("https://app.terraform.io", "https://app.terraform.io"),
        ("ssh://me@nas:22/run/docker.sock", "ssh://me@nas:22/run/docker.sock"),
        ("ssh://me:pw@nas", "ssh://…@nas"),
        ("tcp://token@nas:1", "tcp://…@nas:1"),
        ("tcp:me:pw@nas", "…@nas"),
        ("me:pw@nas", "…@nas"),
        ("pw://x@nas", "…@nas"),
        ("tcp://nas?pw", "tcp://nas?…"),
    ] {
        assert_eq!(shown(address), text);
    }
}
