//! The whole life of a stack on a real engine: made, started for a run, drained, upgraded, rotated, removed.

use reconcile::plan::Plan;
use reconcile::sandbox::Tier;
use reconcile::systems::Consent;
use serde_json::Value;

use super::dockerd::{self, Daemon, Programs};
use super::events::Events;
use super::lab::{Lab, failures, lines};
use super::others::Others;
use super::site::{Site, TARGET, Wish};

const TWO_SECONDS: Wish<'_> = Wish { min: 0, image: "1", job_seconds: Some(1), absent: false };
const FOR_LONG: Wish<'_> = Wish { job_seconds: None, ..TWO_SECONDS };

#[test]
fn a_stack_lives_and_goes_on_a_real_engine() {
    dockerd::with_engine(two_lives);
}

async fn two_lives(daemon: Daemon, programs: Programs) {
    let events = Events::listen(&daemon.address()).await;
    // One agent at a time: who takes over comes after the other left. Two: before.
    for (name, tier, network) in [("alone", Tier::Free, "alone_web"), ("paired", Tier::Standard, "paired_default")] {
        let site = Site::new(&daemon, &programs, name, tier).await;
        let others = Others::move_in(&site, network).await;
        let before = others.picture(&site).await;
        let life = Life { site: &site, events: &events };
        life.is_made(network).await;
        life.works_for_a_run().await;
        life.is_drained_after_the_cooldown().await;
        life.is_upgraded_while_it_rests().await;
        life.is_left_alone_while_it_works().await;
        life.is_upgraded_while_it_is_idle().await;
        life.gets_another_token().await;
        life.goes().await;
        assert_eq!(events.harm(name), [""; 0], "{name}");
        assert_eq!(site.lost(), [""; 0], "{name}");
        assert_eq!(others.picture(&site).await, before, "{name}: what others have is changed");
        let ended = events.of(name).iter().filter(|event| event.action == "die").count();
        println!("{name}: {ended} agents were drained, each with one TERM, and left with 0");
    }
}

struct Life<'a> {
    site: &'a Site,
    events: &'a Events,
}

/// A container as it is told apart from its successor: its id, and the id of its token.
fn identity(container: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&container["Id"]), text(&container["Config"]["Labels"]["reconcile.dev/token-id"]))
}

impl Life<'_> {
    /// What another run of the program would have: the first answer of HCP's says to each what time it is.
    async fn lab(&self) -> Lab {
        self.site.lab(&self.site.want(&TWO_SECONDS)).await
    }

    async fn now(&self) -> Value {
        self.site.inspect(&self.site.container()).await
    }

    /// Applies a plan, all of which must succeed.
    async fn apply(&self, plan: &Plan) {
        assert!(plan.refusals.is_empty() && plan.gaps.is_empty(), "{:#?} {:#?}", plan.refusals, plan.gaps);
        let report = self.lab().await.apply(plan).await;
        assert!(report.is_complete(), "{:#?}", failures(&report));
    }

    fn terms(&self) -> usize {
        self.events.of(&self.site.name).iter().filter(|event| event.action == "kill").count()
    }

    /// One container under its name, one network of ours unless there was one, and no token that it does not hold.
    async fn is_whole(&self) {
        let (containers, _) = self.site.ours().await;
        assert_eq!(containers, [self.site.container()]);
        assert_eq!(self.site.tokens(), [identity(&self.now().await).1], "tokens that nobody holds");
    }

    async fn is_made(&self, network: &str) {
        let want = self.site.want(&TWO_SECONDS);
        let plan = self.lab().await.plan(&want).await;
        let neighbour = format!("docker/{TARGET}/container/{}-web-1", self.site.name);
        assert!(
            plan.untouched.iter().any(|thing| thing.address.to_string() == neighbour),
            "a stack of compose's under our project's name is reported: {:#?}",
            plan.untouched
        );
        self.lab().await.converge(&want).await;
        let container = self.now().await;
        assert_eq!(container["State"]["Status"], "created", "nobody wants it yet");
        assert_eq!(container["Config"]["Labels"]["com.docker.compose.project"], *self.site.name);
        let ours = format!("{}_default", self.site.name);
        assert!(container["NetworkSettings"]["Networks"][&ours].is_object(), "{:#}", container["NetworkSettings"]);
        let (_, networks) = self.site.ours().await;
        assert_eq!(networks, if network == ours { vec![] } else { vec![ours] });
        self.is_whole().await;
    }

    async fn works_for_a_run(&self) {
        let want = self.site.want(&TWO_SECONDS);
        let run = self.site.queue();
        let plan = self.lab().await.plan(&want).await;
        let start = format!("change docker/{TARGET}/container/{}/start", self.site.container());
        assert!(lines(&plan).iter().any(|line| line.starts_with(&start)) && plan.actions.len() == 1, "{plan:#?}");
        self.apply(&plan).await;
        // One job plans it, one applies it.
        self.site.until_run(&run, "applied").await;
        self.site.until("the agent is idle", async || !self.site.is_busy()).await;
        assert_eq!(self.now().await["State"]["Status"], "running");
    }

    async fn is_drained_after_the_cooldown(&self) {
        let want = self.site.want(&TWO_SECONDS);
        self.lab().await.expect_settled(&want).await;
        let (before, terms) = (identity(&self.now().await), self.terms());
        self.site.pass(25);
        let plan = self.lab().await.plan(&want).await;
        assert_eq!(plan.actions.len(), 1, "{:#?}", lines(&plan));
        self.apply(&plan).await;
        let after = self.now().await;
        assert_eq!((&after["State"]["Status"], &after["State"]["ExitCode"]), (&"exited".into(), &0.into()));
        assert_eq!(identity(&after), before, "it rests under its name, with its token");
        self.site.until("the TERM is told", async || self.terms() == terms + 1).await;
        self.lab().await.expect_settled(&want).await;
    }

    async fn is_upgraded_while_it_rests(&self) {
        let (before, terms) = (identity(&self.now().await), self.terms());
        self.lab().await.converge(&self.site.want(&Wish { image: "2", ..FOR_LONG })).await;
        let after = self.now().await;
        assert!(identity(&after).0 != before.0 && identity(&after).1 != before.1, "another one, with another token");
        assert_eq!(after["Config"]["Labels"]["of.tag"], "2");
        assert_eq!(after["State"]["Status"], "created");
        assert_eq!(self.terms(), terms, "what rests is asked nothing");
        self.is_whole().await;
    }

    async fn is_left_alone_while_it_works(&self) {
        let run = self.site.queue();
        self.apply(&self.lab().await.plan(&self.site.want(&Wish { image: "2", ..FOR_LONG })).await).await;
        self.site.until_run(&run, "planning").await;
        let (before, terms) = (self.now().await, self.terms());
        let upgrade = self.site.want(&FOR_LONG);
        let plan = self.lab().await.plan(&upgrade).await;
        assert!(plan.actions.is_empty(), "{:#?}", lines(&plan));
        assert!(plan.waits.iter().any(|wait| wait.what.contains("has a job")), "{:#?}", plan.waits);
        let after = self.now().await;
        assert_eq!((&after["Id"], &after["State"]), (&before["Id"], &before["State"]));
        self.site.end(&run);
        self.site.until("the agent is idle", async || !self.site.is_busy()).await;
        assert_eq!(self.terms(), terms);
    }

    /// To an image that is pinned: what is pulled has no tag.
    async fn is_upgraded_while_it_is_idle(&self) {
        let (before, terms) = (identity(&self.now().await), self.terms());
        let pinned = format!("1@{}", self.site.digest("1"));
        let want = self.site.want(&Wish { image: &pinned, min: 1, ..FOR_LONG });
        self.lab().await.converge(&want).await;
        let after = self.now().await;
        assert!(identity(&after).0 != before.0 && identity(&after).1 != before.1, "another one, with another token");
        assert_eq!(after["State"]["Status"], "running");
        assert!(after["Config"]["Image"].as_str().unwrap().ends_with(&self.site.digest("1")), "{}", after["Config"]);
        self.site.until("one TERM is told", async || self.terms() == terms + 1).await;
        self.is_whole().await;
    }

    async fn gets_another_token(&self) {
        let pinned = format!("1@{}", self.site.digest("1"));
        let want = self.site.want(&Wish { image: &pinned, min: 1, ..FOR_LONG });
        let (before, terms) = (identity(&self.now().await), self.terms());
        let consent = Consent { rotate: vec!["docker/**".parse().unwrap()], ..Consent::default() };
        self.apply(&self.lab().await.plan_with(&want, &consent).await).await;
        self.lab().await.expect_settled(&want).await;
        let after = self.now().await;
        assert!(identity(&after).0 != before.0 && identity(&after).1 != before.1, "another one, with another token");
        assert_eq!(after["State"]["Status"], "running");
        self.site.until("one TERM is told", async || self.terms() == terms + 1).await;
        self.is_whole().await;
    }

    async fn goes(&self) {
        let want = self.site.want(&Wish { absent: true, ..FOR_LONG });
        let terms = self.terms();
        self.lab().await.converge(&want).await;
        assert_eq!(self.site.ours().await, (vec![], vec![]), "something of ours is left");
        assert_eq!(self.site.tokens(), [""; 0], "tokens of an absent host");
        self.site.until("one TERM is told", async || self.terms() == terms + 1).await;
    }
}
