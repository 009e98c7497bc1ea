use super::stage::Stage;
use crate::assert_output;

macro_rules! helps {
    ($($name:ident $words:literal)*) => {$(
        #[test]
        fn $name() {
            assert_output!(Stage::empty().show($words));
        }
    )*};
}

helps! {
    reconcile "--help"
    init "init --help"
    check "check --help"
    plan "plan --help"
    apply "apply --help"
    render "render --help"
    pin "pin --help"
    rotate "rotate --help"
    rotate_agent_tokens "rotate agent-tokens --help"
    release "release --help"
    explain "explain --help"
    diff "diff --help"
    schema "schema --help"
    sandbox_serve "sandbox serve --help"
    sandbox_queue "sandbox queue --help"
    sandbox_advance "sandbox advance --help"
    completions "completions --help"
    man "man --help"
}

#[test]
fn every_page_of_the_manual_is_written() {
    let stage = Stage::empty();
    assert_eq!(stage.run("man --out pages").code, 0);
    let pages = std::fs::read_dir(stage.path("pages")).unwrap().count();
    assert!(pages >= 10, "{pages}");
}

#[test]
fn completions_know_the_verbs() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = Stage::empty().run(&format!("completions {shell}"));
        assert!(
            ran.code == 0
                && ["explain", "render", "pin", "rotate", "agent-tokens"].iter().all(|verb| ran.out.contains(verb)),
            "{shell}"
        );
    }
}
