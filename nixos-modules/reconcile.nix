# Converges a fleet on a timer: `reconcile apply --yes` as a oneshot unit without privileges.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.reconcile;
  json = pkgs.formats.json { };

  # As text, which is what copies a file into the store.
  specs =
    map (file: "${file}") cfg.specFiles
    ++ lib.optional (cfg.settings != { }) "${json.generate "fleet.json" cfg.settings}";

  # All findings of the spec at build time, from the binary that will apply it. `check` uses no network and reads no secret.
  checked = pkgs.runCommand "reconcile-check" { nativeBuildInputs = [ cfg.package ]; } ''
    reconcile check ${lib.escapeShellArgs specs} | tee "$out"
  '';

  canCheck = pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform;

  arguments = [
    "apply"
    "--yes"
  ]
  ++ lib.concatMap (pattern: [
    "--only"
    pattern
  ]) cfg.only
  ++ cfg.extraArgs
  ++ specs;

  credentials = lib.optionalAttrs (cfg.tokenFile != null) { hcp-token = cfg.tokenFile; } // cfg.credentials;
in
{
  options.services.reconcile = {
    enable = lib.mkEnableOption "converging an HCP Terraform fleet on a timer";

    package = lib.mkPackageOption pkgs "reconcile" { };

    settings = mkOption {
      inherit (json) type;
      default = { };
      example = lib.literalExpression ''
        {
          fleet = "homelab";
          hcp.organization = "example-house";
          projects.main.workspaces.dns = { runsOn = "cloud"; };
        }
      '';
      description = ''
        The spec as an attribute set: `reconcile schema` prints what may be in it. Secrets are references, never values:
        all of this is readable by everybody in the Nix store.
      '';
    };

    specFiles = mkOption {
      type = types.listOf types.path;
      default = [ ];
      example = lib.literalExpression "[ ./fleet.yaml ]";
      description = "Spec files; {option}`services.reconcile.settings` is merged over them.";
    };

    checkSpec = mkOption {
      type = types.bool;
      default = canCheck;
      defaultText = lib.literalMD "whether the build machine can run the package";
      description = "Whether a spec with an error fails the build of the system.";
    };

    tokenFile = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "/run/secrets/hcp-terraform-token";
      description = ''
        File with the HCP Terraform API token, outside of the Nix store. It is handed over as a credential of the unit, so only
        root has to be able to read it.
      '';
    };

    credentials = mkOption {
      type = types.attrsOf types.str;
      default = { };
      example = {
        discord-url = "/run/secrets/discord-url";
      };
      description = ''
        More secrets, by name, from files outside of the Nix store. The spec finds each as
        `{ file = "/run/credentials/reconcile.service/NAME"; }`.
      '';
    };

    only = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "hcp/workspace/main-*" ];
      description = "Patterns of addresses to which this machine is limited; none is the whole fleet.";
    };

    extraArgs = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "-v" ];
      description = "More arguments of `reconcile apply`.";
    };

    interval = mkOption {
      type = types.nullOr types.str;
      default = "15min";
      description = "Time between the end of one run and the beginning of the next; `null` starts none by itself.";
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = specs != [ ];
        message = "services.reconcile: nothing to apply; give `settings` or `specFiles`.";
      }
    ]
    ++ lib.mapAttrsToList (name: file: {
      assertion = !lib.hasPrefix builtins.storeDir file;
      message = "services.reconcile: the secret `${name}` is in the Nix store, where everybody can read it.";
    }) credentials;

    systemd.services.reconcile = {
      description = "Converge the HCP Terraform fleet";
      documentation = [ "man:reconcile(1)" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      # A run is not broken off because the system is being updated.
      restartIfChanged = false;
      script = ''
        exec ${lib.getExe cfg.package} ${lib.escapeShellArgs arguments} \
          ${lib.optionalString (cfg.tokenFile != null) ''--hcp-token-file "$CREDENTIALS_DIRECTORY/hcp-token"''}
      '';
      serviceConfig = {
        Type = "oneshot";
        # Something is waited for: the next run goes on, nobody has to be told.
        SuccessExitStatus = 2;
        LoadCredential = lib.mapAttrsToList (name: file: "${name}:${file}") credentials;
        # The first signal lets requests under way end; they take no longer than this.
        TimeoutStopSec = "60s";
        TimeoutStartSec = "30min";

        DynamicUser = true;
        UMask = "0077";
        CapabilityBoundingSet = "";
        LockPersonality = true;
        MemoryDenyWriteExecute = true;
        NoNewPrivileges = true;
        PrivateDevices = true;
        PrivateTmp = true;
        PrivateUsers = true;
        ProcSubset = "pid";
        ProtectClock = true;
        ProtectControlGroups = true;
        ProtectHome = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        ProtectProc = "invisible";
        ProtectSystem = "strict";
        RestrictAddressFamilies = [
          "AF_INET"
          "AF_INET6"
          "AF_UNIX"
        ];
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = [
          "@system-service"
          "~@privileged @resources"
        ];
      };
    };

    systemd.timers.reconcile = lib.mkIf (cfg.interval != null) {
      description = "Converge the HCP Terraform fleet regularly";
      wantedBy = [ "timers.target" ];
      timerConfig = {
        OnBootSec = "2min";
        OnUnitInactiveSec = cfg.interval;
        RandomizedDelaySec = "30s";
      };
    };

    # Being part of the system is what makes a wrong spec fail its build.
    system.checks = lib.mkIf cfg.checkSpec [ checked ];
  };
}
