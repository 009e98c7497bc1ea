//! Which samples are ours, which are not and why, and where a sample and the stand-in differ on purpose.

/// Pages of kinds that the stand-in serves.
pub const OURS: &[&str] = &[
    "agent-tokens",
    "agents",
    "notification-configurations",
    "oauth-clients",
    "oauth-tokens",
    "organization-memberships",
    "organization-tags",
    "organizations",
    "projects",
    "run-triggers",
    "subscriptions",
    "variable-sets",
    "workspace-variables",
    "workspaces",
];

const TEAMS: &str = "teams and their access come later; the free plan has none";
const POLICIES: &str = "policies come later; the free plan has none";
const STATES: &str = "states are uploaded only when migrating, which comes later";
const RUNS: &str = "runs are read, and made by hand in the world";
const PAYLOADS: &str = "what receivers get when runs go on; the stand-in sends verifications only";
const LOOKED_UP: &str = "connections are only looked up: they are made in web pages";

/// Samples that are not judged, by the beginning of their name.
pub const OTHERS: &[(&str, &str)] = &[
    ("_template--", "the documentation's own template"),
    ("configuration-versions--", RUNS),
    ("index--01", "the old `vars` endpoint with a workspace relationship, deprecated"),
    ("index--02", "the rate limit's answer, tested by name in behaviour/transport.rs"),
    ("notification-configurations--01", PAYLOADS),
    ("notification-configurations--02", PAYLOADS),
    ("notification-configurations--03", PAYLOADS),
    ("notification-configurations--04", PAYLOADS),
    ("notification-configurations--05", PAYLOADS),
    ("notification-configurations--12", TEAMS),
    ("notification-configurations--13", TEAMS),
    ("notification-configurations--14", TEAMS),
    ("notification-configurations--15", TEAMS),
    ("oauth-clients--03", LOOKED_UP),
    ("oauth-clients--04", LOOKED_UP),
    ("oauth-clients--05", LOOKED_UP),
    ("oauth-clients--06", LOOKED_UP),
    ("oauth-clients--07", LOOKED_UP),
    ("oauth-clients--08", LOOKED_UP),
    ("oauth-tokens--03", LOOKED_UP),
    ("oauth-tokens--04", LOOKED_UP),
    ("organization-tags--03", "tags are added from the workspace's side"),
    ("organization-tokens--", "API tokens are not managed"),
    ("organizations--03", "organizations are not made"),
    ("organizations--04", "organizations are not made"),
    ("organizations--08", "the private registry is not managed"),
    ("policies--", POLICIES),
    ("policy-set-params--", POLICIES),
    ("policy-sets--", POLICIES),
    ("project-team-access--", TEAMS),
    ("run--", RUNS),
    ("state-version-outputs--", STATES),
    ("state-versions--", STATES),
    ("team-access--", TEAMS),
    ("team-members--", TEAMS),
    ("team-tokens--", TEAMS),
    ("teams--", TEAMS),
    ("variables--", "the old `vars` endpoint, deprecated and absent from the published description"),
    ("workspaces--11", "SSH keys are not managed"),
    ("workspaces--12", "SSH keys are not managed"),
];

/// Where a sample and the stand-in differ, by the beginning of the finding.
pub const DEVIATIONS: &[(&str, &str)] = &[
    (
        "notification-configurations attributes/delivery-responses[]/headers/",
        "whatever headers the receiver of the sample happened to send",
    ),
    ("oauth-clients relationships/agent-pool/", "connections through an agent are not seeded"),
    ("oauth-clients relationships/projects/data[]", "connections for some projects only are not seeded"),
    (
        "subscriptions relationships/billing-account",
        "the published description has `hcp-billing-account` in its place; neither is served",
    ),
    (
        "varsets relationships/vars/data[]/attributes",
        "one sample repeats the request's variables; those of showing and listing hold identifiers only",
    ),
    (
        "workspaces attributes/terraform_version",
        "a slip of the pages: their own table of attributes has `terraform-version`",
    ),
    ("workspaces attributes/updated-at", "read-only, and ignored when it is sent"),
];
