//! What docker's users already have, in the order in which docker's own command line looks at it (docker/cli,
//! `cli/command/cli.go`, `resolveContextName`): `DOCKER_HOST`, `DOCKER_CONTEXT`, the current context of its
//! configuration; then the socket of this machine.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{Environment, NoDoor, SOCKET, Tls, no_door};

/// A way that names no target.
pub(super) struct Found {
    pub(super) host: String,
    pub(super) from: String,
    pub(super) tls: Option<Tls>,
}

/// The way that docker's own command line would take.
pub(super) fn find(environment: &Environment) -> Result<Found, NoDoor> {
    if let Some(host) = environment.variable("DOCKER_HOST") {
        let wanted = ["DOCKER_TLS_VERIFY", "DOCKER_TLS", "DOCKER_CERT_PATH"];
        // Where it is on it is always verified: nobody wants an engine that could be anybody's.
        let tls = wanted.iter().any(|name| environment.variable(name).is_some());
        let folder = environment.variable("DOCKER_CERT_PATH").map(PathBuf::from).or_else(|| folder(environment));
        return Ok(Found {
            host: host.to_owned(),
            from: "DOCKER_HOST".to_owned(),
            tls: folder.filter(|_| tls).map(|folder| Tls::in_folder(&folder)),
        });
    }
    if let Some(name) = environment.variable("DOCKER_CONTEXT").filter(|name| *name != "default") {
        return found_context(environment, name, "DOCKER_CONTEXT");
    }
    if environment.variable("DOCKER_CONTEXT").is_none()
        && let Some((name, file)) = current(environment)?
    {
        return found_context(environment, &name, &file);
    }
    let rootless = environment.variable("XDG_RUNTIME_DIR").map(|folder| Path::new(folder).join("docker.sock"));
    let socket = match rootless {
        Some(rootless) if !environment.is_there(Path::new(SOCKET)) && environment.is_there(&rootless) => rootless,
        _ => PathBuf::from(SOCKET),
    };
    Ok(Found { host: format!("unix://{}", socket.display()), from: "the socket of this machine".to_owned(), tls: None })
}

fn found_context(environment: &Environment, name: &str, from: &str) -> Result<Found, NoDoor> {
    let (host, tls) = context(environment, name, from)?;
    Ok(Found { host, from: format!("context {name}, {from}"), tls })
}

/// Where docker's command line keeps its configuration.
fn folder(environment: &Environment) -> Option<PathBuf> {
    let said = environment.variable("DOCKER_CONFIG").map(PathBuf::from);
    said.or_else(|| environment.home().map(|home| home.join(".docker")))
}

/// The context that its configuration names, and the file that says so.
fn current(environment: &Environment) -> Result<Option<(String, String)>, NoDoor> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Config {
        current_context: Option<String>,
    }
    let Some(file) = folder(environment).map(|folder| folder.join("config.json")) else { return Ok(None) };
    let unreadable = |cause: String| no_door(format!("reading {}: {cause}", file.display()), "mend or remove it");
    let text = environment.read_if_there(&file).map_err(|cause| unreadable(cause.to_string()))?;
    let Some(text) = text else { return Ok(None) };
    // The parser's own words may quote the file, which holds credentials of registries.
    let config: Config =
        serde_json::from_str(&text).map_err(|_| unreadable("it is not what docker writes there".to_owned()))?;
    let name = config.current_context.filter(|name| !name.is_empty() && name != "default");
    Ok(name.map(|name| (name, file.display().to_string())))
}

/// The way that a context stands for.
pub(super) fn context(environment: &Environment, name: &str, from: &str) -> Result<(String, Option<Tls>), NoDoor> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Meta {
        endpoints: Endpoints,
    }
    #[derive(Deserialize)]
    struct Endpoints {
        docker: Endpoint,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Endpoint {
        host: String,
    }
    let hint = "look at `docker context ls`";
    let refused = |cause: String| no_door(format!("using docker's context `{name}` ({from}): {cause}"), hint);
    let Some(folder) = folder(environment).map(|folder| folder.join("contexts")) else {
        return Err(refused("there is no home folder".to_owned()));
    };
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(name.as_bytes()));
    let file = folder.join("meta").join(&hash).join("meta.json");
    let text = environment
        .read_if_there(&file)
        .map_err(|cause| refused(format!("reading {}: {cause}", file.display())))?
        .ok_or_else(|| refused(format!("there is none of that name in {}", folder.display())))?;
    let meta: Meta = serde_json::from_str(&text)
        .map_err(|_| refused(format!("{} is not what docker writes there, or has no engine", file.display())))?;
    let tls = folder.join("tls").join(&hash).join("docker");
    let tls = environment.is_there(&tls.join("ca.pem")).then(|| Tls::in_folder(&tls));
    Ok((meta.endpoints.docker.host, tls))
}
