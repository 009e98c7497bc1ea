//! How many agents there should be (`agentpool_controller_autoscaling.go`; the way for old Terraform Enterprise is left out).

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    events::{Type, seconds},
    failure::Failure,
    pass::Turn,
    resource::{Autoscaling, Scaled},
    version::Version,
};

/// The agents that runs need: one for each workspace, and one for each plan-only run where the version counts them.
pub fn required(runs: &[Value], version: Version) -> i64 {
    let mut workspaces = BTreeSet::new();
    let mut plans = 0;
    for run in runs {
        let attributes = &run["attributes"];
        if version.waits_for_people(attributes["status"].as_str().unwrap_or_default()) {
            continue;
        }
        if version.counts_plans() && attributes["plan-only"] == true {
            plans += 1;
        } else {
            workspaces.insert(run.pointer("/relationships/workspace/data/id").and_then(Value::as_str));
        }
    }
    i64::try_from(workspaces.len()).unwrap_or(i64::MAX).saturating_add(plans)
}

/// Within the bounds; the lower one wins where they cross.
pub fn desired(required: i64, bounds: &Autoscaling) -> i64 {
    if required <= bounds.min_replicas { bounds.min_replicas } else { required.min(bounds.max_replicas) }
}

/// Seconds until the number may change; nothing is left at zero. The pause for going down, where one is set, is the pause of both
/// directions: only a pause for going up takes the latter back.
pub fn cooldown_left(
    bounds: &Autoscaling,
    last: Option<&Scaled>,
    (current, desired): (i64, i64),
    now: Timestamp,
) -> i64 {
    let Some(last) = last.and_then(|last| last.last_scaling_event) else {
        return -1;
    };
    let mut pause = bounds.cooldown_period_seconds;
    if let Some(period) = &bounds.cooldown_period {
        pause = period.scale_down_seconds.unwrap_or(pause);
        if desired > current {
            pause = period.scale_up_seconds.unwrap_or(pause);
        }
    }
    pause.saturating_sub(now.duration_since(last).as_secs())
}

impl Turn<'_> {
    /// The last step of a turn.
    pub async fn reconcile_scaling(&mut self) -> Result<(), Failure> {
        let Some(bounds) = self.pool.spec.autoscaling.clone() else {
            return Ok(());
        };
        let found = self.hcp()?.runs(&self.pool.spec.organization, &self.pool.spec.name).await;
        let needed = match found {
            Ok(runs) => required(&runs, self.installed.version),
            Err(cause) => return Err(self.failed_to_scale("Failed to get agents needed", cause).await),
        };
        let current = match self.replicas().await {
            Ok(replicas) => replicas,
            Err(cause) => return Err(self.failed_to_scale("Failed to get current replicas", cause).await),
        };
        let wanted = desired(needed, &bounds);
        if wanted != current {
            if cooldown_left(&bounds, self.pool.status.autoscaling.as_ref(), (current, wanted), self.now) > 0 {
                return Ok(());
            }
            let (reason, _) = self.installed.version.scaling_words("");
            let text = format!("Scaling agent deployment from {current} to {wanted} replicas");
            self.tell(Type::Normal, reason, &text).await;
            if let Err(cause) = self.scale_to(wanted).await {
                return Err(self.failed_to_scale("Failed to scale agent deployment", cause).await);
            }
            let at = seconds(self.now);
            self.pool.status.autoscaling =
                Some(Scaled { desired_replicas: Some(wanted), last_scaling_event: Some(at) });
        }
        self.pool.status.autoscaling.get_or_insert(Scaled { desired_replicas: Some(wanted), last_scaling_event: None });
        Ok(())
    }

    async fn failed_to_scale(&mut self, step: &'static str, cause: Failure) -> Failure {
        let (reason, step) = self.installed.version.scaling_words(step);
        self.tell(Type::Warning, reason, &format!("{step}: {cause}")).await;
        cause
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::{super::resource::CooldownPeriod, *};

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    fn run(workspace: &str, status: &str, plan_only: bool) -> Value {
        json!({
            "attributes": { "status": status, "plan-only": plan_only },
            "relationships": { "workspace": { "data": { "id": workspace } } },
        })
    }

    #[test]
    fn runs_that_wait_for_people_need_no_agent() {
        let runs = [
            run("ws-1", "planning", false),
            run("ws-1", "pending", false),
            run("ws-2", "planned", false),
            run("ws-3", "policy_checked", false),
            run("ws-4", "plan_queued", true),
            run("ws-4", "planning", true),
        ];
        assert_eq!(required(&runs, version("2.12.0")), 3);
        assert_eq!(required(&runs, version("2.11.2")), 4);
        assert_eq!(required(&runs, version("2.10.0")), 3);
        assert_eq!(required(&runs, version("2.9.2")), 4);
        assert_eq!(required(&[], version("2.12.0")), 0);
    }

    fn bounds(min_replicas: i64, max_replicas: i64) -> Autoscaling {
        Autoscaling { min_replicas, max_replicas, cooldown_period_seconds: 300, cooldown_period: None }
    }

    #[test]
    fn the_number_stays_within_its_bounds() {
        assert_eq!(desired(0, &bounds(1, 5)), 1);
        assert_eq!(desired(3, &bounds(1, 5)), 3);
        assert_eq!(desired(9, &bounds(1, 5)), 5);
        assert_eq!(desired(3, &bounds(4, 2)), 4);
        assert_eq!(desired(5, &bounds(4, 2)), 2);
    }

    #[test]
    fn a_pause_for_going_down_holds_up_too_unless_there_is_one_for_that() {
        let now: Timestamp = "2026-01-05T08:00:00Z".parse().unwrap();
        let last = Scaled { desired_replicas: Some(0), last_scaling_event: Some(now - SignedDuration::from_secs(100)) };
        let left = |up, down, change| {
            let period = CooldownPeriod { scale_up_seconds: up, scale_down_seconds: down };
            let bounds = Autoscaling { cooldown_period: Some(period), ..bounds(0, 5) };
            cooldown_left(&bounds, Some(&last), change, now)
        };
        assert_eq!(cooldown_left(&bounds(0, 5), Some(&last), (0, 1), now), 200);
        assert_eq!(left(None, Some(600), (1, 0)), 500);
        assert_eq!(left(None, Some(600), (0, 1)), 500);
        assert_eq!(left(Some(15), Some(600), (0, 1)), -85);
        assert_eq!(left(Some(15), Some(600), (1, 0)), 500);
        assert_eq!(left(Some(15), None, (1, 0)), 200);
    }

    #[test]
    fn the_first_change_waits_for_nothing() {
        let now: Timestamp = "2026-01-05T08:00:00Z".parse().unwrap();
        assert_eq!(cooldown_left(&bounds(0, 5), None, (0, 1), now), -1);
        let never = Scaled { desired_replicas: Some(0), last_scaling_event: None };
        assert_eq!(cooldown_left(&bounds(0, 5), Some(&never), (0, 1), now), -1);
    }
}
