//! Targets and agents.

use k8s_openapi::api::core::v1::Volume;
use schemars::{Schema, SchemaGenerator, json_schema};

use super::super::node::{Node, Value};
use super::super::read::{Located, Named, Read, Reader, Typed, record, words};
use super::{Delivery, Duration, KubernetesTarget};

record! {
    /// Where agents run: one of `kubernetes` and `docker`.
    pub struct Target {
        /// Which cluster or engine it is; another one behind the same address is refused.
        identity: Option<Identity>,
        /// A Kubernetes cluster, in which the operator for HCP Terraform runs the agents.
        kubernetes: Option<KubernetesTarget>,
        /// A host with a Docker Engine.
        docker: Option<DockerTarget>,
        /// It sleeps at times: one that cannot be reached is told, and is no failure of the run.
        may_be_away: Option<Located<bool>>,
        /// It is given up: all of ours there is removed, then the tokens of its agents. Then the entry can go.
        absent: Option<Located<bool>>,
    }
}

record! {
    /// Pins a cluster or an engine.
    pub struct Identity {
        /// The uid of the namespace `kube-system`.
        kube_system_uid: Option<Located<String>>,
        /// The id that `docker info` prints.
        engine_id: Option<Located<String>>,
    }
}

record! {
    /// A host with a Docker Engine.
    pub struct DockerTarget {
        /// The compose project of the agents; `hcp-agents` if it is not said.
        project: Option<Located<String>>,
        /// `apply`, or `verify`.
        delivery: Option<Located<Delivery>>,
    }
}

record! {
    /// How many agents a pool has.
    pub struct Agents {
        /// Those that always run; 0 starts them on demand.
        min: Option<Located<u32>>,
        /// The most that run at once; 1 if it is not said.
        max: Option<Located<u32>>,
        /// How long to wait before starting and stopping agents.
        cooldown: Option<Cooldown>,
        /// Their image, with its tag and, better, its digest; `agentImage` of the fleet's `defaults` if it is not said.
        image: Option<Located<String>>,
        /// The kinds of jobs that they take, as the agent names them; all that it takes by itself if it is not said.
        accept: Option<Vec<Located<String>>>,
        /// How much they log: `trace`, `debug`, `info`, `warn` or `error`. `trace` logs secrets.
        log_level: Option<Located<LogLevel>>,
        /// Where traces and metrics go: host and port of an OpenTelemetry collector.
        otlp: Option<Located<String>>,
        /// Requests of HCP's to private addresses are forwarded.
        request_forwarding: Option<Located<bool>>,
        /// Further variables of their environment.
        environment: Named<Located<String>>,
        /// The most memory of each, such as `2GiB`; an agent wants 2 GB.
        memory: Option<Located<Size>>,
        /// The most processors of each, such as `1.5`.
        cpus: Option<Located<Cpus>>,
        /// How the engine keeps their output; on a Docker host.
        log: Option<LogWish>,
    }
}

record! {
    /// How long to wait before starting and stopping agents.
    pub struct Cooldown {
        /// Before one more is started.
        up: Option<Located<Duration>>,
        /// Before an idle one is stopped.
        down: Option<Located<Duration>>,
    }
}

words! {
    /// How much an agent logs.
    pub enum LogLevel {
        /// Everything, secrets included.
        Trace "trace",
        /// Much.
        Debug "debug",
        /// What it does.
        Info "info",
        /// What may be wrong.
        Warn "warn",
        /// What is wrong.
        Error "error",
    }
}

record! {
    /// How an engine keeps the output of a container.
    pub struct LogWish {
        /// `json-file`, `local`, `journald`, …
        driver: Located<String>,
        /// As that driver knows them.
        options: Named<Located<String>>,
    }
}

record! {
    /// Files for agents: one of `upload` and `onHost` on a Docker host, `volume` in a cluster.
    pub struct FilesWish {
        /// A folder of the machine that runs this program, relative to the spec. It is uploaded, and uploaded anew when
        /// what is in it changes.
        upload: Option<Located<String>>,
        /// A path on the host, which is taken as it is.
        on_host: Option<Located<String>>,
        /// A volume of the cluster, as Kubernetes writes it, without a name.
        volume: Option<Typed<Volume>>,
    }
}

record! {
    /// What is trusted beside the usual authorities.
    pub struct Tls {
        /// Certificates of an authority of one's own.
        ca: Option<Ca>,
    }
}

record! {
    /// Certificates of an authority.
    pub struct Ca {
        /// A file in PEM, relative to the spec.
        file: Located<String>,
    }
}

/// An amount of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// In bytes.
    pub bytes: u64,
}

impl Size {
    fn parse(text: &str) -> Option<Self> {
        let (number, factor) = [("GiB", 1 << 30), ("MiB", 1 << 20), ("GB", 1_000_000_000), ("MB", 1_000_000)]
            .into_iter()
            .find_map(|(unit, factor): (&str, u64)| Some((text.strip_suffix(unit)?, factor)))?;
        let bytes = number.trim().parse::<u64>().ok()?.checked_mul(factor)?;
        (bytes > 0).then_some(Self { bytes })
    }
}

impl Read for Size {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        let text = reader.text(node, "an amount of memory such as 2GiB")?;
        let size = Self::parse(text);
        if size.is_none() {
            let cause = format!("`{text}` is not an amount of memory");
            reader.wrong_value(node.at, &cause, Some("write such as 2GiB, 512MiB or 2GB".to_owned()));
        }
        size
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+ ?(GiB|MiB|GB|MB)$" })
    }
}

/// A number of processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpus {
    /// In thousandths.
    pub milli: u32,
}

impl Read for Cpus {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        let text = match &node.value {
            Value::Number(number) => &**number,
            Value::Text(text) => &**text,
            _ => {
                reader.wrong_kind(node, "a number of processors such as 1.5");
                return None;
            }
        };
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let padded = format!("{part:0<3}");
        let milli = || {
            let thousandths = padded.get(..3).filter(|_| padded.len() == 3)?.parse::<u32>().ok()?;
            whole.parse::<u32>().ok()?.checked_mul(1000)?.checked_add(thousandths)
        };
        let milli = milli().filter(|milli| *milli > 0);
        if milli.is_none() {
            let cause = format!("`{text}` is not a number of processors");
            reader.wrong_value(node.at, &cause, Some("write such as 2 or 1.5".to_owned()));
        }
        milli.map(|milli| Self { milli })
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "exclusiveMinimum": 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_memory_have_units() {
        assert_eq!(Size::parse("2GiB").map(|size| size.bytes), Some(2 << 30));
        assert_eq!(Size::parse("512 MB").map(|size| size.bytes), Some(512_000_000));
        for text in ["", "2", "2g", "GiB", "0GiB", "99999999999999GiB", "-1GiB"] {
            assert_eq!(Size::parse(text), None, "{text}");
        }
    }
}
