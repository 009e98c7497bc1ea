{
  lib,
  rustPlatform,
  installShellFiles,
  gitMinimal,
  stdenv,
}:
let
  manifest = (lib.importTOML ../Cargo.toml).package;
in
rustPlatform.buildRustPackage {
  pname = manifest.name;
  inherit (manifest) version;

  # What the build and the tests read, so that a change of anything else builds nothing again.
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../Cargo.toml
      ../Cargo.lock
      ../CHANGELOG.md
      ../README.md
      ../benches
      ../deploy
      ../docs
      ../src
      ../tests
    ];
  };
  cargoLock.lockFile = ../Cargo.lock;

  # The profile of what is shipped; Cargo.toml says how it differs from `release`.
  buildType = "dist";
  # The tests are a check of the flake: who installs the program need not wait for them.
  doCheck = false;
  nativeCheckInputs = [ gitMinimal ];

  nativeBuildInputs = [ installShellFiles ];
  postInstall = lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    installShellCompletion --cmd reconcile \
      --bash <("$out/bin/reconcile" completions bash) \
      --fish <("$out/bin/reconcile" completions fish) \
      --zsh <("$out/bin/reconcile" completions zsh)
    "$out/bin/reconcile" man --out pages
    installManPage pages/*
  '';

  meta = {
    inherit (manifest) description;
    license = lib.licenses.asl20;
    mainProgram = "reconcile";
    platforms = lib.platforms.unix;
  };
}
