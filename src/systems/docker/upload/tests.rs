//! `INSTA_UPDATE=always cargo test --lib docker::upload` writes the golden files anew.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use proptest::prelude::*;

use super::*;

fn write(path: &Path, text: &[u8], mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A program, a file, an empty file, an empty folder and a link.
fn tree(root: &Path) {
    write(&root.join("bin/run"), b"#!/bin/sh\n", 0o755);
    write(&root.join("data"), b"hello\n", 0o644);
    write(&root.join("zero"), b"", 0o644);
    fs::create_dir(root.join("empty")).unwrap();
    symlink("data", root.join("link")).unwrap();
}

fn hash(path: &Path) -> String {
    archive::read(path).unwrap().hash
}

/// Each was printed by `nix-hash --type sha256 --base32` of Nix 2.8.0 for the same tree; `nix-store --dump . | sha256sum`
/// of the first is 8445f2ebea668c94be1089874729eb8fb0ee8b0a517b9b33b8a04e3fb3c16b76, the same in another alphabet.
#[test]
fn it_hashes_as_nix_does() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    tree(root);
    let whole = "0xkbq6rkykm0p0rrnysi1a5yxc4gxcllg1w922z99336xbmz4ic4";
    assert_eq!(hash(root), whole);
    assert_eq!(hash(&root.join("data")), "04zwf782yjwnh3q6hz5izfd6jyip8kgw6g6yj43fiqhbyhdd0dqw", "one file");
    assert_eq!(hash(&root.join("empty")), "0sjjj9z1dhilhpc8pq4154czrb79z9cm044jvn75kxcjv6v5l2m5", "an empty folder");
    fs::set_permissions(root.join("bin/run"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(hash(root), "1vndrg31xgq295cmh2isbc5c01hiyhs6gw05wqqa911sf77b0m7k", "nobody may run it");
    fs::set_permissions(root.join("bin/run"), fs::Permissions::from_mode(0o655)).unwrap();
    assert_eq!(hash(root), "1vndrg31xgq295cmh2isbc5c01hiyhs6gw05wqqa911sf77b0m7k", "others may run it, its owner not");
    fs::set_permissions(root.join("bin/run"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(hash(root), whole, "its owner alone may run it");
    fs::remove_file(root.join("link")).unwrap();
    symlink("nowhere", root.join("link")).unwrap();
    fs::set_permissions(root.join("bin/run"), fs::Permissions::from_mode(0o655)).unwrap();
    assert_eq!(hash(root), "0va6ljx45y9xx4lsh7fp44x93y6vj7ralyxysk4cisj5fv1y06h1", "a link elsewhere");
    fs::remove_file(root.join("link")).unwrap();
    symlink("data", root.join("link")).unwrap();
    fs::set_permissions(root.join("bin/run"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_dir(root.join("empty")).unwrap();
    assert_eq!(hash(root), "0l4magmvdkm5zvcvh8yvihzfl2p0yqnbf91hzh5zcvnq4qsakbzz", "without the empty folder");
}

#[test]
fn long_names_and_large_files_hash_as_nix_does() {
    let folder = tempfile::tempdir().unwrap();
    let name = "a".repeat(200);
    let bytes: Vec<u8> = (0..=255).cycle().take(256_000).collect();
    write(&folder.path().join(&name).join(&name).join("f"), &bytes, 0o644);
    assert_eq!(hash(folder.path()), "0rhbhcdy5lfr3p55xhfdkv5wybvm9wrnn9mi5v17rzmfvjvcjmsp");
}

#[test]
fn what_a_link_leads_to_is_what_is_uploaded() {
    let folder = tempfile::tempdir().unwrap();
    tree(&folder.path().join("tree"));
    symlink("tree", folder.path().join("result")).unwrap();
    assert_eq!(hash(&folder.path().join("result")), hash(&folder.path().join("tree")));
}

fn packed(path: &Path) -> (String, Vec<u8>) {
    let Packed { hash, mut archive, size } = archive::pack(path).unwrap();
    let mut bytes = Vec::new();
    archive.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, size);
    (hash, bytes)
}

/// Name, permissions, link, content of everything in an archive.
fn listed(bytes: &[u8]) -> Vec<(String, u32, Option<String>, Vec<u8>)> {
    let mut archive = tar::Archive::new(bytes);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 1));
        let mode = header.mode().unwrap();
        let link = entry.link_name().unwrap().map(|name| name.display().to_string());
        let name = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (name, mode, link, content)
    });
    entries.collect()
}

#[test]
fn the_archive_holds_what_was_hashed_and_nothing_of_when_and_where() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    tree(&one);
    let (hash_of_one, bytes) = packed(&one);
    assert_eq!(hash_of_one, hash(&one));
    let entry = |name: &str, mode, link: Option<&str>, content: &[u8]| {
        (name.to_owned(), mode, link.map(str::to_owned), content.to_vec())
    };
    assert_eq!(
        listed(&bytes),
        [
            entry("bin", 0o755, None, b""),
            entry("bin/run", 0o555, None, b"#!/bin/sh\n"),
            entry("data", 0o444, None, b"hello\n"),
            entry("empty", 0o755, None, b""),
            entry("link", 0o777, Some("data"), b""),
            entry("zero", 0o444, None, b""),
        ]
    );
    tree(&other);
    fs::File::open(other.join("data")).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    fs::set_permissions(other.join("data"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(packed(&other), (hash_of_one, bytes), "the same, made at another time, elsewhere, for fewer readers");
    let (_, alone) = packed(&one.join("data"));
    assert_eq!(listed(&alone), [entry("ca.pem", 0o444, None, b"hello\n")], "its name is no part of its hash");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Sizes around the blocks of both formats, and names longer than a header holds.
    #[test]
    fn every_archive_comes_out_as_it_went_in(
        files in proptest::collection::btree_map("[a-z]{1,8}|[a-z]{101,180}", (0_usize..1100, any::<bool>()), 1..6)
    ) {
        let folder = tempfile::tempdir().unwrap();
        for (name, (size, executable)) in &files {
            write(&folder.path().join(name), &vec![b'x'; *size], if *executable { 0o755 } else { 0o644 });
        }
        let (_, bytes) = packed(folder.path());
        let expected: Vec<_> = files
            .iter()
            .map(|(name, (size, run))| (name.clone(), if *run { 0o555 } else { 0o444 }, None, vec![b'x'; *size]))
            .collect();
        prop_assert_eq!(listed(&bytes), expected);
    }
}

fn of(path: &Path, purpose: Purpose) -> Result<Upload, Trouble> {
    read(path, &BTreeSet::from([purpose]))
}

#[test]
fn a_mirror_may_be_packed_and_not() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let unpacked = root.join("tf.example.com/acme/nas/1.0.0/linux_amd64");
    write(&unpacked.join("terraform-provider-nas_v1.0.0"), b"elf", 0o755);
    let aws = root.join("registry.terraform.io/hashicorp/aws");
    for file in ["5.0.0_linux_amd64", "5.0.0_linux_arm64", "5.1.0-beta1_linux_arm64"] {
        write(&aws.join(format!("terraform-provider-aws_{file}.zip")), b"zip", 0o644);
    }
    write(&aws.join("index.json"), b"{}", 0o644);
    let upload = of(root, Purpose::Providers).unwrap();
    let platforms = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(
        upload.providers,
        [
            ("registry.terraform.io/hashicorp/aws".to_owned(), platforms(&["linux_amd64", "linux_arm64"])),
            ("tf.example.com/acme/nas".to_owned(), platforms(&["linux_amd64"])),
        ]
        .into()
    );
    assert_eq!(upload.notes, BTreeSet::new());
}

#[test]
fn what_terraform_would_stumble_over_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join("tf.example.com/acme").join(path);
    write(&at("nas/1.0.0/linux_amd64/terraform-provider-nas"), b"elf", 0o644);
    write(&at("lan/1.0.0/linux_amd64/README"), b"", 0o644);
    write(&at("wan/v1/linux_amd64/terraform-provider-wan"), b"elf", 0o755);
    let notes = of(folder.path(), Purpose::Providers).unwrap().notes;
    insta::assert_snapshot!(notes.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_finding_says_what_is_wrong_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    write(&at("flat/terraform-provider-nas_1.0.0"), b"elf", 0o755);
    fs::create_dir(at("nothing")).unwrap();
    fs::create_dir(at("linked")).unwrap();
    symlink("/nix/store/x/terraform-provider-nas", at("linked/terraform-provider-nas")).unwrap();
    fs::create_dir(at("above")).unwrap();
    symlink("b/../../c", at("above/a")).unwrap();
    write(&at("hooks/pre-plan"), b"#!/bin/sh\n", 0o755);
    write(&at("asleep/terraform-pre-plan"), b"#!/bin/sh\n", 0o644);
    write(&at("text.pem"), b"hello\n", 0o644);
    write(&at("broken.pem"), b"-----BEGIN CERTIFICATE-----\nhello\n", 0o644);
    let key = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\nCANARY\n";
    write(&at("key.pem"), key.as_bytes(), 0o600);
    let cases = [
        ("absent", Purpose::Providers),
        ("flat", Purpose::Providers),
        ("nothing", Purpose::Providers),
        ("linked", Purpose::Providers),
        ("above", Purpose::Providers),
        ("text.pem", Purpose::Providers),
        ("hooks", Purpose::Hooks),
        ("nothing", Purpose::Hooks),
        ("asleep", Purpose::Hooks),
        ("hooks", Purpose::Ca),
        ("text.pem", Purpose::Ca),
        ("broken.pem", Purpose::Ca),
        ("key.pem", Purpose::Ca),
    ];
    let mut told = String::new();
    for (name, purpose) in cases {
        let Trouble { cause, hint } = of(&at(name), purpose).unwrap_err();
        writeln!(told, "{} {name}\n  {cause}\n  hint: {hint}", purpose.word()).unwrap();
    }
    assert!(!told.contains("CANARY"));
    insta::assert_snapshot!(told);
}

#[test]
fn what_fits_its_purpose_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    write(&at("hooks/terraform-pre-plan"), b"#!/bin/sh\n", 0o755);
    write(&at("hooks/scripts/notes"), b"", 0o644);
    symlink("scripts/notes", at("hooks/notes")).unwrap();
    write(&at("ca.pem"), b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0o644);
    for (name, purpose) in [("hooks", Purpose::Hooks), ("ca.pem", Purpose::Ca)] {
        let upload = of(&at(name), purpose).unwrap();
        assert_eq!(upload.hash, hash(&at(name)));
    }
}
