#!/usr/bin/env bash
# Builds `tde` and has it show itself: a key server, an encrypted cluster, a rotation, plaintext. Needs nothing but cargo;
# what is made lies in a temporary directory and is removed. Arguments go to `tde demo` (`--size MIB`, `--keep DIR`, `--json`).
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo run --release --package tde-cli -- demo "$@"
