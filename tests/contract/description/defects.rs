//! Where the published description and the service are known to differ.
//!
//! Sources: "pages" are the API pages of September 2025 (terraform-docs-common, `cloud-docs/api-docs`), of which the
//! samples were taken; "go-tfe" is the vendor's own client, version 1.90, and its tests, which ran against the service; "the nightly
//! file" is the description on go-tfe's branch `automation/nightly-api-update/20260808`.

/// Paths whose operations are ours to serve; `/*` takes what is below along.
pub const OUR_PATHS: &[&str] = &[
    "/account/details",
    "/organizations",
    "/organizations/{organization_name}",
    "/organizations/{organization_name}/agent-pools/*",
    "/organizations/{organization_name}/oauth-clients/*",
    "/organizations/{organization_name}/oauth-tokens/*",
    "/organizations/{organization_name}/organization-memberships",
    "/organizations/{organization_name}/projects/*",
    "/organizations/{organization_name}/runs",
    "/organizations/{organization_name}/subscription",
    "/organizations/{organization_name}/varsets/*",
    "/organizations/{organization_name}/workspaces/*",
    "/agent-pools/*",
    "/agents/*",
    "/authentication-tokens/*",
    "/notification-configurations/*",
    "/oauth-clients/*",
    "/oauth-tokens/*",
    "/organization-memberships",
    "/organization-memberships/*",
    "/projects/*",
    "/run-triggers/*",
    "/runs/{run_id}",
    "/subscriptions/*",
    "/users/{user_id}",
    "/varsets/*",
    "/workspaces/*",
];

const LOOKED_UP: &str = "connections are only looked up: they are made in web pages";
const ONE_ORGANIZATION: &str = "the one organization is seeded, and no token of the kinds here makes or removes one";
const STACKS: &str = "Stacks are not managed";
const STATE: &str = "states and configurations belong to runs, which are made by hand here";
const OTHER_KIND: &str = "a kind that is not managed";

/// Operations that are not served, with the reason.
pub const LEFT_OUT: &[(&str, &str)] = &[
    ("DELETE /oauth-clients/{oauth_client_id}", LOOKED_UP),
    ("DELETE /oauth-clients/{oauth_client_id}/relationships/projects", LOOKED_UP),
    ("DELETE /oauth-tokens/{oauth_token_id}", LOOKED_UP),
    ("DELETE /organizations/{organization_name}", ONE_ORGANIZATION),
    ("DELETE /varsets/{varset_id}/relationships/stacks", STACKS),
    ("DELETE /workspaces/{workspace_id}/relationships/data-retention-policy", OTHER_KIND),
    ("DELETE /workspaces/{workspace_id}/tasks/{id}", OTHER_KIND),
    ("GET /oauth-tokens/{oauth_token_id}/authorized-repos", LOOKED_UP),
    ("GET /oauth-tokens/{oauth_token_id}/vcs-organizations", LOOKED_UP),
    ("GET /projects/{project_id}/provider-sets", OTHER_KIND),
    ("GET /workspaces/{workspace_id}/change-requests", OTHER_KIND),
    ("GET /workspaces/{workspace_id}/configuration-versions", STATE),
    ("GET /workspaces/{workspace_id}/current-assessment-result", OTHER_KIND),
    ("GET /workspaces/{workspace_id}/current-state-version", STATE),
    ("GET /workspaces/{workspace_id}/current-state-version-outputs", STATE),
    ("GET /workspaces/{workspace_id}/provider-sets", OTHER_KIND),
    ("GET /workspaces/{workspace_id}/relationships/data-retention-policy", OTHER_KIND),
    ("GET /workspaces/{workspace_id}/resources", STATE),
    ("GET /workspaces/{workspace_id}/tasks", OTHER_KIND),
    ("GET /workspaces/{workspace_id}/tasks/{id}", OTHER_KIND),
    (
        "GET /workspaces/{workspace_id}/varsets/{varset_id}/relationships/vars",
        "the set's own path serves its variables",
    ),
    (
        "GET /workspaces/{workspace_id}/varsets/{varset_id}/relationships/vars/{id}",
        "the set's own path serves its variables",
    ),
    ("PATCH /oauth-clients/{oauth_client_id}", LOOKED_UP),
    ("PATCH /oauth-tokens/{oauth_token_id}", LOOKED_UP),
    ("PATCH /workspaces/{workspace_id}/relationships/data-retention-policy", OTHER_KIND),
    ("PATCH /workspaces/{workspace_id}/relationships/ssh-key", "SSH keys are not managed"),
    ("PATCH /workspaces/{workspace_id}/state-versions", STATE),
    ("PATCH /workspaces/{workspace_id}/tasks/{id}", OTHER_KIND),
    ("POST /oauth-clients", LOOKED_UP),
    ("POST /oauth-clients/{oauth_client_id}/relationships/projects", LOOKED_UP),
    ("POST /organizations", ONE_ORGANIZATION),
    ("POST /organizations/{organization_name}/oauth-clients", LOOKED_UP),
    ("POST /varsets/{varset_id}/relationships/stacks", STACKS),
    ("POST /workspaces/{workspace_id}/actions/assess", OTHER_KIND),
    ("POST /workspaces/{workspace_id}/configuration-versions", STATE),
    ("POST /workspaces/{workspace_id}/state-versions", STATE),
    ("POST /workspaces/{workspace_id}/tasks", OTHER_KIND),
];

const PAGINATION: &str = "pages, list samples of the kind: `meta.pagination`; the file forgot the level";
const INCLUDED: &str = "go-tfe, the kind's ListOptions.Include; the file has no include for the kind";
const TAG_PATH: &str =
    "pages, \"Add or update tag bindings\", and go-tfe; the file has another path below relationships";
const SELF_LINK: &str = "pages, the kind's samples: `links.self`";
const NESTED_VARIABLE: &str = "pages, variable-sets, \"Create a Variable Set\", request body";

/// Names and shapes that are not in the description, with who says that they exist.
pub const KNOWN: &[(&str, &str)] = &[
    ("DELETE /organizations/{}/tags", "pages, organization-tags, \"Delete tags\""),
    (
        "GET /organizations/{organization_name}/agent-pools ?filter[allowed_projects][name]",
        "pages, agents, \"List Agent Pools\", query parameters",
    ),
    (
        "GET /organizations/{organization_name}/agent-pools ?filter[allowed_workspaces][name]",
        "pages, agents, \"List Agent Pools\"; the file spells it with a hyphen",
    ),
    ("GET /organizations/{organization_name}/agent-pools ?include", INCLUDED),
    ("GET /organizations/{organization_name}/agent-pools included", INCLUDED),
    ("GET /organizations/{organization_name}/oauth-clients ?include", INCLUDED),
    ("GET /organizations/{organization_name}/oauth-clients included", INCLUDED),
    ("GET /organizations/{organization_name}/projects ?include", INCLUDED),
    ("GET /organizations/{organization_name}/projects ?q", "pages, projects, \"List projects\", query parameters"),
    ("GET /organizations/{organization_name}/projects included", INCLUDED),
    ("GET /organizations/{organization_name}/projects meta/pagination", PAGINATION),
    ("GET /organizations/{organization_name}/varsets ?include", INCLUDED),
    ("GET /organizations/{organization_name}/varsets included", INCLUDED),
    ("GET /organizations/{organization_name}/varsets meta/pagination", PAGINATION),
    (
        "GET /organizations/{organization_name}/workspaces ?filter[tagged][0][key]",
        "go-tfe, WorkspaceListOptions.TagBindings; the nightly file has it",
    ),
    (
        "GET /organizations/{organization_name}/workspaces ?filter[tagged][0][value]",
        "go-tfe, WorkspaceListOptions.TagBindings; the nightly file has it",
    ),
    (
        "GET /organizations/{organization_name}/workspaces ?search[exclude-tags]",
        "pages, workspaces, \"List workspaces\", query parameters",
    ),
    (
        "GET /organizations/{organization_name}/workspaces ?search[tags]",
        "pages, workspaces, \"List workspaces\", query parameters",
    ),
    ("GET /organizations/{}/capacity", "go-tfe, Organizations.ReadCapacity"),
    ("GET /organizations/{}/entitlement-set", "pages, organizations, \"Show the Entitlement Set\""),
    ("GET /organizations/{}/subscription", "pages, subscriptions, \"Show Subscription For Organization\""),
    ("GET /organizations/{}/tags", "pages, organization-tags, \"List Tags\""),
    ("GET /ping", "go-tfe, which pings once to read the rate limit"),
    ("GET /projects/{project_id}/varsets meta/pagination", PAGINATION),
    ("GET /projects/{}/tag-bindings", TAG_PATH),
    ("GET /subscriptions/{id} included", "pages, subscriptions, \"Show Subscription by ID\", sample"),
    (
        "GET /workspaces/{workspace_id}/relationships/remote-state-consumers links",
        "go-tfe, ListRemoteStateConsumers has ListOptions; the nightly file has pages here",
    ),
    (
        "GET /workspaces/{workspace_id}/relationships/remote-state-consumers meta",
        "go-tfe, ListRemoteStateConsumers has ListOptions; the nightly file has pages here",
    ),
    ("GET /workspaces/{workspace_id}/relationships/tags links", "go-tfe, WorkspaceTagListOptions has ListOptions"),
    ("GET /workspaces/{workspace_id}/relationships/tags meta", "go-tfe, WorkspaceTagListOptions has ListOptions"),
    ("GET /workspaces/{workspace_id}/varsets meta/pagination", PAGINATION),
    ("GET /workspaces/{}/tag-bindings", TAG_PATH),
    ("PATCH /projects/{}/tag-bindings", TAG_PATH),
    ("PATCH /workspaces/{}/tag-bindings", TAG_PATH),
    ("POST /organizations/{organization_name}/agent-pools -> 201", "pages, agents, \"Create an Agent Pool\": 201"),
    (
        "POST /organizations/{organization_name}/workspaces errors/source",
        "JSON:API error objects; recorded on Terraform Enterprise in 2020 (nehrman/terraform-enterprise)",
    ),
    (
        "GET /organizations/{organization_name}/agent-pools meta/status-counts",
        "pages, agents, sample of \"List Agent Pools\"",
    ),
    (
        "GET /organizations/{organization_name}/projects meta/status-counts",
        "pages, projects, sample of \"List projects\"",
    ),
    (
        "GET /organizations/{organization_name}/organization-memberships meta/status-counts",
        "pages, organization-memberships, sample of \"List Memberships for an Organization\"",
    ),
    (
        "POST /organizations/{organization_name}/organization-memberships included",
        "pages, organization-memberships, sample of \"Invite a User to an Organization\"",
    ),
    (
        "notification-configurations attributes/email_all_members",
        "pages, notification-configurations, \"Create a Notification Configuration\", request body",
    ),
    (
        "users attributes/permissions/can-create-organizations",
        "pages, organization-memberships, sample of \"Invite a User to an Organization\"",
    ),
    ("organizations attributes/permissions/can-start-trial", "pages, organizations, samples"),
    ("vars relationships/varset/links", "pages, variable-sets, sample of \"List Variables in a Variable Set\""),
    ("agents links", SELF_LINK),
    (
        "effective-tag-bindings links",
        "pages, workspaces, sample of effective-tag-bindings: `links.inherited-from`, as go-tfe reads it",
    ),
    ("notification-configurations links", SELF_LINK),
    ("oauth-clients relationships/oauth-tokens/links", "pages, oauth-clients, samples: `oauth-tokens.links.related`"),
    ("projects relationships/effective-tag-bindings", "pages, projects, samples"),
    ("projects relationships/tag-bindings/data", "pages, projects, \"Create a Project\", request body"),
    ("subscriptions links", SELF_LINK),
    ("tags attributes/created-at", "pages, workspaces, sample of \"List workspace tags\""),
    ("tags attributes/instance-count", "pages, workspaces, sample of \"List workspace tags\""),
    ("tags relationships", "pages, workspaces, sample of \"List workspace tags\""),
    ("type organization-capacity", "go-tfe, Capacity"),
    ("type tags", "pages, organization-tags, \"List Tags\""),
    ("vars relationships/configurable/links", "pages, workspace-variables, samples"),
    ("varsets relationships/vars/data/attributes/description", NESTED_VARIABLE),
    ("varsets relationships/vars/data/attributes/hcl", NESTED_VARIABLE),
    ("varsets relationships/vars/data/attributes/sensitive", NESTED_VARIABLE),
    (
        "workspaces attributes/agent-pool-id",
        "pages, workspaces, \"Create a Workspace\": written as an attribute, read as a relationship",
    ),
    ("workspaces attributes/vcs-repo/repository-http-url", "go-tfe, VCSRepo.RepositoryHTTPURL"),
    ("workspaces attributes/vcs-repo/service-provider", "go-tfe, VCSRepo.ServiceProvider"),
    (
        "workspaces relationships/effective-tag-bindings",
        "go-tfe, Workspace.EffectiveTagBindings and its test \"when including effective tag bindings\"",
    ),
    ("workspaces relationships/tag-bindings", "pages, workspaces, \"Create a Workspace\", request body"),
];
