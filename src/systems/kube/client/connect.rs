//! From a way to a client of the `kube` crate: which address, which certificates, and as whom.

use std::path::PathBuf;
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Request, Response, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use kube::client::{Body, ClientBuilder, ConfigExt as _};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError, LoadDataError};
use kube::{Client, Config};
use serde_json::json;
use tokio::sync::RwLock;
use tower::{BoxError, ServiceBuilder};

use super::exec::{Credential, Plugin};
use super::{Door, Way};
use crate::access::{is_loopback, shown};
use crate::http::Policy;
use crate::secret::Secret;
use crate::systems::kube::failure::{self, Failure, FailureKind};

/// A client of one cluster, which is made anew when its credential is, or when its connections are dead.
pub(super) struct Connection {
    address: String,
    proxy: Option<Intercept>,
    connect_timeout: Duration,
    plugin: Option<Plugin>,
    remedy: String,
    live: RwLock<Live>,
}

/// What is good for now.
struct Live {
    client: Client,
    /// What the client was made of.
    config: Config,
    /// A token that goes along with each request.
    bearer: Option<HeaderValue>,
    /// Until when the credential is good.
    until: Option<Timestamp>,
    /// How many credentials there were before this one.
    generation: u64,
}

/// What a way leads to.
struct Prepared {
    config: Config,
    bearer: Option<HeaderValue>,
    plugin: Option<Plugin>,
    proxy: Option<Intercept>,
    remedy: String,
}

/// Requests at about the time at which a credential ends might come too late.
const SPARE: jiff::SignedDuration = jiff::SignedDuration::from_secs(30);

impl Connection {
    /// Finds out all that a way says. Nobody is asked yet but a credential plugin.
    pub(super) async fn open(door: &Door, policy: &Policy) -> Result<Self, Failure> {
        // A second installation, as by another client of this process, changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let Prepared { mut config, mut bearer, plugin, proxy, remedy } = match &door.way {
            Way::Kubeconfig { paths, context } => of_kubeconfig(paths, context, policy).await?,
            Way::InCluster => in_cluster()?,
            Way::Loopback { address, token } => loopback(address, token)?,
        };
        let address = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let mut until = None;
        if let Some(plugin) = &plugin {
            let Credential { token, identity, expires } = plugin.ask(&address).await?;
            (bearer, until) = (token, expires);
            config.auth_info = with_identity(&config.auth_info, identity);
        }
        let connect_timeout = policy.connect_timeout;
        let client = build(&config, proxy.as_ref(), connect_timeout).map_err(|error| unusable(&address, &error))?;
        let live = RwLock::new(Live { client, config, bearer, until, generation: 0 });
        Ok(Self { address, proxy, connect_timeout, plugin, remedy, live })
    }

    /// `https://10.0.0.1:6443`
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// What to do where nobody is known by our credential.
    pub(super) fn remedy(&self) -> String {
        self.remedy.clone()
    }

    /// Adds the credential, if it is one that ends and so is not in the client; and says which one it is.
    pub(super) async fn authorize(&self, headers: &mut HeaderMap, doing: &str) -> Result<u64, Failure> {
        let (until, generation) = {
            let live = self.live.read().await;
            (live.until, live.generation)
        };
        if until.is_some_and(|until| Timestamp::now() + SPARE >= until) {
            let asked = self.ask_again(generation).await;
            asked.map_err(|failure| Failure { doing: doing.to_owned(), ..failure })?;
        }
        let live = self.live.read().await;
        if let Some(bearer) = &live.bearer {
            headers.insert(AUTHORIZATION, bearer.clone());
        }
        Ok(live.generation)
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        let client = self.live.read().await.client.clone();
        client.send(request).await
    }

    /// Connections may be dead, as after a nap of this machine: others are used from now on.
    pub(super) async fn distrust(&self) {
        let mut live = self.live.write().await;
        if let Ok(client) = build(&live.config, self.proxy.as_ref(), self.connect_timeout) {
            live.client = client;
        }
    }

    /// Gets another credential in place of this one, which is not good any more. Whether there is one.
    pub(super) async fn renew(&self, generation: u64) -> bool {
        self.plugin.is_some() && self.ask_again(generation).await.is_ok()
    }

    async fn ask_again(&self, generation: u64) -> Result<(), Failure> {
        let Some(plugin) = &self.plugin else { return Ok(()) };
        let mut live = self.live.write().await;
        if live.generation != generation {
            // Somebody else did while we waited for our turn.
            return Ok(());
        }
        let Credential { token, identity, expires } = plugin.ask(&self.address).await?;
        let mut config = live.config.clone();
        config.auth_info = with_identity(&config.auth_info, identity);
        let client = build(&config, self.proxy.as_ref(), self.connect_timeout);
        let client = client.map_err(|error| unusable(&self.address, &error))?;
        *live = Live { client, config, bearer: token, until: expires, generation: generation + 1 };
        Ok(())
    }
}

/// The client's own layers, with the connectors of this program: its default stack would write failures into the log, and
/// repeat requests as often as it likes.
fn build(config: &Config, proxy: Option<&Intercept>, connect_timeout: Duration) -> Result<Client, kube::Error> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(connect_timeout));
    let Some(proxy) = proxy else { return finish(config, tcp) };
    let uri = proxy.uri().clone();
    if uri.scheme_str().is_some_and(|scheme| scheme.starts_with("socks5")) {
        let socks = SocksV5::new(uri, tcp).local_dns(proxy.uri().scheme_str() == Some("socks5"));
        return match proxy.raw_auth() {
            Some((user, password)) => finish(config, socks.with_auth(user.to_owned(), password.to_owned())),
            None => finish(config, socks),
        };
    }
    let tunnel = Tunnel::new(uri, tcp);
    match proxy.basic_auth() {
        Some(auth) => finish(config, tunnel.with_auth(auth.clone())),
        None => finish(config, tunnel),
    }
}

fn finish<C>(config: &Config, connector: C) -> Result<Client, kube::Error>
where
    C: tower::Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: hyper_util::client::legacy::connect::Connection + hyper::rt::Read + hyper::rt::Write + Send + Unpin,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
{
    let connector = config.rustls_https_connector_with_connector(connector)?;
    let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(client);
    Ok(ClientBuilder::new(service, config.default_namespace.clone()).build())
}

fn loopback(address: &str, token: &Secret) -> Result<Prepared, Failure> {
    let failed = |text: &str| Failure::ours(address, "preparing to connect", text);
    let uri: Uri = address.parse().map_err(|_| failed("that is no address"))?;
    let url = reqwest::Url::parse(address).map_err(|_| failed("that is no address"))?;
    if !is_loopback(&url) {
        return Err(failed("only this machine may be asked here"));
    }
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        .map_err(|_| failed("the token holds signs that none has"))?;
    bearer.set_sensitive(true);
    Ok(Prepared {
        config: Config::new(uri),
        bearer: Some(bearer),
        plugin: None,
        // No proxy leads elsewhere.
        proxy: None,
        remedy: "run it again: the stand-in was begun anew meanwhile".to_owned(),
    })
}

fn in_cluster() -> Result<Prepared, Failure> {
    let config = Config::incluster().map_err(|error| {
        Failure::of(
            FailureKind::Unreachable,
            "",
            "using the service account of this pod",
            error.to_string(),
            "look at the pod: `automountServiceAccountToken` must not be false; or name a kubeconfig and its context",
        )
    })?;
    Ok(Prepared {
        proxy: Matcher::from_env().intercept(&config.cluster_url),
        config,
        bearer: None,
        plugin: None,
        remedy: "look at the service account of the pod that this runs in".to_owned(),
    })
}

async fn of_kubeconfig(paths: &[PathBuf], context: &str, policy: &Policy) -> Result<Prepared, Failure> {
    let doing = format!("using the context {context}");
    let refused = |text: String, hint: &str| {
        Failure::of(FailureKind::Invalid { causes: Vec::new() }, "", doing.clone(), text, hint)
    };
    let mut merged = Kubeconfig::default();
    for path in paths {
        let next = Kubeconfig::read_from(path).and_then(|next| merged.clone().merge(next));
        merged = next.map_err(|error| refused(words_of(&error), LOOK))?;
    }
    let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
    let named = merged.contexts.iter().find(|known| known.name == context).and_then(|known| known.context.as_ref());
    let cluster_name = named.map(|named| named.cluster.clone()).unwrap_or_default();
    let cluster = merged.clusters.iter().find(|known| known.name == cluster_name);
    let proxy_url = cluster.and_then(|known| known.cluster.as_ref()).and_then(|cluster| cluster.proxy_url.clone());
    let config = Config::from_custom_kubeconfig(merged, &options).await;
    let mut config = config.map_err(|error| refused(words_of(&error), LOOK))?;
    safe(&config).map_err(|(text, hint)| refused(text, hint))?;
    if let Some(provider) = &config.auth_info.auth_provider
        && provider.name != "oidc"
    {
        let text = format!("its user has the auth provider `{}`, which clients have dropped", provider.name);
        return Err(refused(text, "use the cloud's credential plugin, as `kubectl` since 1.26 wants it too"));
    }
    let proxy = match &proxy_url {
        Some(url) => Matcher::builder().all(url.as_str()).build().intercept(&config.cluster_url),
        None => Matcher::from_env().intercept(&config.cluster_url),
    };
    config.proxy_url = None;
    let exec = config.auth_info.exec.take();
    // Whoever has a token or a password in the kubeconfig needs no plugin.
    let AuthInfo { token, token_file, password, .. } = &config.auth_info;
    let exec = exec.filter(|_| token.is_none() && token_file.is_none() && password.is_none());
    let plugin = exec.map(|exec| Plugin::new(exec, context, policy)).transpose()?;
    let remedy = match &plugin {
        Some(plugin) => format!("log in again for the credential plugin `{}`, then run it again", plugin.program()),
        None => format!(
            "the token or certificate of the user of the context {context} is wrong or has expired: get a new kubeconfig, or give the user a new one"
        ),
    };
    Ok(Prepared { config, bearer: None, plugin, proxy, remedy })
}

/// Where a kubeconfig is at fault.
const LOOK: &str = "look at it with `kubectl config view`";

/// Whoever stands between us and a cluster must not become its administrator.
fn safe(config: &Config) -> Result<(), (String, &'static str)> {
    let address = config.cluster_url.to_string();
    let refused = |cause: &str| format!("its server is {}, and {cause}", shown(&address));
    let url = reqwest::Url::parse(&address).map_err(|_| (refused("that is no address"), LOOK))?;
    match url.scheme() {
        _ if is_loopback(&url) => Ok(()),
        "https" if config.accept_invalid_certs => Err((
            refused("`insecure-skip-tls-verify` lets anybody on the way answer in its place and take the credential"),
            "give the cluster's authority instead: `certificate-authority`, or `certificate-authority-data`",
        )),
        "https" => Ok(()),
        _ => Err((refused("without TLS the credential would be readable on the way"), "use https://")),
    }
}

/// The same user with the certificate that a plugin gave.
fn with_identity(user: &AuthInfo, identity: Option<(Secret, Secret)>) -> AuthInfo {
    let mut user = user.clone();
    if let Some((certificate, key)) = identity {
        let encoded = |pem: &Secret| data_encoding::BASE64.encode(pem.expose().as_bytes());
        let pair = json!({
            "client-certificate-data": encoded(&certificate),
            "client-key-data": encoded(&key),
        });
        // The client's type for a key can be made in this way alone.
        if let Ok(AuthInfo { client_certificate_data, client_key_data, .. }) = serde_json::from_value(pair) {
            user.client_certificate_data = client_certificate_data;
            user.client_key_data = client_key_data;
        }
    }
    user
}

fn unusable(address: &str, error: &kube::Error) -> Failure {
    let doing = "preparing to connect";
    if let kube::Error::InferKubeconfig(error) = error {
        let kind = FailureKind::Invalid { causes: Vec::new() };
        return Failure::of(kind, address, doing, words_of(error), LOOK);
    }
    let reason = failure::reason_of(error);
    Failure { unheard: false, again: failure::Again::Never, ..Failure::broken(address, doing, reason) }
}

/// What is wrong with a kubeconfig. A parser quotes what it reads, which may be a credential; so its words are not told.
fn words_of(error: &KubeconfigError) -> String {
    let data = |what: &str, error: &LoadDataError| match error {
        LoadDataError::ReadFile(cause, path) => format!("reading {what} {}: {cause}", path.display()),
        LoadDataError::DecodeBase64(_) => format!("{what} is no base64"),
        LoadDataError::NoBase64DataOrFile => format!("{what} is missing"),
    };
    match error {
        KubeconfigError::ReadConfig(cause, path) => format!("reading {}: {cause}", path.display()),
        KubeconfigError::Parse(_) => "the file is no kubeconfig".to_owned(),
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => {
            "the kubeconfig files are of several kinds".to_owned()
        }
        KubeconfigError::CurrentContextNotSet | KubeconfigError::LoadContext(_) => {
            "there is no such context".to_owned()
        }
        KubeconfigError::LoadClusterOfContext(name) => format!("its cluster `{name}` is not in the kubeconfig"),
        KubeconfigError::MissingClusterUrl => "its cluster has no `server`".to_owned(),
        KubeconfigError::ParseClusterUrl(_) => "the `server` of its cluster is no address".to_owned(),
        KubeconfigError::ParseProxyUrl(_) => "its proxy (`proxy-url`, HTTPS_PROXY) is no address".to_owned(),
        KubeconfigError::LoadCertificateAuthority(error) => data("the certificate authority", error),
        KubeconfigError::LoadClientCertificate(error) => data("the client certificate", error),
        KubeconfigError::LoadClientKey(error) => data("the client key", error),
        KubeconfigError::ParseCertificates(_) => "the certificate authority is no PEM".to_owned(),
        KubeconfigError::FindPath => "there is no kubeconfig".to_owned(),
    }
}
