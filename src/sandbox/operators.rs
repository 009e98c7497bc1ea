//! The operators of the sandbox's clusters at work: each has its turn whenever somebody else has changed something.

use std::{io, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle};

use super::{
    SandboxError, kube,
    operator::{KubeAccess, NEWEST, Operator},
    server::Shared,
};

/// By which its requests are told from those of others: of its own changes it need not be told.
pub const LABEL: &str = "operator";

/// Puts an operator before each cluster, to work for as long as the server does. It does nothing before its deployment is
/// there.
pub async fn start(
    shared: &Arc<Shared>,
    token: &str,
    failed: impl Fn(io::Error) -> SandboxError,
) -> Result<Vec<JoinHandle<()>>, SandboxError> {
    let names: Vec<String> = shared.world().clusters.keys().cloned().collect();
    let (mut tasks, mut operators) = (Vec::new(), Vec::new());
    for name in names {
        let key = kube::serve::token_of(token, &name);
        let (address, task) = kube::serve::open(shared, &name, LABEL, &key).await.map_err(&failed)?;
        tasks.push(task);
        let access = KubeAccess { address: format!("http://{address}"), token: key, ca: None };
        let operator = Operator::new(access, &shared.origin, NEWEST)?;
        operators.push((name, operator));
    }
    if !operators.is_empty() {
        tasks.push(tokio::spawn(run(Arc::clone(shared), operators)));
        // What was left undone when the world was saved.
        shared.stirred.notify_one();
    }
    Ok(tasks)
}

/// Which turn of the operators is under way, and which was the last that came to its end.
#[derive(Debug, Default)]
pub struct Turns {
    begun: watch::Sender<u64>,
    ended: watch::Sender<u64>,
}

/// The longest that somebody waits for a turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for a turn that begins after now; where no operator is, there is none to wait for.
pub async fn turn(shared: &Shared) {
    let waits = {
        let world = shared.world();
        !world.clusters.is_empty() && !world.switches.operators_rest
    };
    let begun = *shared.turns.begun.borrow();
    shared.stirred.notify_one();
    if waits {
        let mut ended = shared.turns.ended.subscribe();
        // One that takes longer goes on by itself.
        let _ = tokio::time::timeout(PATIENCE, ended.wait_for(|turn| *turn > begun)).await;
    }
}

async fn run(shared: Arc<Shared>, operators: Vec<(String, Operator)>) {
    loop {
        shared.stirred.notified().await;
        if shared.world().switches.operators_rest {
            continue;
        }
        shared.turns.begun.send_modify(|turn| *turn += 1);
        for (name, operator) in &operators {
            let now = shared.world().now;
            let passed = operator.pass(now).await;
            tracing::debug!(cluster = name, ?passed, "the sandbox's operator passed");
            // What follows from it follows at once.
            drop(shared.world());
        }
        if let Some(saver) = &shared.saver {
            let change = saver.changed();
            saver.on_disk(change).await;
        }
        let begun = *shared.turns.begun.borrow();
        shared.turns.ended.send_modify(|turn| *turn = begun);
    }
}
