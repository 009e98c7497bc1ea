//! A world that lives in a directory: one server at a time, and nothing lost that was answered.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, watch};

use super::{
    SandboxError,
    world::{ApiToken, Seed, World, hex},
};

const LOCK: &str = "server.lock";
const WORLD: &str = "world.json";
const TOKEN: &str = "token";

/// What the lock file says to who comes second.
#[derive(Debug, Serialize, Deserialize)]
struct Card {
    address: String,
    #[serde(default)]
    engines: BTreeMap<String, String>,
    #[serde(default)]
    clusters: BTreeMap<String, String>,
}

/// Who serves a directory.
#[derive(Debug)]
pub enum Claim {
    /// We do, as long as this lives.
    Ours(Claimed),
    /// Somebody else does, there, and its engines and its clusters are there.
    Theirs(String, BTreeMap<String, String>, BTreeMap<String, String>),
}

/// The exclusive right to serve a directory.
#[derive(Debug)]
pub struct Claimed {
    directory: PathBuf,
    lock: File,
}

fn error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SandboxError {
    let path = path.to_owned();
    move |cause| SandboxError::Files { doing, path, cause }
}

/// Claims a directory, or finds who has it.
pub async fn claim(directory: &Path) -> Result<Claim, SandboxError> {
    make_private(directory).map_err(error("making the directory", directory))?;
    let path = directory.join(LOCK);
    // Between the claim and the first line of its card a server needs milliseconds; a hundred tries are two seconds.
    for _ in 0..100 {
        let mut lock = private().open(&path).map_err(error("opening", &path))?;
        match lock.try_lock() {
            Ok(()) => {
                let directory = directory.to_owned();
                return Ok(Claim::Ours(Claimed { directory, lock }));
            }
            Err(fs::TryLockError::WouldBlock) => {}
            Err(fs::TryLockError::Error(source)) => return Err(error("locking", &path)(source)),
        }
        let mut text = String::new();
        lock.read_to_string(&mut text).map_err(error("reading", &path))?;
        if let Ok(card) = serde_json::from_str::<Card>(&text) {
            return Ok(Claim::Theirs(card.address, card.engines, card.clusters));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(SandboxError::Silent { path })
}

/// The API token of a directory that somebody serves.
pub fn token(directory: &Path) -> Result<String, SandboxError> {
    let path = directory.join(TOKEN);
    fs::read_to_string(&path).map(|text| text.trim().to_owned()).map_err(error("reading", &path))
}

impl Claimed {
    /// Tells others where the server is.
    pub fn announce(
        &mut self,
        address: &str,
        engines: &BTreeMap<String, String>,
        clusters: &BTreeMap<String, String>,
    ) -> Result<(), SandboxError> {
        let path = self.directory.join(LOCK);
        let card = Card { address: address.to_owned(), engines: engines.clone(), clusters: clusters.clone() };
        let card = serde_json::to_vec(&card).unwrap_or_default();
        let write = |lock: &mut File| {
            lock.set_len(0)?;
            lock.seek(SeekFrom::Start(0))?;
            lock.write_all(&card)
        };
        write(&mut self.lock).map_err(error("writing", &path))
    }

    /// The world of the directory, made from the seed the first time, and its API token.
    pub fn load(&self, seed: &Seed) -> Result<(World, String), SandboxError> {
        let token = match token(&self.directory) {
            Ok(token) if !token.is_empty() => token,
            Ok(_) | Err(_) => self.make_token()?,
        };
        let path = self.directory.join(WORLD);
        let mut world: World = match fs::read(&path) {
            Ok(text) => {
                serde_json::from_slice(&text).map_err(|cause| SandboxError::World { path: path.clone(), cause })?
            }
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => World::new(seed, &token),
            Err(source) => return Err(error("reading", &path)(source)),
        };
        world.provide(seed);
        if !world.tokens.iter().any(|known| known.secret.is(&token)) {
            world.tokens.insert(0, ApiToken::new("sandbox", seed.token_kind, &token));
        }
        save(&self.directory, &world).map_err(error("writing", &path))?;
        Ok((world, token))
    }

    fn make_token(&self) -> Result<String, SandboxError> {
        let token = format!("sandbox.atlasv1.{}", hex(&Sha256::digest(entropy()))[..40].to_owned());
        let path = self.directory.join(TOKEN);
        let mut file = private().truncate(true).open(&path).map_err(error("opening", &path))?;
        file.write_all(token.as_bytes()).map_err(error("writing", &path))?;
        Ok(token)
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

/// What nobody guesses: the standard library's randomly keyed hasher, twice.
fn entropy() -> Vec<u8> {
    use std::hash::{BuildHasher, RandomState};
    (0..4).flat_map(|round: u64| RandomState::new().hash_one(round).to_le_bytes()).collect()
}

#[cfg(unix)]
fn make_private(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    if directory.is_dir() {
        return fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

#[cfg(not(unix))]
fn make_private(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn save(directory: &Path, world: &World) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(world)?;
    let draft = directory.join("world.json.new");
    let mut file = private().truncate(true).open(&draft)?;
    file.write_all(&text)?;
    fs::rename(draft, directory.join(WORLD))
}

/// Writes the world after every change, many changes at once where they come fast.
#[derive(Debug)]
pub struct Saver {
    changes: AtomicU64,
    wake: Notify,
    saved: watch::Sender<u64>,
}

impl Saver {
    /// Nothing to save yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { changes: AtomicU64::new(0), wake: Notify::new(), saved: watch::Sender::new(0) })
    }

    /// Counts a change; called while the world is locked.
    pub fn changed(&self) -> u64 {
        self.changes.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Waits until a change is on disk.
    pub async fn on_disk(&self, change: u64) {
        self.wake.notify_one();
        // The sender lives as long as this.
        let _ = self.saved.subscribe().wait_for(|saved| *saved >= change).await;
    }

    /// Saves for ever.
    pub async fn run(self: Arc<Self>, directory: PathBuf, world: Arc<std::sync::Mutex<World>>) {
        loop {
            self.wake.notified().await;
            let (saver, directory, world) = (Arc::clone(&self), directory.clone(), Arc::clone(&world));
            let written = tokio::task::spawn_blocking(move || {
                let world = world.lock().unwrap_or_else(PoisonError::into_inner);
                let change = saver.changes.load(Ordering::SeqCst);
                let snapshot = world.clone();
                drop(world);
                (change, save(&directory, &snapshot))
            });
            let Ok((change, outcome)) = written.await else {
                return;
            };
            if let Err(error) = outcome {
                tracing::error!(%error, "the sandbox's world could not be saved");
            }
            self.saved.send_replace(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_directory_is_served_once_and_remembers() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let Claim::Ours(mut claimed) = claim(&path).await.unwrap() else {
            panic!("a new directory is ours");
        };
        let (mut world, token) = claimed.load(&Seed::default()).unwrap();
        claimed.announce("http://127.0.0.1:9", &BTreeMap::new(), &BTreeMap::new()).unwrap();
        let Claim::Theirs(address, ..) = claim(&path).await.unwrap() else {
            panic!("it was claimed");
        };
        assert_eq!(address, "http://127.0.0.1:9");
        world.organization.email = "changed@example.com".into();
        save(&path, &world).unwrap();
        drop(claimed);
        let Claim::Ours(claimed) = claim(&path).await.unwrap() else {
            panic!("it was given up");
        };
        let (again, same) = claimed.load(&Seed::default()).unwrap();
        assert_eq!(again.organization.email, "changed@example.com");
        assert_eq!(same, token);
        assert!(!fs::read_to_string(path.join(WORLD)).unwrap().contains(&token));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let Claim::Ours(claimed) = claim(&path).await.unwrap() else {
            panic!("a new directory is ours");
        };
        claimed.load(&Seed::default()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(path.join(TOKEN)).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
