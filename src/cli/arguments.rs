//! The command line, as clap reads it.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::address::Pattern;

/// One declarative spec of an HCP Terraform fleet, and one program that makes the world match it.
#[derive(Debug, Parser)]
#[command(
    name = "reconcile",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "\
Signs in a plan:
  + create    ~ change, rename   -/+ replace     ^ adopt    v release   * mint   - remove, revoke
  . waits     ? could not be read    ! refused    = left alone

Exit codes:
  0 the world is as the spec says     2 not yet: changes or waits     3 something could not be read
  1 error, refused, declined, failed  64 wrong usage                  129, 130, 143 stopped

First steps:
  reconcile init
  reconcile apply --sandbox fleet.yaml    against a stand-in on this machine: no account needed"
)]
pub struct Arguments {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Globals {
    /// Use a stand-in for every system, which lives in DIR (by default a folder of your state directory); the `=` is required
    #[allow(clippy::option_option)] // Not given, given alone, given with a directory: clap's own shape for the three.
    #[arg(long, global = true, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    pub sandbox: Option<Option<PathBuf>>,

    /// Profile of the access file; else the one that `RECONCILE_AS` names
    #[arg(long = "as", global = true, value_name = "PROFILE")]
    pub profile: Option<String>,

    /// Address of HCP Terraform, if it is not app.terraform.io
    #[arg(long, global = true, value_name = "URL")]
    pub hcp_address: Option<String>,

    /// File that holds the token for HCP Terraform
    #[arg(long, global = true, value_name = "FILE")]
    pub hcp_token_file: Option<PathBuf>,

    /// Way to the Docker Engine of a target, such as nas=ssh://nas; repeatable
    #[arg(long = "docker-host", global = true, value_name = "TARGET=URL", value_parser = target_and_url)]
    pub docker_hosts: Vec<(String, String)>,

    /// Context of a kubeconfig that leads to the cluster of a target, such as cluster=home; repeatable
    #[arg(long = "kube-context", global = true, value_name = "TARGET=CONTEXT", value_parser = target_and_context)]
    pub kube_contexts: Vec<(String, String)>,

    /// Run commands that the spec names as sources of secrets even where CI is set
    #[arg(long, global = true)]
    pub allow_commands: bool,

    /// Colours: on a terminal without `NO_COLOR`, always, or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,

    /// More of what happens, on standard error; up to three times. `RUST_LOG` says it more exactly
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Format of what happens
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Write a first spec from what lies around: the git remote and `cloud {}` blocks in *.tf files
    Init(Init),
    /// Check the spec: every finding at once, without any network
    Check(Check),
    /// Read everything and say what would change and why; write nothing
    Plan(PlanArguments),
    /// Plan, ask, and do it
    Apply(ApplyArguments),
    /// Make credentials anew that are still good
    #[command(subcommand, subcommand_required = true, arg_required_else_help = true)]
    Rotate(RotateVerb),
    /// Print digests of images that the spec names by a tag alone, ready to paste, and write reconcile.lock
    Pin(Pin),
    /// Write what would run on Docker hosts as compose files, without any network
    Render(Render),
    /// Take our marks off things and leave them as they are: they are nobody's then
    Release(ReleaseArguments),
    /// Say where every field of a thing comes from
    Explain(Explain),
    /// Say what a change of the spec means, without any network
    Diff(Diff),
    /// Print the JSON Schema of the spec
    Schema,
    /// The stand-in for HCP Terraform
    #[command(subcommand, subcommand_required = true, arg_required_else_help = true)]
    Sandbox(SandboxVerb),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write those of all verbs into a folder
    Man {
        /// The folder
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// The files of the spec.
#[derive(Debug, Args)]
pub struct Spec {
    /// Files of the spec, merged in this order; else `RECONCILE_SPEC`, else fleet.yaml, fleet.json or fleet.toml here
    #[arg(value_name = "SPEC")]
    pub files: Vec<PathBuf>,
}

/// `init`
#[derive(Debug, Args)]
pub struct Init {
    /// Where to write it; a file that exists is never overwritten
    #[arg(value_name = "FILE", default_value = "fleet.yaml")]
    pub file: PathBuf,
    /// Organisation, where no `cloud {}` block names one
    #[arg(long, value_name = "NAME")]
    pub organization: Option<String>,
}

/// `check`
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    pub spec: Spec,
    /// Read the manifest FILE of an agent pool instead of the spec, and say the lines of a spec that mean the same
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    pub manifest: Option<PathBuf>,
    /// Warnings are errors
    #[arg(long)]
    pub strict: bool,
    /// Format of the findings
    #[arg(long, default_value = "text")]
    pub format: Format,
}

/// What `plan` and `apply` share.
#[derive(Debug, Args)]
pub struct Scope {
    #[command(flatten)]
    pub spec: Spec,
    /// Take over things that match and carry no mark yet, such as 'hcp/workspace/main-*'; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub adopt: Vec<Pattern>,
    /// Take agents that HCP calls unknown off its list where they hold a slot that is wanted, such as 'hcp/pool/*/agent/*';
    /// or revoke what was held by the earlier machine of a target, such as 'docker/nas'
    #[arg(long, value_name = "PATTERN")]
    pub forget: Vec<Pattern>,
    /// Only what matches, such as 'hcp/workspace/main-vault'; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub only: Vec<Pattern>,
    /// Format of the result
    #[arg(long, default_value = "text")]
    pub format: Format,
    /// Fold nothing: every field with its reason, and what each action comes after
    #[arg(long)]
    pub full: bool,
    /// Look into each container on Docker hosts too, one request for each: environment, limits, restart policy, log options
    #[arg(long)]
    pub deep: bool,
}

/// `plan`
#[derive(Debug, Args)]
pub struct PlanArguments {
    #[command(flatten)]
    pub scope: Scope,
    /// Save what was read, without secrets, as JSON: for a bug report
    #[arg(long, value_name = "FILE")]
    pub save_observed: Option<PathBuf>,
    /// Save the plan as JSON too, for `apply --only-if FILE`
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
}

/// `apply`
#[derive(Debug, Args)]
pub struct ApplyArguments {
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub assent: Assent,
}

/// What `apply`, `rotate` and `release` need to write.
#[derive(Debug, Args)]
pub struct Assent {
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Only if the plan still has this digest (12 characters or more), or is the one saved in this file
    #[arg(long, value_name = "DIGEST|FILE")]
    pub only_if: Option<String>,
    /// Agree to remove so many things; needed where there are more than five, or all workspaces of a project
    #[arg(long, value_name = "NUMBER")]
    pub removals: Option<usize>,
    /// Actions at once
    #[arg(long, value_name = "NUMBER", default_value = "8")]
    pub concurrency: NonZeroUsize,
}

/// `rotate`
#[derive(Debug, Subcommand)]
pub enum RotateVerb {
    /// Give agents on Docker hosts new tokens now, each in a new container; the old tokens are revoked
    AgentTokens(RotateAgentTokens),
}

/// `rotate agent-tokens`
#[derive(Debug, Args)]
pub struct RotateAgentTokens {
    #[command(flatten)]
    pub spec: Spec,
    /// Only these containers, such as 'docker/nas' or 'docker/nas/container/hcp-agents-nas-1'; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub only: Vec<Pattern>,
    /// Format of the result
    #[arg(long, default_value = "text")]
    pub format: Format,
    /// Fold nothing: every field with its reason, and what each action comes after
    #[arg(long)]
    pub full: bool,
    #[command(flatten)]
    pub assent: Assent,
}

/// `pin`
#[derive(Debug, Args)]
pub struct Pin {
    #[command(flatten)]
    pub spec: Spec,
    /// Format of the answer
    #[arg(long, default_value = "text")]
    pub format: Format,
}

/// `render`
#[derive(Debug, Args)]
pub struct Render {
    #[command(flatten)]
    pub spec: Spec,
    /// Write DIR/TARGET/compose.yaml for each target instead of printing them
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// `release`
#[derive(Debug, Args)]
#[command(override_usage = "reconcile release [OPTIONS] ADDRESS...\n       reconcile release [OPTIONS] --all")]
pub struct ReleaseArguments {
    /// Things to let go with all that lies in them, such as 'hcp/workspace/main-*'
    #[arg(value_name = "ADDRESS", required_unless_present = "all", conflicts_with = "all")]
    pub things: Vec<Pattern>,
    /// Everything that carries this fleet's mark, and what this tool keeps for itself: the way out
    #[arg(long)]
    pub all: bool,
    /// File of the spec; repeatable; else as everywhere
    #[arg(long, value_name = "SPEC")]
    pub spec: Vec<PathBuf>,
    /// Format of the result
    #[arg(long, default_value = "text")]
    pub format: Format,
    /// Fold nothing: every mark with its reason
    #[arg(long)]
    pub full: bool,
    #[command(flatten)]
    pub assent: Assent,
}

/// `explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// The things, as findings and plans name them or as a pattern: workspace/main-vault, pools/nas, 'hcp/project/*'
    #[arg(value_name = "ADDRESS|PATTERN")]
    pub address: Pattern,
    #[command(flatten)]
    pub spec: Spec,
    /// Format of the answer
    #[arg(long, default_value = "text")]
    pub format: Format,
}

/// `diff`
#[derive(Debug, Args)]
#[command(override_usage = "reconcile diff [OPTIONS] OLD NEW\n       reconcile diff [OPTIONS] REV..REV [SPEC]...")]
pub struct Diff {
    /// Two files, or two revisions of Git and the files of the spec
    #[arg(value_name = "OLD NEW | REV..REV [SPEC]", required = true, num_args = 1..)]
    pub sides: Vec<String>,
    /// Format of the differences
    #[arg(long, default_value = "text")]
    pub format: Format,
}

/// `sandbox`
#[derive(Debug, Subcommand)]
pub enum SandboxVerb {
    /// Serve the stand-in until Ctrl-C, for any client of HCP Terraform: curl, terraform, an SDK
    Serve(Serve),
    /// Queue a run of a workspace there, as a push would: what an agent on demand is started for
    Queue(Queue),
    /// Let time pass there: an agent works, an idle one cools down
    Advance(Advance),
}

/// `sandbox queue`
#[derive(Debug, Args)]
pub struct Queue {
    /// The workspace's name
    #[arg(value_name = "WORKSPACE")]
    pub workspace: String,
    #[command(flatten)]
    pub spec: Spec,
}

/// `sandbox advance`
#[derive(Debug, Args)]
pub struct Advance {
    /// How long, such as 90s, 15m or 1h
    #[arg(value_name = "TIME", value_parser = span)]
    pub time: u64,
    #[command(flatten)]
    pub spec: Spec,
}

fn span(text: &str) -> Result<u64, String> {
    crate::spec::model::Duration::parse(text)
        .map(|time| time.seconds)
        .ok_or_else(|| format!("`{text}` is not a length of time: write such as 90s, 15m or 1h"))
}

/// `sandbox serve`
#[derive(Debug, Args)]
pub struct Serve {
    /// Where it lives; by default the directory that `--sandbox` would use for the spec here
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Loopback address to listen on, such as 127.0.0.1:8899
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Script of misbehaviour, as JSON or YAML
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Spec that a new DIR is filled from; repeatable
    #[arg(long, value_name = "SPEC")]
    pub spec: Vec<PathBuf>,
}

/// A context may have any sign in its name, such as those of the clouds.
fn target_and_context(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((target, context)) if !target.is_empty() && !context.is_empty() => {
            Ok((target.to_owned(), context.to_owned()))
        }
        _ => Err("write TARGET=CONTEXT, such as cluster=home".to_owned()),
    }
}

fn target_and_url(text: &str) -> Result<(String, String), String> {
    let is_key = |target: &str| target.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    match text.split_once('=') {
        Some((target, url)) if !target.is_empty() && !url.is_empty() && is_key(target) => {
            Ok((target.to_owned(), url.to_owned()))
        }
        // Where it is refused later, it is not shown: whatever is refused here is, and there may be a password in it.
        _ if text.contains('@') => Ok((String::new(), String::new())),
        _ => Err("write TARGET=URL, such as nas=ssh://nas".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn a_way_without_its_target_is_not_shown_where_it_may_hold_a_password() {
        assert_eq!(target_and_url("nas=ssh://nas").unwrap(), ("nas".to_owned(), "ssh://nas".to_owned()));
        for text in ["tcp://me:pw@nas", "tcp://me:p=w@nas"] {
            assert_eq!(target_and_url(text).unwrap(), (String::new(), String::new()), "{text}");
        }
        assert!(target_and_url("ssh://nas").is_err());
    }

    #[test]
    fn a_context_may_have_any_name() {
        let read = target_and_context("cluster=arn:aws:eks:eu-west-1:1:cluster/x=y").unwrap();
        assert_eq!(read, ("cluster".to_owned(), "arn:aws:eks:eu-west-1:1:cluster/x=y".to_owned()));
        assert!(target_and_context("home").is_err());
        assert!(target_and_context("cluster=").is_err());
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_directory_of_the_sandbox_needs_its_equals_sign() {
        let read = |words: &[&str]| Arguments::try_parse_from(words).unwrap();
        let arguments = read(&["reconcile", "plan", "--sandbox", "fleet.yaml"]);
        assert_eq!(arguments.globals.sandbox, Some(None));
        let arguments = read(&["reconcile", "plan", "--sandbox=dir", "fleet.yaml"]);
        assert_eq!(arguments.globals.sandbox, Some(Some(PathBuf::from("dir"))));
        let arguments = read(&["reconcile", "--sandbox=dir", "plan"]);
        assert_eq!(arguments.globals.sandbox, Some(Some(PathBuf::from("dir"))));
    }
}
