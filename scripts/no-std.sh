#!/usr/bin/env bash
# Builds a static library without std, without an allocator and with its own panic handler out of the no_std halves
# of the crates. If anything pulls in std the build fails with a second panic handler (E0152); if anything allocates,
# it fails for want of a global allocator.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --manifest-path no-std-proof/Cargo.toml --release
library=no-std-proof/target/release/libno_std_proof.a
if nm --undefined-only --format=just-symbols "$library" 2>/dev/null | sort -u | grep -xE 'malloc|calloc|realloc|free|posix_memalign|__rust_alloc.*|pthread_.*'; then
    echo "no-std.sh: the library above refers to an allocator or to threads" >&2
    exit 1
fi
echo "no_std proof: $library links neither std nor an allocator"
