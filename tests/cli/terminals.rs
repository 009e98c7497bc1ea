//! On a real pseudo-terminal: what somebody sees who sits before it, and what their keys do.

use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pty_process::blocking::Command;
use reconcile::sandbox::Sandbox;
use reconcile::sandbox::faults::{Fault, Faults};

use super::stage::{Stage, fault};

/// The longest that anything here may take.
const PATIENCE: Duration = Duration::from_mins(1);

const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

/// The binary on a terminal of its own, with somebody who looks and types.
struct Terminal {
    child: std::process::Child,
    keys: Option<std::fs::File>,
    seen: Arc<Mutex<Vec<u8>>>,
    gone: Arc<AtomicBool>,
    reader: std::thread::JoinHandle<()>,
}

impl Terminal {
    fn open(stage: &Stage, words: &str, variables: &[(&str, &str)]) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(60, 120)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_reconcile"))
            .args(words.split_whitespace())
            .current_dir(stage.path("."))
            .env_clear()
            .env("HOME", stage.path("."))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TERM", "xterm-256color")
            .envs(variables.iter().copied())
            .spawn(pts)
            .unwrap();
        let keys = std::fs::File::from(pty.as_fd().try_clone_to_owned().unwrap());
        let (seen, gone) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let reader = std::thread::spawn({
            let (seen, gone) = (Arc::clone(&seen), Arc::clone(&gone));
            move || {
                let mut pty = pty;
                let mut buffer = [0; 4096];
                // Linux says EIO where nobody is left on the other side.
                while let Ok(count @ 1..) = pty.read(&mut buffer) {
                    seen.lock().unwrap().extend_from_slice(&buffer[..count]);
                    if gone.load(Ordering::SeqCst) {
                        break;
                    }
                }
            }
        });
        Self { child, keys: Some(keys), seen, gone, reader }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    /// Waits until something holds.
    async fn wait_until(&mut self, what: &str, holds: impl Fn(&mut Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            if begun.elapsed() > PATIENCE {
                self.child.kill().unwrap();
                panic!("{what}:\n{}", self.so_far());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until these words were written.
    async fn wait_for(&mut self, words: &str) {
        self.wait_until(&format!("`{words}` never came"), |terminal| terminal.so_far().contains(words)).await;
    }

    fn type_in(&mut self, keys: &str) {
        self.keys.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// Closes the window, once what is typed last was shown.
    async fn hang_up(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
        self.type_in(" ");
        self.keys = None;
        self.wait_until("nothing more is drawn", |terminal| terminal.reader.is_finished()).await;
    }

    /// The code of the program's end, and everything that was written.
    async fn end(mut self) -> (i32, String) {
        self.wait_until("it does not end", |terminal| terminal.child.try_wait().unwrap().is_some()).await;
        let status = self.child.wait().unwrap();
        drop(self.keys.take());
        self.reader.join().unwrap();
        let text = String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned();
        (status.code().unwrap_or_else(|| panic!("{status}:\n{text}")), text)
    }
}

/// What stands on the screen after all that was drawn and drawn over, without blank lines at its end.
fn screen(written: &str) -> String {
    let size = |lines| NonZeroU16::new(lines).unwrap();
    let mut parser = vt100::Parser::new(size(400), size(120), 0);
    parser.process(written.as_bytes());
    let text = parser.screen().contents();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

fn colours(written: &str) -> bool {
    ["\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m"].iter().any(|colour| written.contains(colour))
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_yes_is_one() {
    for (keys, code, last) in [
        ("n\n", 1, "Nothing was written.   (1: declined)"),
        ("\n", 1, "Nothing was written.   (1: declined)"),
        ("yess\n", 1, "Nothing was written.   (1: declined)"),
        (CTRL_D, 1, "Nothing was written.   (1: declined)"),
        (CTRL_C, 130, "Stopped: nothing was written.   (130: stopped)"),
    ] {
        let stage = Stage::new();
        let mut terminal = Terminal::open(&stage, "apply --sandbox=box", &[]);
        terminal.wait_for("Apply? [y/N] ").await;
        terminal.type_in(keys);
        let (ended, written) = terminal.end().await;
        assert_eq!(ended, code, "{keys:?}: {written}");
        assert_eq!(screen(&written).lines().last(), Some(last), "{keys:?}: {written}");
        assert_eq!(stage.run("plan --sandbox=box").code, 2, "{keys:?} wrote something");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_is_done_and_leaves_a_whole_report() {
    for answer in ["y\n", "YES\n"] {
        let stage = Stage::new();
        let mut terminal = Terminal::open(&stage, "apply --sandbox=box", &[]);
        terminal.wait_for("Apply? [y/N] ").await;
        terminal.type_in(answer);
        let (code, written) = terminal.end().await;
        let screen = screen(&written);
        assert_eq!(code, 0, "{screen}");
        // After the question: one line for each action, and the report. Nothing of what was drawn over is left.
        let (plan, rest) = screen.split_once("Apply? [y/N] ").unwrap();
        assert!(plan.contains("create 13.") && plan.trim_end().ends_with("revokes nothing."), "{plan}");
        let lines: Vec<&str> = rest.lines().skip(1).filter(|line| !line.is_empty()).collect();
        let (report, done) = lines.split_last().unwrap();
        assert_eq!(*report, "Applied: 13 done.   (0: as the spec says)", "{screen}");
        assert_eq!(done.len(), 13, "{screen}");
        for line in done {
            assert!(line.starts_with("  ok      ") && line.ends_with(" s") && line.contains("  create  "), "{line}");
        }
        assert_eq!(stage.run("plan --sandbox=box").code, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_on_a_terminal_is_told_once_while_it_happens_and_once_in_the_report() {
    use reconcile::sandbox::faults::BodyKind;
    let stage = Stage::new();
    let sandbox = stage.sandbox().await;
    let refused = Fault::Status { code: 422, body: BodyKind::Jsonapi, headers: [].into() };
    sandbox.script(fault("POST", "organizations/*/agent-pools", refused)).unwrap();
    let (code, written) = Terminal::open(&stage, "apply --yes --sandbox=box", &[]).end().await;
    let screen = screen(&written);
    assert_eq!(code, 1, "{screen}");
    assert_eq!(screen.matches("failed  ").count(), 2, "{screen}");
    assert_eq!(screen.matches("\n  skipped ").count(), 3, "{screen}");
    assert!(screen.ends_with("(1: failed)"), "{screen}");
    assert!(!screen.contains("/12 done"), "the counter is left over:\n{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_colours_on_a_terminal_that_wants_them() {
    for (words, variables, wanted) in [
        ("plan --sandbox=box", &[][..], true),
        ("plan --sandbox=box", &[("NO_COLOR", "1")][..], false),
        ("plan --sandbox=box", &[("NO_COLOR", "")][..], true),
        ("plan --sandbox=box", &[("TERM", "dumb")][..], false),
        ("plan --sandbox=box --color never", &[][..], false),
        ("plan --sandbox=box --color always", &[("NO_COLOR", "1")][..], true),
        ("diff fleet.yaml new.yaml", &[][..], true),
        ("diff fleet.yaml new.yaml", &[("NO_COLOR", "1")][..], false),
    ] {
        let stage = Stage::new();
        stage.write("new.yaml", &stage.read("fleet.yaml").replace("autoApply: true", "autoApply: false"));
        let (_, written) = Terminal::open(&stage, words, variables).end().await;
        assert_eq!(colours(&written), wanted, "{words} {variables:?}: {written:?}");
    }
    let stage = Stage::new();
    let ran = stage.run("plan --sandbox=box");
    assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "a pipe is no terminal: {}", ran.out);
    assert!(colours(&stage.run("plan --sandbox=box --color always").out));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sits_before_it_or_asks_for_a_log_is_told_that_hcp_asks_to_wait() {
    use reconcile::sandbox::faults::BodyKind;
    let stage = Stage::new();
    let sandbox = stage.sandbox().await;
    let busy = || {
        let headers = [("Retry-After".to_owned(), "1".to_owned())].into();
        let mut faults = fault("*", "organizations/*", Fault::Status { code: 429, body: BodyKind::Jsonapi, headers });
        faults.rules[0].method = None;
        faults.rules[0].times = Some(2);
        sandbox.script(faults).unwrap();
    };
    let words = "HCP asks to wait 1 s (429): GET organizations/";
    busy();
    let (_, written) = Terminal::open(&stage, "plan --sandbox=box", &[]).end().await;
    assert_eq!(screen(&written).matches(words).count(), 2, "{written}");
    busy();
    let ran = stage.run("plan --sandbox=box");
    assert!(!ran.err.contains("asks to wait"), "{}", ran.err);
    busy();
    let ran = stage.run("plan -v --sandbox=box");
    assert!(ran.err.contains(words) && ran.err.contains("INFO"), "{}", ran.err);
    busy();
    let (_, written) = Terminal::open(&stage, "plan -v --sandbox=box", &[]).end().await;
    assert_eq!(screen(&written).matches(words).count(), 2, "told twice:\n{written}");
    sandbox
        .script(fault(
            "POST",
            "organizations/*/projects",
            Fault::Status {
                code: 429,
                body: BodyKind::Jsonapi,
                headers: [("Retry-After".to_owned(), "1".to_owned())].into(),
            },
        ))
        .unwrap();
    let mut terminal = Terminal::open(&stage, "apply --yes --sandbox=box --only hcp/project/**", &[]);
    terminal.wait_for("HCP asks to wait 1 s (429): POST organizations/").await;
    sandbox.script(reconcile::sandbox::faults::Faults::default()).unwrap();
    let (code, written) = terminal.end().await;
    let screen = screen(&written);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.lines().any(|line| line.starts_with("HCP asks to wait 1 s (429): POST")), "{screen}");
    assert!(!screen.contains("/2 done"), "left over:\n{screen}");
}

/// An apply whose first request waits at a gate.
async fn at_the_door(stage: &Stage) -> (Sandbox, Terminal) {
    let sandbox = stage.sandbox().await;
    sandbox.script(fault("POST", "organizations/*/projects", Fault::Gate("door".to_owned()))).unwrap();
    let terminal = Terminal::open(stage, "apply --yes --sandbox=box --concurrency 1 --only hcp/project/**", &[]);
    sandbox.arrived("door", 1).await;
    (sandbox, terminal)
}

const FINISHING: &str = "finishing 1 action (30 s at most); Ctrl-C again leaves at once";

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_finishes_what_is_under_way_and_says_how_long_that_takes_at_most() {
    let stage = Stage::new();
    let (sandbox, mut terminal) = at_the_door(&stage).await;
    terminal.wait_for("create project/main").await;
    terminal.wait_for("0/2 done").await;
    terminal.type_in(CTRL_C);
    terminal.wait_for(FINISHING).await;
    sandbox.release("door", 1);
    let (code, written) = terminal.end().await;
    let screen = screen(&written);
    assert_eq!(code, 130, "{screen}");
    assert!(!screen.contains("/2 done") && screen.matches("create project/main").count() == 0, "left over:\n{screen}");
    assert!(screen.contains("Stopped: 1 done, 1 not begun."), "{screen}");
    assert!(screen.ends_with("(130: stopped)"), "{screen}");
    assert!(!screen.contains("unknown"), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_ctrl_c_leaves_at_once_and_names_what_nobody_knows() {
    let stage = Stage::new();
    let (sandbox, mut terminal) = at_the_door(&stage).await;
    terminal.type_in(CTRL_C);
    terminal.wait_for(FINISHING).await;
    let asked = Instant::now();
    terminal.type_in(CTRL_C);
    let (code, written) = terminal.end().await;
    assert!(asked.elapsed() < Duration::from_secs(10), "30 s is for the first one");
    let screen = screen(&written);
    assert_eq!(code, 130, "{screen}");
    assert_eq!(screen.matches("answer unknown: POST organizations/example-house/projects").count(), 1, "{screen}");
    assert!(screen.contains("Stopped: 0 done, 1 not begun, 1 with an unknown answer."), "{screen}");
    sandbox.script(Faults::default()).unwrap();
    sandbox.release("door", 10);
    assert_eq!(stage.run_beside("apply --yes --sandbox=box").await.code, 0);
    assert_eq!(stage.run_beside("plan --sandbox=box").await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_closed_lets_it_finish_what_is_under_way() {
    let stage = Stage::new();
    let (sandbox, mut terminal) = at_the_door(&stage).await;
    terminal.hang_up().await;
    sandbox.release("door", 10);
    let (code, _) = terminal.end().await;
    assert_eq!(code, 129);
    let made = sandbox.with_world(|world| world.projects.values().filter(|project| project.name == "main").count());
    assert_eq!(made, 1, "what was under way is done");
    sandbox.script(Faults::default()).unwrap();
    assert_eq!(stage.run_beside("apply --yes --sandbox=box").await.code, 0);
    assert_eq!(stage.run_beside("plan --sandbox=box").await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_closed_instead_of_an_answer_is_no_yes() {
    let stage = Stage::new();
    let mut terminal = Terminal::open(&stage, "apply --sandbox=box", &[]);
    terminal.wait_for("Apply? [y/N] ").await;
    terminal.hang_up().await;
    let (code, _) = terminal.end().await;
    assert_eq!(code, 129);
    assert_eq!(stage.run("plan --sandbox=box").code, 2);
}

/// `nohup` makes a program deaf for this signal before it begins.
#[tokio::test(flavor = "multi_thread")]
async fn who_starts_it_with_nohup_may_close_the_window() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let stage = Stage::new();
    let sandbox = stage.sandbox().await;
    sandbox.script(fault("POST", "organizations/*/projects", Fault::Gate("door".to_owned()))).unwrap();
    let binary = env!("CARGO_BIN_EXE_reconcile");
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", &format!("trap '' HUP; exec '{binary}' apply --yes --sandbox=box --concurrency 1")])
        .current_dir(stage.path("."))
        .env("HOME", stage.path("."))
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null());
    let child = command.spawn().unwrap();
    sandbox.arrived("door", 1).await;
    let status = std::process::Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    sandbox.release("door", 10);
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}
