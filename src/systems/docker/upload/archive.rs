//! A file or folder of this machine, read once: as Nix hashes it, and at the same time as the archive that is sent.
//!
//! What the hash is made of and what goes into the archive are the same bytes, read by the same call, so that nothing can
//! change between the two.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};
use nix_nar::{Encoder, FileSystem, FileSystemMetadata, NativeFileSystem};
use sha2::{Digest as _, Sha256};
use tempfile::SpooledTempFile;

/// The most that is uploaded, in bytes.
const MOST_BYTES: u64 = 2 << 30;
/// The most files, folders and links that are uploaded.
const MOST_ENTRIES: usize = 100_000;
/// An archive up to this size stays in memory; a larger one waits in a temporary file.
const IN_MEMORY: usize = 16 << 20;
/// The name of a file that is uploaded alone. Its own is no part of its hash, so it must be no part of the volume either.
const ALONE: &str = "ca.pem";
/// When everything in an archive was changed last, as in a Nix store: in the first second.
const MODIFIED: u64 = 1;

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contents {
    /// The hash of its Nix archive.
    pub(super) hash: String,
    /// How much is in its files.
    pub(super) bytes: u64,
    /// All that is in it, parents first, in the order of their names; the first is itself.
    pub(super) entries: Vec<Entry>,
}

/// A file, a folder or a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it is, from what is uploaded; "" is that itself.
    pub(super) path: String,
    /// What it is.
    pub(super) kind: Kind,
}

/// What lies somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A folder.
    Folder,
    /// A file, and whether its owner may run it.
    File {
        /// Its owner may run it.
        executable: bool,
    },
    /// A link to there.
    Link(String),
}

/// An archive that can be sent.
#[derive(Debug)]
pub(in super::super) struct Packed {
    /// The hash of what is in it.
    pub(in super::super) hash: String,
    /// The archive, from its beginning.
    pub(in super::super) archive: SpooledTempFile,
    /// Its size.
    pub(in super::super) size: u64,
}

/// Reads what lies there.
pub(super) fn read(path: &Path) -> io::Result<Contents> {
    Ok(walk(path, io::sink())?.0)
}

/// Reads what lies there, and packs it: the same content makes the same archive, wherever and whenever.
pub(super) fn pack(path: &Path) -> io::Result<Packed> {
    let (contents, mut archive) = walk(path, SpooledTempFile::new(IN_MEMORY))?;
    let size = io::Seek::stream_position(&mut archive)?;
    io::Seek::rewind(&mut archive)?;
    Ok(Packed { hash: contents.hash, archive, size })
}

fn walk<W: Write>(path: &Path, into: W) -> io::Result<(Contents, W)> {
    // What is a link itself is followed: `result` of a Nix build is one.
    let root = Utf8PathBuf::try_from(path.canonicalize()?).map_err(io::Error::other)?;
    let tar = tar::Builder::new(into);
    let reading = Rc::new(RefCell::new(Reading { entries: Vec::new(), bytes: 0, tar, padding: 0 }));
    let watched = Watched { root: root.clone(), reading: Rc::clone(&reading) };
    let mut encoder = Encoder::builder(&root).filesystem(watched).build().map_err(io::Error::other)?;
    let mut digest = Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        let count = encoder.read(&mut block)?;
        if count == 0 {
            break;
        }
        digest.update(block.get(..count).unwrap_or_default());
    }
    drop(encoder);
    let reading = Rc::into_inner(reading).ok_or_else(|| io::Error::other("it is still being read"))?;
    let Reading { entries, bytes, mut tar, padding } = reading.into_inner();
    pad(&mut tar, padding)?;
    let contents = Contents { hash: nix_base32::to_nix_base32(&digest.finalize()), bytes, entries };
    Ok((contents, tar.into_inner()?))
}

/// What was read so far, and the archive of it.
struct Reading<W: Write> {
    entries: Vec<Entry>,
    bytes: u64,
    tar: tar::Builder<W>,
    /// Zeroes that are missing behind the last file.
    padding: usize,
}

impl<W: Write> Reading<W> {
    fn begin(&mut self, path: &str, found: &FileSystemMetadata) -> io::Result<()> {
        pad(&mut self.tar, std::mem::take(&mut self.padding))?;
        let mut header = tar::Header::new_gnu();
        header.set_mtime(MODIFIED);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        let name = if path.is_empty() { ALONE } else { path };
        let kind = match found {
            FileSystemMetadata::Directory => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(0o755);
                if !path.is_empty() {
                    self.tar.append_data(&mut header, name, io::empty())?;
                }
                Kind::Folder
            }
            FileSystemMetadata::File { executable, length } => {
                self.bytes = self.bytes.saturating_add(*length);
                header.set_entry_type(tar::EntryType::Regular);
                header.set_mode(if *executable { 0o555 } else { 0o444 });
                header.set_size(*length);
                // The header alone: the content follows as it is read for the hash.
                self.tar.append_data(&mut header, name, io::empty())?;
                self.padding = usize::try_from(length.next_multiple_of(512) - length).unwrap_or_default();
                Kind::File { executable: *executable }
            }
            FileSystemMetadata::Symlink { target_path } => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_mode(0o777);
                self.tar.append_link(&mut header, name, target_path)?;
                Kind::Link(target_path.to_string())
            }
        };
        self.entries.push(Entry { path: path.to_owned(), kind });
        if self.bytes > MOST_BYTES || self.entries.len() > MOST_ENTRIES {
            let most = MOST_BYTES >> 30;
            return Err(io::Error::other(format!("it holds more than {most} GiB or {MOST_ENTRIES} files")));
        }
        Ok(())
    }
}

fn pad<W: Write>(tar: &mut tar::Builder<W>, count: usize) -> io::Result<()> {
    tar.get_mut().write_all([0; 512].get(..count).unwrap_or_default())
}

/// The file system, and a note of all that is read of it.
struct Watched<W: Write> {
    root: Utf8PathBuf,
    reading: Rc<RefCell<Reading<W>>>,
}

impl<W: Write> FileSystem for Watched<W> {
    type File = Content<W>;

    fn metadata(&self, path: &Utf8Path) -> io::Result<FileSystemMetadata> {
        let mut found = NativeFileSystem {}.metadata(path)?;
        if let FileSystemMetadata::File { executable, .. } = &mut found {
            *executable = runs(path, *executable)?;
        }
        let below = path.strip_prefix(&self.root).map_err(io::Error::other)?;
        self.reading.borrow_mut().begin(below.as_str(), &found)?;
        Ok(found)
    }

    fn read_dir(&self, path: &Utf8Path) -> io::Result<Vec<String>> {
        NativeFileSystem {}.read_dir(path)
    }

    fn open(&self, path: &Utf8Path) -> io::Result<Content<W>> {
        Ok(Content { file: File::open(path)?, reading: Rc::clone(&self.reading) })
    }
}

/// Nix asks whether the owner may run it, and nobody else (`archive.cc`, `S_IXUSR`).
#[cfg(unix)]
fn runs(path: &Utf8Path, _: bool) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(path.symlink_metadata()?.permissions().mode() & 0o100 != 0)
}

#[cfg(not(unix))]
fn runs(_: &Utf8Path, executable: bool) -> io::Result<bool> {
    Ok(executable)
}

/// The content of a file, which goes into the archive as it is read.
struct Content<W: Write> {
    file: File,
    reading: Rc<RefCell<Reading<W>>>,
}

impl<W: Write> Read for Content<W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.reading.borrow_mut().tar.get_mut().write_all(buffer.get(..count).unwrap_or_default())?;
        Ok(count)
    }
}
