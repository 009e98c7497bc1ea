//! Programs that give secrets: each has its time, and a process group of its own, so that nothing of it outlives us.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::process::Command;
use zeroize::Zeroizing;

use super::{Secret, SecretRef, Unreadable, text};

/// The groups that run, by the ids of their leaders.
static GROUPS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Runs a program for what it prints.
pub(super) async fn read(
    words: &[String],
    directory: &Path,
    source: &SecretRef,
    deadline: Duration,
) -> Result<Secret, Unreadable> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(Unreadable::Empty(source.clone()));
    };
    let failed = |cause| Unreadable::Command { program: program.clone(), cause };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // What a program says when it fails may hold the secret, so it goes nowhere.
        .stderr(Stdio::null())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let child = command.spawn().map_err(failed)?;
    let group = Group::of(child.id());
    let ended = tokio::time::timeout(deadline, child.wait_with_output()).await;
    let Ok(output) = ended else {
        return Err(Unreadable::TooSlow { program: program.clone(), deadline });
    };
    let output = output.map_err(failed)?;
    // It ended by itself; what it leaves running, such as an agent that keeps keys, was meant to.
    group.let_go();
    if !output.status.success() {
        drop(Zeroizing::new(output.stdout));
        return Err(Unreadable::Failed { program: program.clone(), status: output.status });
    }
    text(output.stdout, source)
}

/// Stops whatever still runs: for the end of this process, which ends no other by itself.
pub fn stop_all() {
    let groups = std::mem::take(&mut *GROUPS.lock().unwrap_or_else(PoisonError::into_inner));
    for leader in groups {
        stop(leader);
    }
}

/// A program and all that it starts, which is stopped when nobody waits for it any more.
pub(crate) struct Group(Option<u32>);

impl Group {
    /// Of a program that was started as the leader of a group.
    pub(crate) fn of(leader: Option<u32>) -> Self {
        GROUPS.lock().unwrap_or_else(PoisonError::into_inner).extend(leader);
        Self(leader)
    }

    /// It ended by itself.
    pub(crate) fn let_go(mut self) {
        if let Some(leader) = self.0.take() {
            GROUPS.lock().unwrap_or_else(PoisonError::into_inner).remove(&leader);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(leader) = self.0.take() else { return };
        if GROUPS.lock().unwrap_or_else(PoisonError::into_inner).remove(&leader) {
            stop(leader);
        }
    }
}

#[cfg(unix)]
fn stop(leader: u32) {
    let leader = i32::try_from(leader).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(leader) = leader {
        // It may have ended this moment.
        let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
    }
}

/// Elsewhere the program itself is stopped when its handle goes.
#[cfg(not(unix))]
fn stop(_: u32) {}
