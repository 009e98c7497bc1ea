# A system with the module in it gives a unit that applies the checked spec, and no secret in the store.
{
  nixpkgs,
  pkgs,
  module,
}:
let
  inherit (nixpkgs) lib;
  system = lib.nixosSystem {
    modules = [
      module
      {
        nixpkgs.hostPlatform = pkgs.stdenv.hostPlatform.system;
        boot.isContainer = true;
        system.stateVersion = lib.trivial.release;
        services.reconcile = {
          enable = true;
          tokenFile = "/run/secrets/hcp-terraform-token";
          credentials.discord-url = "/run/secrets/discord-url";
          only = [ "hcp/workspace/main-*" ];
          settings = {
            fleet = "homelab";
            hcp.organization = "example-house";
            projects.main.workspaces.dns.runsOn = "cloud";
          };
        };
      }
    ];
  };
  inherit (system.config.systemd) services timers;
  unit = services.reconcile;
  says = what: condition: lib.assertMsg condition "the module's unit: ${what}";
in
assert says "applies without asking" (lib.hasInfix "apply --yes" unit.script);
assert says "is limited as told" (lib.hasInfix "--only 'hcp/workspace/main-*'" unit.script);
assert says "has its token as a credential" (
  lib.elem "hcp-token:/run/secrets/hcp-terraform-token" unit.serviceConfig.LoadCredential
);
assert says "names no secret's file on its command line" (!lib.hasInfix "/run/secrets" unit.script);
assert says "is started by its timer alone" (
  timers.reconcile.timerConfig.OnUnitInactiveSec == "15min" && (unit.wantedBy or [ ]) == [ ]
);
pkgs.runCommand "reconcile-module" { checks = system.config.system.checks; } ''
  printf '%s\n' "$checks" > "$out"
''
