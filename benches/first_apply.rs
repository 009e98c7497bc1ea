//! A first apply of 1,000 workspaces of 10 variables by the real program, against a stand-in in a process of its own that
//! allows 30 requests a second: `cargo bench --bench first_apply`, or a smaller one with `-- 100`. The whole takes about
//! eight minutes, since it makes some 12,000 things.
//!
//! Demanded: at most 1.15 times what its writes alone take at that limit, at most 150 MB, lines of progress all the time,
//! nothing left to do afterwards, and after Ctrl-C an end within seconds.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)] // A benchmark reports on standard output.

#[path = "../tests/lab/mod.rs"]
mod lab;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use reconcile::sandbox::Sandbox;

/// Requests in a second that the stand-in allows.
const LIMIT: f64 = 30.0;
/// How much longer than its writes alone an apply may take.
const MOST_RATIO: f64 = 1.15;
/// What the process may hold at its largest.
const MOST_MEMORY: u64 = 150 << 20;
/// The longest time without a line of progress.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);
/// The longest time from Ctrl-C to the end.
const LONGEST_FAREWELL: Duration = Duration::from_secs(5);

const SERVE: &str = "serve";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, spec] = arguments.as_slice()
        && word == SERVE
    {
        serve(Path::new(spec));
        return;
    }
    let workspaces = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(1_000);
    let directory = tempfile::tempdir().expect("a directory");
    let spec = directory.path().join("fleet.yaml");
    std::fs::write(&spec, lab::many::spec(workspaces)).expect("a spec");
    stopped_in_the_middle(&spec);
    first_apply(&spec, workspaces);
}

/// The other process: a stand-in until its input ends. A line asks for what was counted so far.
fn serve(spec: &Path) {
    let want = lab::fleet_of(spec);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let sandbox = runtime.block_on(Sandbox::in_memory(&lab::seed(&want))).expect("the sandbox starts");
    sandbox.with_world(|world| world.switches.rate_limit.enforced = true);
    let engine = sandbox.engine_address("nas").expect("the fleet's host");
    println!("{} {} {engine}", sandbox.address(), sandbox.token());
    for _ in std::io::stdin().lines() {
        // The handful to the Docker host, which are not limited, count as well.
        let requests = sandbox.requests();
        let limited = requests.iter().filter(|request| request.status == 429).count();
        let writes = requests.iter().filter(|request| request.done && request.is_write()).count();
        let reads = requests.iter().filter(|request| request.done && !request.is_write()).count();
        println!("{writes} {reads} {limited}");
    }
}

/// A stand-in in a process of its own.
struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    address: String,
    token: String,
    /// Where the fleet's Docker host is.
    engine: String,
}

struct Counted {
    writes: u32,
    reads: u32,
    limited: u32,
}

impl Server {
    fn start(spec: &Path) -> Self {
        let this = std::env::current_exe().expect("this program");
        let mut child = Command::new(this)
            .arg(SERVE)
            .arg(spec)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a second process");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (address, token, engine) = (String::new(), String::new(), String::new());
        let mut server = Self { child, input, output, address, token, engine };
        let line = server.line();
        let words: Vec<&str> = line.split_whitespace().collect();
        let [address, token, engine] = words.as_slice() else { panic!("no addresses: {line:?}") };
        (*address).clone_into(&mut server.address);
        (*token).clone_into(&mut server.token);
        (*engine).clone_into(&mut server.engine);
        server
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line of the stand-in");
        line
    }

    fn counted(&mut self) -> Counted {
        let input = self.input.as_mut().expect("its input");
        writeln!(input).and_then(|()| input.flush()).expect("the stand-in listens");
        let line = self.line();
        let numbers: Vec<u32> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [writes, reads, limited] = numbers.as_slice() else { panic!("not counted: {line:?}") };
        Counted { writes: *writes, reads: *reads, limited: *limited }
    }

    /// The real program, as against a real organisation.
    fn program(&self, verb: &[&str], spec: &Path) -> Run {
        let mut child = Command::new(env!("CARGO_BIN_EXE_reconcile"))
            .args(verb)
            .arg(spec)
            .arg("--docker-host")
            .arg(format!("nas={}", self.engine))
            .env_clear()
            .env("HOME", spec.parent().unwrap_or(Path::new("/")))
            .env("RECONCILE_HCP_ADDRESS", &self.address)
            .env("RECONCILE_HCP_TOKEN", &self.token)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let errors = BufReader::new(child.stderr.take().expect("its notes"));
        let (sender, notes) = channel();
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Run { child, began: Instant::now(), notes, memory: 0 }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// One run of the program.
struct Run {
    child: Child,
    began: Instant,
    notes: Receiver<String>,
    memory: u64,
}

struct Ended {
    code: Option<i32>,
    took: Duration,
    memory: u64,
    /// The longest time between two lines, once there was one.
    silence: Duration,
    lines: usize,
    last: String,
}

impl Run {
    /// Follows it to its end.
    fn end(mut self) -> Ended {
        let (mut silence, mut lines, mut last) = (Duration::ZERO, 0, String::new());
        let mut heard: Option<Instant> = None;
        loop {
            self.weigh();
            match self.notes.recv_timeout(Duration::from_millis(100)) {
                Ok(line) => {
                    silence = silence.max(heard.map_or(Duration::ZERO, |heard| heard.elapsed()));
                    heard = Some(Instant::now());
                    lines += 1;
                    last = line;
                }
                Err(_) => {
                    if let Some(status) = self.child.try_wait().expect("its status") {
                        let took = self.began.elapsed();
                        return Ended { code: status.code(), took, memory: self.memory, silence, lines, last };
                    }
                }
            }
        }
    }

    /// The most that it held so far, as the kernel says.
    fn weigh(&mut self) {
        let path = PathBuf::from(format!("/proc/{}/status", self.child.id()));
        let Ok(status) = std::fs::read_to_string(path) else { return };
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        self.memory = self.memory.max(kilobytes.unwrap_or_default() << 10);
    }

    /// What a terminal does at Ctrl-C.
    fn interrupt(&self) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-INT", &id]).status().expect("kill");
        assert!(status.success(), "the signal could not be sent");
    }
}

fn stopped_in_the_middle(spec: &Path) {
    let server = Server::start(spec);
    let run = server.program(&["apply", "--yes"], spec);
    // Until it is in the middle of its writes.
    for _ in 0..50 {
        run.notes.recv_timeout(Duration::from_mins(1)).expect("progress");
    }
    run.interrupt();
    let asked = Instant::now();
    let ended = run.end();
    let farewell = asked.elapsed();
    println!("stopped: Ctrl-C to the end {:.2} s, exit {:?}", farewell.as_secs_f64(), ended.code);
    assert_eq!(ended.code, Some(130), "{}", ended.last);
    assert!(farewell <= LONGEST_FAREWELL, "Ctrl-C is not live: {farewell:?}");
}

fn first_apply(spec: &Path, workspaces: usize) {
    let mut server = Server::start(spec);
    let ended = server.program(&["apply", "--yes"], spec).end();
    assert_eq!(ended.code, Some(0), "{}", ended.last);
    let Counted { writes, reads, limited } = server.counted();
    let bound = f64::from(writes) / LIMIT;
    let ratio = ended.took.as_secs_f64() / bound;
    println!(
        "first apply of {workspaces} workspaces: {:.1} s for {writes} writes (bound {bound:.1} s): {ratio:.3} times; \
         {reads} reads, {limited} answers 429; {} MB at most; {} lines, {:.1} s without one at most",
        ended.took.as_secs_f64(),
        ended.memory >> 20,
        ended.lines,
        ended.silence.as_secs_f64(),
    );
    let again = server.program(&["plan"], spec).end();
    println!("plan afterwards: exit {:?}, {:.1} s, {} MB", again.code, again.took.as_secs_f64(), again.memory >> 20);
    assert_eq!(again.code, Some(0), "the second run is not empty: {}", again.last);
    assert!(ended.memory <= MOST_MEMORY, "it took {} MB", ended.memory >> 20);
    assert!(ended.silence <= LONGEST_SILENCE, "nothing was said for {:?}", ended.silence);
    assert!(ratio <= MOST_RATIO, "{ratio:.3} times what its writes take");
}
