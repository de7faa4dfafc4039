#!/usr/bin/env bash
# Counts the instructions of the hot paths under callgrind and compares them with instruction-counts.txt.
#
# Counts hardly depend on the machine or on what else runs there, so that a regression shows without a quiet one.
# Valgrind hides AVX-512 from programs and knows no VAES: the AES-NI and portable paths are counted.
#
#   benches/instruction-counts.sh           compare; exit status 1 when a path takes 5 % more than recorded
#   benches/instruction-counts.sh --record  write the counts down anew
#
# Counts do depend on the compiler; the file names the one it was recorded with.
set -euo pipefail
cd "$(dirname "$0")/.."

tolerance=5 # per cent
record=benches/instruction-counts.txt

command -v valgrind >/dev/null || { echo "valgrind is not installed (Debian: apt-get install valgrind)" >&2; exit 2; }

executable() { # BENCH
    cargo bench --package tde-benches --bench "$1" --no-run --message-format=json 2>/dev/null |
        sed -n 's/.*"name":"'"$1"'".*"executable":"\([^"]*\)".*/\1/p' | tail -n 1
}

program=$(executable instructions)
kmip=$(executable kmip)
[ -n "$program" ] && [ -n "$kmip" ] || { echo "could not build the benches" >&2; exit 2; }

# Instructions of one call: the difference between many calls and few leaves start-up and key set-up out.
count() { # BACKEND PATH
    local few many
    few=$(total "$1" "$2" 1)
    many=$(total "$1" "$2" 5)
    echo $(((many - few) / 4))
}

total() { # BACKEND PATH REPEATS
    if [ "$1" = kmip ]; then
        collected "$kmip" --calls "$3" "${2/:/ a }"
    else
        collected "$program" "$1" "$2" "$3"
    fi
}

collected() { # PROGRAM ARGUMENT...
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

counts=$(mktemp)
trap 'rm -f "$counts"' EXIT
for backend in x86-aes-ni portable; do
    for path in aes-128:encrypt aes-128:encrypt-1 aes-128:decrypt aes-128:wal aes-256:encrypt aes-256:decrypt; do
        echo "$backend $path $(count $backend $path)" >>"$counts"
    done
done
for direction in decode encode; do
    for message in Get Locate Register; do
        echo "kmip $direction:$message $(count kmip $direction:$message)" >>"$counts"
    done
done
# The key wrap has one path.
echo "portable aes-128:unwrap $(count portable aes-128:unwrap)" >>"$counts"

if [ "${1-}" = --record ]; then
    {
        echo "# Instructions of one call, by instruction-counts.sh --record with $(rustc --version)."
        echo "# 16 pages of 8 KiB (encrypt-1: one page; wal: 128 KiB at an odd offset; unwrap: a 16-byte key)."
        cat "$counts"
    } >"$record"
    cat "$record"
    exit
fi

failed=0
while read -r backend path now; do
    before=$(awk -v backend="$backend" -v path="$path" '$1 == backend && $2 == path { print $3 }' "$record")
    if [ -z "$before" ]; then
        echo "MISSING   $backend $path: $now, not recorded"
        failed=1
    elif [ $((now * 100)) -gt $((before * (100 + tolerance))) ]; then
        echo "REGRESSED $backend $path: $now, was $before"
        failed=1
    else
        echo "ok        $backend $path: $now, was $before"
    fi
done <"$counts"
exit $failed
