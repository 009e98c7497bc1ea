{
  description = "One spec of an HCP Terraform fleet, and one program that makes the world match it";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      forEachSystem = make: lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      package = pkgs: pkgs.callPackage ./nix/package.nix { };
    in
    {
      packages = forEachSystem (pkgs: rec {
        reconcile = package pkgs;
        default = reconcile;
      });

      apps = forEachSystem (pkgs: rec {
        reconcile = {
          type = "app";
          program = lib.getExe (package pkgs);
          meta.description = "Plan and apply a fleet";
        };
        default = reconcile;
      });

      devShells = forEachSystem (pkgs: {
        default = pkgs.mkShell {
          packages = [
            pkgs.cargo
            pkgs.cargo-deny
            pkgs.clippy
            pkgs.rust-analyzer
            pkgs.rustc
            pkgs.rustfmt
          ];
        };
      });

      checks = forEachSystem (
        pkgs:
        {
          # The test suite, which the package itself does not run.
          tests = (package pkgs).overrideAttrs {
            doCheck = true;
            cargoBuildType = "release";
            cargoCheckType = "release";
          };
          # The binary accepts the spec that users start from.
          example = pkgs.runCommand "reconcile-example" { nativeBuildInputs = [ (package pkgs) ]; } ''
            reconcile check ${./deploy/examples/homelab/fleet.yaml} | tee "$out"
          '';
        }
        // lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux {
          # The module gives a unit, with its spec checked.
          module = import ./nix/module-check.nix {
            inherit nixpkgs pkgs;
            module = self.nixosModules.reconcile;
          };
        }
      );

      nixosModules = rec {
        reconcile =
          { pkgs, lib, ... }:
          {
            imports = [ ./nixos-modules/reconcile.nix ];
            services.reconcile.package = lib.mkDefault self.packages.${pkgs.stdenv.hostPlatform.system}.reconcile;
          };
        default = reconcile;
      };

      overlays.default = final: _previous: { reconcile = package final; };

      formatter = forEachSystem (pkgs: pkgs.nixfmt-rfc-style);
    };
}
