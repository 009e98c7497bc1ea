//! The operators of the sandbox's clusters at work: each has its turn whenever somebody else has changed something.

use std::{io, sync::Arc};

use tokio::task::JoinHandle;

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

async fn run(shared: Arc<Shared>, operators: Vec<(String, Operator)>) {
    loop {
        shared.stirred.notified().await;
        if shared.world().switches.operators_rest {
            continue;
        }
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
    }
}
