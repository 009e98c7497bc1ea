//! How long a plan of nothing takes against a server that allows 30 requests a second: `cargo bench --bench no_op`.
//!
//! One project of 1,000 workspaces of 10 variables. Ten pages of workspaces, and a handful of lists beside them: the time
//! is that of the requests, not of the limit, unless the server does not serve `include=vars`.

#![allow(clippy::expect_used, clippy::panic)] // A benchmark that cannot be set up has nothing to report.

#[path = "../tests/lab/mod.rs"]
mod lab;

use divan::Bencher;
use reconcile::http::Policy;
use reconcile::sandbox::IncludeVars;

use lab::Lab;

fn main() {
    divan::main();
}

#[divan::bench(args = ["served", "refused"], sample_count = 3, sample_size = 1)]
fn thousand_workspaces(bencher: Bencher, include_vars: &str) {
    let want = lab::fleet("fleet.yaml", &lab::many::spec(1_000));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let lab = runtime.block_on(async {
        let lab = Lab::new(&want).await;
        lab.converge(&want).await;
        lab.sandbox.with_world(|world| {
            world.switches.rate_limit.enforced = true;
            world.switches.workspace_include_vars =
                if include_vars == "served" { IncludeVars::Served } else { IncludeVars::Refused };
        });
        lab.with_policy(&Policy::live(), &want).await
    });
    bencher.bench_local(|| {
        let plan = runtime.block_on(lab.plan(&want));
        assert!(plan.is_empty() && plan.gaps.is_empty(), "{:?} {:?}", plan.waits, plan.gaps);
    });
}
