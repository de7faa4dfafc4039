#!/usr/bin/env bash
# Builds `tde` and opens a recorded cluster with it: what is in it, is all of it sound, and a table and a WAL segment in
# plaintext. Needs nothing but cargo; writes only below target/.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --package tde-cli
tde=$PWD/target/release/tde

demo=target/demo
rm -rf "$demo"
mkdir -p "$demo"
cp -r test-data/pg_tde/B/data test-data/pg_tde/B/keyring "$demo"
# The repository keeps the WAL segment without the zero pages at its end.
truncate -s 1048576 "$demo/data/pg_wal/00000001000000000000000A"

run() { printf '\n$ tde %s\n' "$*"; "$tde" "$@"; }
keyring=$demo/keyring/global_file.per
run inspect "$demo/data" --keyring "$keyring"
run verify "$demo/data" --keyring "$keyring"
run relation decrypt "$demo/data" base/16477/16667 --keyring "$keyring" -o "$demo/t_heap"
run wal decrypt "$demo/data" 00000001000000000000000A --keyring "$keyring" -o "$demo/wal"

printf '\nencrypted: '
od -An -tx1 -N16 "$demo/data/base/16477/16667"
printf 'decrypted: '
od -An -tx1 -N16 "$demo/t_heap"
printf 'text in the decrypted table:\n'
tr -c '[:print:]' '\n' <"$demo/t_heap" | grep -E '.{12}' | head -n 4 || true
