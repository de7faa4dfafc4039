#!/usr/bin/env bash
# Runs every fuzz target from its seeds for SECONDS (60) each, or the targets named: scripts/fuzz.sh [SECONDS [TARGET...]]
# Needs cargo-fuzz (cargo install cargo-fuzz); works with a stable toolchain.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
# cargo-fuzz asks for the sanitizers, which a stable compiler has but does not let everybody use.
export RUSTC_BOOTSTRAP=1
if [ $# -gt 0 ]; then targets=("$@"); else mapfile -t targets < <(cargo fuzz list); fi
for target in "${targets[@]}"; do
    found=fuzz/target/corpus/$target
    mkdir -p "$found"
    echo "== $target, $seconds s"
    dictionary=()
    [[ $target != kmip_* ]] || dictionary=(-dict=fuzz/kmip.dict)
    cargo fuzz run "$target" "$found" "fuzz/seeds/$target" -- "${dictionary[@]}" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
done
