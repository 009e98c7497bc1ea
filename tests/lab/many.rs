//! The spec of a fleet of many workspaces that are alike, for what is measured at size.

use std::fmt::Write as _;

/// One project, one pool, and this many workspaces of ten variables.
pub fn spec(workspaces: usize) -> String {
    let mut text = String::from(
        "fleet: many\n\
         hcp: { organization: example-house, tier: premium }\n\
         targets: { nas: { docker: {} } }\n\
         pools: { nas: { name: nas, target: nas, agents: { min: 0, max: 1 } } }\n\
         defaults: { runsOn: nas, directory: \"tf/{key}\", terraformVersion: \"~> 1.14.0\", agentImage: \"hashicorp/tfc-agent:1.29.0\" }\n\
         projects:\n  main:\n    workspaces:\n",
    );
    for n in 0..workspaces {
        let _ = write!(text, "      w{n}: {{ variables: {{ env: {{ ");
        for variable in 0..10 {
            let _ = write!(text, "KEY_{variable}: value, ");
        }
        text.push_str("} } }\n");
    }
    text
}
