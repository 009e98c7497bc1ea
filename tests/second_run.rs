//! After an apply there is nothing left to do: for the example, and for 500 made-up fleets.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod fleets;
mod lab;

use std::time::Duration;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use lab::Lab;
use reconcile::http::Policy;

#[tokio::test(flavor = "multi_thread")]
async fn the_example_converges_and_stays() {
    let want = lab::example();
    // An operator comes to its turn by itself, and may be waited for.
    let policy = Policy { patience: Duration::from_mins(1), ..Policy::test() };
    let lab = Box::pin(Lab::new(&want)).await.with_policy(&policy, &want).await;
    lab.converge(&want).await;
    let writes = lab.writes();
    lab.plan(&want).await;
    assert_eq!(lab.writes(), writes, "a plan wrote something");
}

#[test]
fn five_hundred_made_up_fleets_converge_and_stay() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let config = Config { cases: 500, failure_persistence: None, ..Config::default() };
    // The same fleets every time, so that a failure can be seen again.
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let applied = std::cell::Cell::new(0);
    let result = runner.run(&fleets::spec(), |spec| {
        let text = serde_json::to_string_pretty(&spec).expect("JSON");
        let want = lab::fleet("made-up.json", &text);
        runtime.block_on(async {
            let lab = Lab::new(&want).await;
            lab.converge(&want).await;
        });
        applied.set(applied.get() + 1);
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(applied.get(), 500, "fleets were rejected instead of applied");
}
