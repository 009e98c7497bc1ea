//! Connections, sizes and other hosts.

use std::time::Duration;

use reconcile::http::Policy;
use reconcile::sandbox::faults::{Fault, Faults, Rule};
use tokio::net::TcpListener;

use crate::stage::{failures, lines};
use crate::worlds::{first_day, inventory, neighbours, next_day, resume};

fn always(fault: Fault) -> Faults {
    Faults { seed: 1, rules: vec![Rule::new(fault)] }
}

/// Every connection dies after its first answer, and the pool does not know: no POST is lost, none is done twice.
#[tokio::test]
async fn connections_that_are_dead_when_they_are_used_again_lose_nothing_and_double_nothing() {
    for fault in [Fault::StaleConnection, Fault::CloseIdle, Fault::Http10] {
        let calm = neighbours().await;
        calm.converge(&first_day()).await;
        calm.converge(&next_day()).await;
        let end = inventory(&calm.sandbox.snapshot());
        let stage = neighbours().await;
        stage.sandbox.script(always(fault.clone())).unwrap();
        for want in [first_day(), next_day()] {
            let report = stage.apply(&want).await;
            assert!(failures(&report).is_empty(), "{fault:?}: {:#?}", failures(&report));
            let plan = stage.plan(&want).await;
            assert!(lines(&plan).is_empty() && plan.gaps.is_empty(), "{fault:?}: {:#?} {:?}", lines(&plan), plan.gaps);
        }
        assert_eq!(inventory(&stage.sandbox.snapshot()), end, "{fault:?}");
    }
}

/// An answer of 100 MB is refused long before its end, whatever the list.
#[tokio::test]
async fn a_hundred_megabytes_are_not_read_to_their_end() {
    let stage = neighbours().await;
    let stage =
        resume(stage.sandbox.snapshot(), Policy { body_limit: Policy::live().body_limit, ..Policy::test() }).await;
    stage.sandbox.script(always(Fault::Padding(100 << 20))).unwrap();
    let gap = stage.observe(&first_day()).await.unwrap_err();
    assert!(gap.cause.contains("the answer is larger than 64 MiB (200), request "), "{gap:?}");
    assert_eq!(stage.sandbox.take_requests().len(), 1, "and is not asked for again");
}

#[tokio::test]
async fn a_redirect_takes_no_token_to_another_host() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/api/v2/organizations/example", elsewhere.local_addr().unwrap());
    let stage = neighbours().await;
    for code in [301, 302, 303, 307, 308] {
        let headers = [("Location".to_owned(), address.clone())].into();
        let fault = Fault::Status { code, body: reconcile::sandbox::faults::BodyKind::Empty, headers };
        stage.sandbox.script(always(fault)).unwrap();
        let gap = stage.observe(&first_day()).await.unwrap_err();
        assert!(gap.cause.contains("sends us on to 127.0.0.1, which is not followed"), "{gap:?}");
        assert!(gap.cause.contains(&format!("({code}), request ")), "{gap:?}");
    }
    let came = tokio::time::timeout(Duration::from_millis(100), elsewhere.accept()).await;
    assert!(came.is_err(), "somebody came");
}

#[tokio::test]
async fn an_answer_that_dribbles_for_longer_than_the_timeout_is_given_up() {
    let stage = neighbours().await;
    let policy = Policy { request_timeout: Duration::from_millis(200), attempts: 1, ..Policy::test() };
    let stage = resume(stage.sandbox.snapshot(), policy).await;
    stage.sandbox.script(always(Fault::Dribble(2_000))).unwrap();
    let began = std::time::Instant::now();
    let gap = stage.observe(&first_day()).await.unwrap_err();
    assert!(gap.cause.contains("no answer within 200ms (200), request "), "{gap:?}");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}
