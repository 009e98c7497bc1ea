//! One walk through everything that the stand-in serves, as raw requests.

use serde_json::{Value, json};

use crate::probe::{Probe, ids, related, resource};
use reconcile::sandbox::{Seed, Tier, world::AgentStatus};

/// The same walk for everybody who judges it.
pub async fn walk() -> Probe {
    let probe = Probe::with(&Seed { tier: Tier::Standard, ..Seed::default() }).await;
    organization(&probe).await;
    let project = projects(&probe).await;
    let pool = pools(&probe).await;
    let (one, two) = workspaces(&probe, &project, &pool).await;
    tags(&probe, &one, &project).await;
    variables(&probe, &one).await;
    variable_sets(&probe, &one, &project).await;
    notifications(&probe, &one, &project).await;
    members(&probe).await;
    sharing(&probe, &one, &two).await;
    runs(&probe, &one).await;
    lists(&probe).await;
    refusals(&probe, &one).await;
    removals(&probe, &one, &two, &project, &pool).await;
    probe
}

fn one(kind: &str, id: &str) -> Value {
    json!({ "data": { "type": kind, "id": id } })
}

async fn organization(probe: &Probe) {
    for path in [
        "ping",
        "account/details",
        "organizations",
        "organizations?q=example&q[name]=example&q[email]=owner",
        "organizations/example",
        "organizations/example?include=subscription,entitlement_set,default-project",
        "organizations/example/entitlement-set",
        "organizations/example/capacity",
        "organizations/example/subscription",
        "organizations/example/oauth-clients",
        "organizations/example/oauth-tokens",
    ] {
        let reply = probe.get(path).await;
        assert!(reply.status < 300, "{path}: {}", reply.text);
    }
    let subscription = probe.get("organizations/example/subscription").await.id();
    probe.get(&format!("subscriptions/{subscription}")).await.expect(200);
    let alert = resource("subscriptions", json!({ "rum-alert-threshold": 400 }));
    probe.patch("organizations/example/subscription", alert).await.expect(200);
    let client = probe.get("organizations/example/oauth-clients").await.ids().remove(0);
    probe.get(&format!("oauth-clients/{client}")).await.expect(200);
    let tokens = probe.get(&format!("oauth-clients/{client}/oauth-tokens")).await.expect(200);
    probe.get(&format!("oauth-tokens/{}", tokens.ids()[0])).await.expect(200);
    let change = json!({
        "email": "owner@example.com",
        "collaborator-auth-policy": "password",
        "session-timeout": 20160,
        "session-remember": 20160,
        "cost-estimation-enabled": true,
        "assessments-enforced": false,
        "allow-force-delete-workspaces": false,
        "aggregated-commit-status-enabled": false,
        "send-passing-statuses-for-untriggered-speculative-plans": true,
        "speculative-plan-management-enabled": true,
        "default-execution-mode": "remote",
    });
    let change = related("organizations", change, json!({ "default-agent-pool": { "data": null } }));
    probe.patch("organizations/example", change).await.expect(200);
    let put = probe.request(reqwest::Method::PUT, "organizations/example");
    let body = resource("organizations", json!({ "email": "owner@example.com" })).to_string();
    let put = put.header("content-type", "application/vnd.api+json").body(body);
    probe.send(put).await.expect(200);
}

async fn projects(probe: &Probe) -> String {
    let made = json!({
        "name": "Main Cluster",
        "description": "what it is for",
        "auto-destroy-activity-duration": "14d",
        "default-execution-mode": "remote",
    });
    let tags = json!({ "tag-bindings": { "data": [
        { "type": "tag-bindings", "attributes": { "key": "team", "value": "infra" } },
    ] } });
    let id = probe.post("organizations/example/projects", related("projects", made, tags)).await.expect(201).id();
    let path = format!("projects/{id}");
    probe.get(&path).await.expect(200);
    let inherit = json!({
        "name": "Main Cluster 2",
        "description": null,
        "setting-overwrites": { "default-execution-mode": false, "default-agent-pool": false },
    });
    probe.patch(&path, resource("projects", inherit)).await.expect(200);
    id
}

async fn pools(probe: &Probe) -> String {
    let id = probe.pool("cluster").await;
    let path = format!("agent-pools/{id}");
    probe.get(&path).await.expect(200);
    let change = related(
        "agent-pools",
        json!({ "name": "cluster", "organization-scoped": true }),
        json!({
            "allowed-workspaces": { "data": [] },
            "allowed-projects": { "data": [] },
            "excluded-workspaces": { "data": [] },
        }),
    );
    probe.patch(&path, change).await.expect(200);
    let tokens = format!("{path}/authentication-tokens");
    let body = resource("authentication-tokens", json!({ "description": "nas" }));
    let token = probe.post(&tokens, body).await.expect(201).id();
    probe.get(&tokens).await.expect(200);
    let agent = probe.sandbox.with_world(|world| world.start_agent(&token, "agent-1")).unwrap();
    probe.get(&format!("{path}/agents?sort=created-at&filter[last-ping-since]=2026-01-01T00:00:00Z")).await.expect(200);
    probe.get(&format!("agents/{agent}")).await.expect(200);
    probe.delete(&format!("agents/{agent}"), Value::Null).await.expect(412);
    probe.sandbox.with_world(|world| world.agents.get_mut(&agent).unwrap().status = AgentStatus::Exited);
    probe.delete(&format!("agents/{agent}"), Value::Null).await.expect(204);
    probe.get(&format!("authentication-tokens/{token}")).await.expect(200);
    probe.delete(&format!("authentication-tokens/{token}"), Value::Null).await.expect(204);
    id
}

async fn workspaces(probe: &Probe, project: &str, pool: &str) -> (String, String) {
    let token = probe.get("organizations/example/oauth-tokens").await.ids().remove(0);
    let full = json!({
        "name": "one",
        "description": "what it is for",
        "auto-apply": true,
        "auto-apply-run-trigger": true,
        "allow-destroy-plan": false,
        "assessments-enabled": true,
        "auto-destroy-activity-duration": "14d",
        "inherits-project-auto-destroy": false,
        "execution-mode": "agent",
        "agent-pool-id": pool,
        "file-triggers-enabled": true,
        "trigger-prefixes": [],
        "trigger-patterns": ["/tf/one/**/*"],
        "queue-all-runs": true,
        "speculative-enabled": false,
        "structured-run-output-enabled": true,
        "terraform-version": "~> 1.14.0",
        "working-directory": "tf/one",
        "global-remote-state": false,
        "project-remote-state": false,
        "hyok-enabled": false,
        "source-name": "reconcile",
        "source-url": "https://example.com",
        "vcs-repo": { "identifier": "example/repo", "branch": "main", "oauth-token-id": token, "ingress-submodules": false, "tags-regex": null },
    });
    let relationships = json!({
        "project": one("projects", project),
        "tag-bindings": { "data": [{ "type": "tag-bindings", "attributes": { "key": "key", "value": "one" } }] },
    });
    let body = related("workspaces", full, relationships);
    let first = probe.post("organizations/example/workspaces", body).await.expect(201).id();
    let second = probe.workspace("two").await;
    let path = format!("workspaces/{first}");
    let inherit = json!({
        "setting-overwrites": { "execution-mode": false, "agent-pool": false },
        "auto-destroy-at": "2027-01-01T00:00:00Z",
        "auto-destroy-activity-duration": null,
    });
    probe.patch(&path, resource("workspaces", inherit)).await.expect(200);
    let own = json!({
        "execution-mode": "agent",
        "agent-pool-id": pool,
        "trigger-patterns": [],
        "trigger-prefixes": ["/tf/one"],
    });
    probe.patch("organizations/example/workspaces/one", resource("workspaces", own)).await.expect(200);
    probe.post(&format!("{path}/actions/lock"), json!({ "reason": "a reason" })).await.expect(200);
    probe.get(&path).await.expect(200);
    probe.post(&format!("{path}/actions/unlock"), Value::Null).await.expect(200);
    probe.post(&format!("{path}/actions/lock"), json!({})).await.expect(200);
    probe.post(&format!("{path}/actions/force-unlock"), Value::Null).await.expect(200);
    probe.get("organizations/example/workspaces/one").await.expect(200);
    probe
        .post(&format!("projects/{project}/relationships/workspaces"), ids("workspaces", &[&second]))
        .await
        .expect(204);
    let scope = related(
        "agent-pools",
        json!({ "organization-scoped": false }),
        json!({
            "allowed-workspaces": ids("workspaces", &[&first]),
            "allowed-projects": ids("projects", &[project]),
            "excluded-workspaces": ids("workspaces", &[&second]),
        }),
    );
    probe.patch(&format!("agent-pools/{pool}"), scope).await.expect(200);
    (first, second)
}

async fn tags(probe: &Probe, workspace: &str, project: &str) {
    let body = || json!({ "data": [{ "type": "tag-bindings", "attributes": { "key": "tier", "value": "web" } }] });
    for path in [format!("workspaces/{workspace}"), format!("projects/{project}")] {
        probe.patch(&format!("{path}/tag-bindings"), body()).await.expect(200);
        probe.get(&format!("{path}/tag-bindings")).await.expect(200);
        probe.post(&format!("{path}/relationships/tag-bindings"), body()).await.expect(204);
        probe.patch(&format!("{path}/relationships/tag-bindings"), body()).await.expect(204);
        probe.get(&format!("{path}/relationships/tag-bindings")).await.expect(200);
        probe.get(&format!("{path}/effective-tag-bindings")).await.expect(200);
    }
    let own = json!({ "data": [{ "type": "tag-bindings", "attributes": { "key": "own", "value": "" } }] });
    probe.patch(&format!("workspaces/{workspace}/relationships/tag-bindings"), own).await.expect(204);
    probe.get(&format!("workspaces/{workspace}/effective-tag-bindings")).await.expect(200);
    let flat = json!({ "data": [{ "type": "tags", "attributes": { "name": "flat" } }] });
    let path = format!("workspaces/{workspace}/relationships/tags");
    probe.post(&path, flat).await.expect(204);
    let id = probe.get(&path).await.expect(200).ids().remove(0);
    probe.get("organizations/example/tags").await.expect(200);
    probe.delete(&path, ids("tags", &[&id])).await.expect(204);
    probe.delete("organizations/example/tags", ids("tags", &[&id])).await.expect(204);
}

fn variable(key: &str, sensitive: bool) -> Value {
    json!({
        "key": key,
        "value": "value",
        "description": "what it is for",
        "category": "terraform",
        "hcl": false,
        "sensitive": sensitive,
    })
}

async fn variables(probe: &Probe, workspace: &str) {
    let path = format!("workspaces/{workspace}/vars");
    let id = probe.post(&path, resource("vars", variable("plain", false))).await.expect(201).id();
    probe.post(&path, resource("vars", variable("secret", true))).await.expect(201);
    probe.get(&path).await.expect(200);
    probe.get(&format!("{path}/{id}")).await.expect(200);
    let change = json!({ "data": { "type": "vars", "id": id, "attributes": variable("plain", false) } });
    probe.patch(&format!("{path}/{id}"), change).await.expect(200);
    let many = json!({ "data": [{ "type": "vars", "id": id, "attributes": { "value": "other", "category": "env" } }] });
    probe.patch(&format!("workspaces/{workspace}/relationships/vars"), many).await.expect(204);
    probe.get(&format!("workspaces/{workspace}/all-vars")).await.expect(200);
    probe.delete(&format!("{path}/{id}"), Value::Null).await.expect(204);
}

async fn variable_sets(probe: &Probe, workspace: &str, project: &str) {
    let body = related(
        "varsets",
        json!({ "name": "shared", "description": "what it is for", "global": false, "priority": false }),
        json!({
            "workspaces": ids("workspaces", &[workspace]),
            "projects": ids("projects", &[project]),
            "vars": { "data": [{ "type": "vars", "attributes": variable("secret", false) }] },
            "parent": one("organizations", "example"),
        }),
    );
    let id = probe.post("organizations/example/varsets", body).await.expect(201).id();
    let path = format!("varsets/{id}");
    probe.get(&path).await.expect(200);
    probe.patch(&path, resource("varsets", json!({ "description": "other" }))).await.expect(200);
    probe.post(&path, resource("varsets", json!({ "priority": true }))).await.expect(200);
    probe.patch(&path, resource("varsets", json!({ "priority": false }))).await.expect(200);
    let vars = format!("{path}/relationships/vars");
    let variable_id = probe.post(&vars, resource("vars", variable("other", true))).await.expect(201).id();
    probe.get(&vars).await.expect(200);
    probe.get(&format!("{vars}/{variable_id}")).await.expect(200);
    probe.patch(&format!("{vars}/{variable_id}"), resource("vars", json!({ "value": "new" }))).await.expect(200);
    probe.get(&format!("workspaces/{workspace}/all-vars")).await.expect(200);
    probe.delete(&format!("{vars}/{variable_id}"), Value::Null).await.expect(204);
    for (kind, owner) in [("workspaces", workspace), ("projects", project)] {
        let own = format!("{path}/relationships/{kind}");
        probe.delete(&own, ids(kind, &[owner])).await.expect(204);
        probe.post(&own, ids(kind, &[owner])).await.expect(204);
        probe.get(&format!("{kind}/{owner}/varsets")).await.expect(200);
    }
    probe.get(&format!("workspaces/{workspace}/applicable-varsets")).await.expect(200);
    probe.get("organizations/example/varsets?include=vars").await.expect(200);
    probe.delete(&path, Value::Null).await.expect(204);
}

async fn notifications(probe: &Probe, workspace: &str, project: &str) {
    let generic = json!({
        "name": "hook",
        "destination-type": "generic",
        "enabled": true,
        "url": "https://hooks.example/1",
        "token": "key",
        "triggers": ["run:completed", "run:errored"],
    });
    let user = probe.sandbox.with_world(|world| world.join("ada"));
    let mail = json!({ "name": "mail", "destination-type": "email", "enabled": true, "triggers": ["run:errored"] });
    let mail = related("notification-configurations", mail, json!({ "users": ids("users", &[&user]) }));
    for (kind, owner) in [("workspaces", workspace), ("projects", project)] {
        let path = format!("{kind}/{owner}/notification-configurations");
        let id = probe.post(&path, resource("notification-configurations", generic.clone())).await.expect(201).id();
        probe.post(&path, mail.clone()).await.expect(201);
        probe.get(&path).await.expect(200);
        let own = format!("notification-configurations/{id}");
        probe.get(&own).await.expect(200);
        probe.post(&format!("{own}/actions/verify"), Value::Null).await.expect(200);
        probe.patch(&own, resource("notification-configurations", json!({ "enabled": false }))).await.expect(200);
        probe.post(&format!("{own}/actions/enable"), Value::Null).await.expect(200);
        probe.delete(&own, Value::Null).await.expect(204);
    }
}

async fn members(probe: &Probe) {
    let path = "organizations/example/organization-memberships";
    let invited = related(
        "organization-memberships",
        json!({ "email": "bob@example.com" }),
        json!({ "teams": ids("teams", &["team-1"]) }),
    );
    let reply = probe.post(path, invited).await.expect(201);
    let user = reply.relationship("user")["id"].as_str().unwrap().to_owned();
    probe.get(&format!("{path}?include=user,teams&page[number]=1&page[size]=100")).await.expect(200);
    probe.get(&format!("{path}?q=bob&filter[status]=invited&filter[email]=bob@example.com")).await.expect(200);
    probe.get(&format!("{path}?filter[status]=asleep")).await.expect(400);
    probe.get("organization-memberships?include=user").await.expect(200);
    probe.get(&format!("users/{user}")).await.expect(200);
    let own = format!("organization-memberships/{}", reply.id());
    probe.get(&format!("{own}?include=user")).await.expect(200);
    probe.delete(&own, Value::Null).await.expect(204);
}

async fn sharing(probe: &Probe, one: &str, two: &str) {
    let path = format!("workspaces/{one}/relationships/remote-state-consumers");
    probe.patch(&path, ids("workspaces", &[two])).await.expect(204);
    probe.get(&path).await.expect(200);
    probe.delete(&path, ids("workspaces", &[two])).await.expect(204);
    probe.post(&path, ids("workspaces", &[two])).await.expect(204);
    let source =
        json!({ "data": { "type": "run-triggers", "relationships": { "sourceable": self::one("workspaces", two) } } });
    let triggers = format!("workspaces/{one}/run-triggers");
    let id = probe.post(&triggers, source).await.expect(201).id();
    probe.get(&format!("{triggers}?filter[run-trigger][type]=inbound")).await.expect(200);
    probe.get(&format!("run-triggers/{id}")).await.expect(200);
    probe.delete(&format!("run-triggers/{id}"), Value::Null).await.expect(204);
}

async fn runs(probe: &Probe, workspace: &str) {
    let run = probe.sandbox.with_world(|world| world.start_run(workspace, "planned")).unwrap();
    probe.get(&format!("runs/{run}")).await.expect(200);
    probe.get(&format!("workspaces/{workspace}/runs?filter[status]=planned")).await.expect(200);
    probe.get("organizations/example/runs").await.expect(200);
    let include = "include=current_run,vars,project,agent_pool,organization,effective_tag_bindings";
    probe.get(&format!("workspaces/{workspace}?{include}")).await.expect(200);
    probe.get(&format!("organizations/example/workspaces?{include}")).await.expect(200);
}

async fn lists(probe: &Probe) {
    for path in [
        "workspaces?sort=name&page[size]=1&page[number]=2",
        "workspaces?search[name]=o&search[wildcard-name]=o*&filter[project][id]=prj-1&filter[current-run][status]=planned",
        "workspaces?filter[tagged][0][key]=team&filter[tagged][0][value]=infra&filter[tag-union]=true",
        "workspaces?search[tags]=a&search[exclude-tags]=b",
        "workspaces?filter[tag-value-default-null]=true",
        "oauth-tokens?filter[provider]=github",
        "projects?filter[names]=Default Project&sort=name",
        "projects?q=default&include=effective_tag_bindings",
        "agent-pools?q=cluster&sort=name&filter[allowed_workspaces][name]=one",
        "agent-pools?filter[allowed-workspaces][name]=one&filter[allowed_projects][name]=Main&include=workspaces",
        "varsets?q=shared&filter[global]=true&scope=owned",
        "oauth-clients?page[size]=100&include=oauth_tokens",
    ] {
        probe.get(&format!("organizations/example/{path}")).await.expect(200);
    }
}

async fn refusals(probe: &Probe, workspace: &str) {
    probe.get("organizations/nobody").await.expect(404);
    probe.get("workspaces/ws-none").await.expect(404);
    probe.get("organizations/example/workspaces?include=nonsense").await.expect(400);
    let twin = resource("workspaces", json!({ "name": "one" }));
    probe.post("organizations/example/workspaces", twin).await.expect(422);
    probe.sandbox.with_world(|world| world.workspaces.get_mut(workspace).unwrap().resources = 1);
    probe.post(&format!("workspaces/{workspace}/actions/safe-delete"), Value::Null).await.expect(409);
    probe.sandbox.with_world(|world| world.workspaces.get_mut(workspace).unwrap().resources = 0);
}

async fn removals(probe: &Probe, one: &str, two: &str, project: &str, pool: &str) {
    let three = probe.workspace("three").await;
    probe.workspace("four").await;
    probe.post(&format!("workspaces/{one}/actions/safe-delete"), Value::Null).await.expect(204);
    probe.delete(&format!("workspaces/{two}"), Value::Null).await.expect(204);
    probe.delete("organizations/example/workspaces/three", Value::Null).await.expect(204);
    probe.get(&format!("workspaces/{three}")).await.expect(404);
    probe.post("organizations/example/workspaces/four/actions/safe-delete", Value::Null).await.expect(204);
    probe.delete(&format!("projects/{project}"), Value::Null).await.expect(204);
    probe.delete(&format!("agent-pools/{pool}"), Value::Null).await.expect(204);
}
