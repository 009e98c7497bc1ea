//! What is ours on a host beside its agents, and what is somebody else's.

use super::super::super::desired::{Files, Purpose, Source};
use super::super::super::observed::{Upload, Volume};
use super::*;

/// A fleet whose agents have a certificate, which is uploaded.
fn with_files() -> (Desired, observed::Observed) {
    let mut want = fleet("free", IMAGE);
    let service = want.docker.targets.get_mut("nas").unwrap().services.get_mut("nas").unwrap();
    service.agent.files.insert(Files { purpose: Purpose::Ca, source: Source::Upload("/ca".into()) });
    let upload = Upload { hash: "0123456789abcdef".to_owned(), bytes: 9, ..Upload::default() };
    let uploads = [("/ca".into(), Read::Seen(upload))].into();
    (want, observed::Observed { uploads, ..observed::Observed::default() })
}

#[test]
fn no_container_gets_the_volume_of_a_stranger() {
    let (want, mut docker) = with_files();
    let name = "hcp-agents_ca-0123456789ab".to_owned();
    let theirs = Volume { name, labels: BTreeMap::new(), complete: None };
    let there = host(Vec::new(), vec![network("n", 90, true)]);
    docker.hosts.insert("nas".to_owned(), Read::Seen(Host { volumes: Listing::Complete(vec![theirs]), ..there }));
    let seen = Observed { hcp: hcp(Vec::new(), Vec::new()), docker };
    let mut plan = crate::plan::plan(&want, &seen, &Consent::default());
    plan.keep_only(|address| *address == at(NAME));
    assert_eq!(lines(&plan), Vec::<String>::new());
    let [refusal] = &*plan.refusals else { panic!("{:#?}", plan.refusals) };
    assert!(refusal.cause.contains("its label reconcile.dev/content"), "{}", refusal.cause);
}

#[test]
fn a_service_of_more_agents_than_it_may_have_is_planned() {
    let mut want = fleet("free", IMAGE);
    let service = want.docker.targets.get_mut("nas").unwrap().services.get_mut("nas").unwrap();
    (service.min, service.max) = (2, 1);
    let plan = plan(&want, hcp(Vec::new(), Vec::new()), host(Vec::new(), Vec::new()));
    assert!(lines(&plan).contains(&format!("create {}", at(NAME))), "{:?}", lines(&plan));
}
