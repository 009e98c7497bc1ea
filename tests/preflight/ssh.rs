//! Engines behind `ssh`, with a made-up one on the PATH.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::engines::{self, hand_on, socket};
use super::stage::{Stage, golden};

const WAY: [&str; 2] = ["--docker-host", "nas=ssh://admin@nas"];

/// An ssh that says something and ends.
fn refuses(stage: &Stage, words: &str) {
    stage.program("ssh", &format!("#!/bin/sh\necho '{words}' >&2\nexit 255\n"));
}

/// An ssh that forwards: what is asked for here is a link to the socket of the test. It notes its process in `ssh.pid`,
/// each start in `ssh.log`, and a Ctrl-C in `ssh.interrupted`.
fn forwards(stage: &Stage, far: &Path, words: &str) {
    let folder = stage.path("").display().to_string();
    let far = far.display();
    stage.program(
        "ssh",
        &format!(
            r#"#!/bin/sh
trap 'echo yes > {folder}/ssh.interrupted' INT
echo "$@" >> {folder}/ssh.log
echo $$ > {folder}/ssh.pid
while [ "$1" != -L ]; do shift; done
here=${{2%%:*}}
ln -s {far} "$here"
{words}
while :; do sleep 0.05; done
"#
        ),
    );
}

/// A process of this number lives, and is no zombie.
fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_does_not_get_there() {
    let stage = Stage::new().await;
    for (name, words) in [
        (
            "ssh-key-unknown",
            "No ED25519 host key is known for nas and you have requested strict checking.\nHost key verification failed.",
        ),
        (
            "ssh-key-changed",
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.",
        ),
        ("ssh-password", "admin@nas: Permission denied (publickey,password)."),
        ("ssh-name-unknown", "ssh: Could not resolve hostname nas: Name or service not known"),
        ("ssh-away", "ssh: connect to host nas port 22: No route to host"),
        ("ssh-refused", "ssh: connect to host nas port 22: Connection refused"),
        ("ssh-else", "Bad owner or permissions on /home/u/.ssh/config"),
    ] {
        refuses(&stage, words);
        golden(name, &stage.plan(&WAY).await);
    }
    let mut command = stage.command(&["plan", "--only", "docker/**", WAY[0], WAY[1]]);
    fs::remove_file(stage.path("bin/ssh")).unwrap();
    command.env("PATH", stage.path("bin"));
    golden("ssh-missing", &stage.about_the_host(&stage.ran(command).await));
}

/// A host that lets nobody in is not away.
#[tokio::test(flavor = "multi_thread")]
async fn only_who_does_not_answer_may_be_away() {
    let stage = Stage::new().await;
    stage.edit("nas: { docker:", "nas: { mayBeAway: true, docker:");
    for (words, exit) in [
        ("ssh: connect to host nas port 22: Operation timed out", 0),
        ("ssh: Could not resolve hostname nas: Name or service not known", 0),
        ("admin@nas: Permission denied (publickey,password).", 3),
        ("Host key verification failed.", 3),
    ] {
        refuses(&stage, words);
        let text = stage.plan(&WAY).await;
        assert!(text.ends_with(&format!("--- exit {exit}\n")), "{words}: {text}");
        assert_eq!(text.contains("is away, which it may be"), exit == 0, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_gets_there_and_the_socket_does_not_answer() {
    let stage = Stage::new().await;
    let far = socket(stage.path("far.sock"), drop);
    for (name, words) in [
        ("ssh-socket", "echo 'channel 2: open failed: connect failed: open failed' >&2"),
        ("ssh-no-forwarding", "echo 'channel 2: open failed: administratively prohibited: open failed' >&2"),
        ("ssh-silent", ""),
    ] {
        forwards(&stage, &far, words);
        golden(name, &stage.plan(&WAY).await);
    }
}

/// The whole way: one ssh for plan and apply, with the arguments that it needs, and none left afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_socket_carries_an_apply() {
    let stage = Stage::new().await;
    let address = stage.sandbox.engine_address("nas").unwrap().trim_start_matches("tcp://").to_owned();
    let far = socket(stage.path("far.sock"), move |stream| hand_on(stream, &address));
    forwards(&stage, &far, "");
    stage.edit("min: 0", "min: 1");
    let way = "nas=ssh://admin@nas:2222/volume1/docker.sock";
    let output = stage.ran(stage.command(&["apply", "--yes", "--docker-host", way])).await;
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(text.contains("docker nas  ssh://admin@nas:2222 from --docker-host, engine 20.10.24, amd64"), "{text}");
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let running = stage.sandbox.with_world(|world| {
        world.engines["nas"].containers.values().map(|container| container.name.clone()).collect::<Vec<_>>()
    });
    assert_eq!(running, ["hcp-agents-nas-1"]);
    let log = fs::read_to_string(stage.path("ssh.log")).unwrap();
    assert_eq!(log.lines().count(), 1, "a plan and what comes of it go one way: {log}");
    for words in ["BatchMode=yes", "ControlPath=none", "-p 2222", ":/volume1/docker.sock -- admin@nas"] {
        assert!(log.contains(words), "{words} is not in {log}");
    }
    let pid = fs::read_to_string(stage.path("ssh.pid")).unwrap();
    until("the end of ssh", || !lives(&pid)).await;
}

/// A run that stands still while it reads, in a process group of its own, as a shell would start it.
async fn standing_still(stage: &Stage) -> (Child, String) {
    let mut command = stage.command(&["plan", WAY[0], WAY[1]]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let child = command.spawn().unwrap();
    until("the first question", || stage.path("asked").exists()).await;
    let pid = fs::read_to_string(stage.path("ssh.pid")).unwrap();
    assert!(lives(&pid), "ssh is there");
    (child, pid)
}

fn mute(stage: &Stage) {
    let asked = stage.path("asked");
    let far = socket(stage.path("far.sock"), move |stream| {
        fs::write(&asked, "").unwrap();
        engines::mute(stream);
    });
    forwards(stage, &far, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ctrl_c_reaches_this_program_and_not_ssh() {
    let stage = Stage::new().await;
    mute(&stage);
    let (mut child, pid) = standing_still(&stage).await;
    let group = format!("-{}", child.id());
    assert!(Command::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
    let code = tokio::task::spawn_blocking(move || child.wait().unwrap().code()).await.unwrap();
    assert_eq!(code, Some(130));
    until("the end of ssh", || !lives(&pid)).await;
    assert!(!stage.path("ssh.interrupted").exists(), "ssh got the Ctrl-C");
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_ends_even_if_this_program_is_killed() {
    let stage = Stage::new().await;
    mute(&stage);
    let (mut child, pid) = standing_still(&stage).await;
    child.kill().unwrap();
    child.wait().unwrap();
    until("the end of ssh", || !lives(&pid)).await;
    let log = fs::read_to_string(stage.path("ssh.log")).unwrap();
    let here = log.split_whitespace().find_map(|word| word.split_once("/engine.sock:")).unwrap().0;
    assert!(here.starts_with('/') && !Path::new(here).exists(), "{here} is left behind");
}
