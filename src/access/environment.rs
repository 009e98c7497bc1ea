//! What is around this process, as an input.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

type ReadFile = dyn Fn(&Path) -> io::Result<Vec<u8>> + Send + Sync;
type IsThere = dyn Fn(&Path) -> bool + Send + Sync;

/// Variables, folders and files. Tests bring their own.
pub struct Environment {
    variables: BTreeMap<String, String>,
    home: Option<PathBuf>,
    config: Option<PathBuf>,
    read: Box<ReadFile>,
    is_there: Box<IsThere>,
}

impl Environment {
    /// The real one.
    #[must_use]
    pub fn real() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            variables,
            home: etcetera::home_dir().ok(),
            config: etcetera::choose_base_strategy().ok().map(|base| base.config_dir()),
            read: Box::new(|path| std::fs::read(path)),
            is_there: Box::new(Path::exists),
        }
    }

    /// One that is made up.
    #[must_use]
    pub fn made_up<const V: usize, const F: usize>(
        variables: [(&str, &str); V],
        home: &str,
        files: [(&str, &str); F],
    ) -> Self {
        let files: BTreeMap<PathBuf, Vec<u8>> =
            files.into_iter().map(|(path, text)| (path.into(), text.as_bytes().to_vec())).collect();
        let paths: BTreeSet<PathBuf> = files.keys().cloned().collect();
        Self {
            variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            home: Some(home.into()),
            config: Some(Path::new(home).join(".config")),
            read: Box::new(move |path| {
                files.get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
            }),
            is_there: Box::new(move |path| paths.contains(path)),
        }
    }

    /// A variable that is set to something.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The names of all variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// The user's folder.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The folder of the user's configuration.
    #[must_use]
    pub fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// A text file.
    pub fn read(&self, path: &Path) -> io::Result<String> {
        String::from_utf8(self.read_bytes(path)?).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
    }

    /// A file.
    pub fn read_bytes(&self, path: &Path) -> io::Result<Vec<u8>> {
        (self.read)(path)
    }

    /// A text file that need not be there.
    pub fn read_if_there(&self, path: &Path) -> io::Result<Option<String>> {
        match self.read(path) {
            Ok(text) => Ok(Some(text)),
            Err(cause) if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    /// Something is there, be it a file or a socket.
    #[must_use]
    pub fn is_there(&self, path: &Path) -> bool {
        (self.is_there)(path)
    }

    /// A path as a user writes it: `~/` is the user's folder, and a relative one begins in this folder.
    #[must_use]
    pub fn path(&self, text: &Path, from: &Path) -> PathBuf {
        match (text.strip_prefix("~"), &self.home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => from.join(text),
        }
    }
}

impl fmt::Debug for Environment {
    /// Values may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.len())
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}
