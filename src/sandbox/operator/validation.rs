//! What the definition lets pass and the operator refuses (`api/v1alpha2/agentpool_validation.go`).

use std::collections::BTreeSet;

use super::resource::AgentPool;

/// All that is wrong, in the words of a Kubernetes refusal.
pub fn complaint(pool: &AgentPool) -> Option<String> {
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    for (index, token) in pool.spec.agent_tokens.iter().enumerate() {
        let path = format!("spec.agentTokens[{index}]");
        let mut forbid = |field: &str, is_there: bool| {
            if is_there {
                found.push(format!("{path}.{field}: Forbidden: {field} is not allowed in the spec"));
            }
        };
        forbid("id", !token.id.is_empty());
        forbid("createdAt", token.created_at.is_some());
        forbid("lastUsedAt", token.last_used_at.is_some());
        if !names.insert(token.name.as_str()) {
            found.push(format!("{path}.name: Duplicate value: {:?}", token.name));
        }
    }
    if let Some(deployment) = &pool.spec.agent_deployment {
        for (kind, map) in [("labels", &deployment.labels), ("annotations", &deployment.annotations)] {
            for (key, value) in map.iter().flatten() {
                for (part, text) in [("key", key), ("value", value)] {
                    if text.is_empty() {
                        found.push(format!(
                            "spec.agentDeployment.{kind}.{part}: Required value: {part} must not be empty"
                        ));
                    }
                }
            }
        }
    }
    // As an aggregate shows itself: each text once, brackets around several.
    let mut seen = BTreeSet::new();
    found.retain(|text| seen.insert(text.clone()));
    let all = match found.as_slice() {
        [] => return None,
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    Some(format!("AgentPool {:?} is invalid: {all}", pool.name()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn complaint_of(spec: &Value) -> Option<String> {
        complaint(&AgentPool::read(json!({ "metadata": { "name": "main" }, "spec": spec })).unwrap())
    }

    #[test]
    fn a_plain_resource_is_fine() {
        let deployment = json!({ "labels": { "a": "b" }, "annotations": {} });
        assert_eq!(complaint_of(&json!({ "agentTokens": [{ "name": "a" }], "agentDeployment": deployment })), None);
    }

    #[test]
    fn each_complaint_is_made() {
        let one = complaint_of(&json!({ "agentTokens": [{ "name": "a", "id": "at-1" }] }));
        assert_eq!(
            one.as_deref(),
            Some("AgentPool \"main\" is invalid: spec.agentTokens[0].id: Forbidden: id is not allowed in the spec")
        );
        let several = complaint_of(&json!({
            "agentTokens": [{ "name": "a", "createdAt": 1, "lastUsedAt": 2 }, { "name": "a" }],
            "agentDeployment": { "labels": { "x": "", "y": "" }, "annotations": { "": "z" } },
        }));
        assert_eq!(
            several.as_deref(),
            Some(
                "AgentPool \"main\" is invalid: [spec.agentTokens[0].createdAt: Forbidden: createdAt is not allowed in the spec, \
                 spec.agentTokens[0].lastUsedAt: Forbidden: lastUsedAt is not allowed in the spec, \
                 spec.agentTokens[1].name: Duplicate value: \"a\", \
                 spec.agentDeployment.labels.value: Required value: value must not be empty, \
                 spec.agentDeployment.annotations.key: Required value: key must not be empty]"
            )
        );
    }
}
