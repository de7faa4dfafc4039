#!/usr/bin/env bash
# Times `tde relation decrypt` and `tde verify` of a whole relation file beside `cp` of it, in page cache.
#
#   benches/whole-files.sh [MEBIBYTES [DIRECTORY]]    1024 and $TMPDIR (or /tmp) unless given
#
# Each command runs ROUNDS times (default 5), turn by turn with the others, so that whatever else the machine does
# hits all of them. Printed are medians and minima of wall time, the median of user and system time together, and the
# ratio of wall times to that of `cp`, by medians and by minima. Needs room for the file three times.
set -euo pipefail
cd "$(dirname "$0")/.."

mebibytes=${1:-1024}
directory=$(mktemp -d "${2:-${TMPDIR:-/tmp}}/tde-whole-files.XXXXXX")
trap 'rm -rf "$directory"' EXIT
rounds=${ROUNDS:-5}

cargo build --quiet --release --package tde-cli
tde=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/tde
relation=$(cargo run --quiet --package tde-testkit --example large-relation -- "$directory" "$mebibytes")
data=$directory/data
file=$data/$relation
out=$directory/out
keys=(--keyring "$directory/keyring")
cores=$(nproc)

names=(cp cp+sync decrypt-1 "decrypt-$cores" decrypt-1+sync "decrypt-$cores+sync" verify-1 "verify-$cores")
run() { # NAME
    case $1 in
    cp) cp "$file" "$out" ;;
    cp+sync) cp "$file" "$out" && sync "$out" ;;
    decrypt-*+sync) "$tde" relation decrypt "$data" "$relation" -o "$out" "${keys[@]}" --jobs "$(jobs_of "$1")" ;;
    decrypt-*) "$tde" relation decrypt "$data" "$relation" -o "$out" "${keys[@]}" --no-sync --jobs "$(jobs_of "$1")" ;;
    verify-*) "$tde" verify "$data" "${keys[@]}" --jobs "$(jobs_of "$1")" >/dev/null ;;
    esac
}
jobs_of() { # NAME
    local jobs=${1#*-}
    echo "${jobs%+sync}"
}

TIMEFORMAT='%R %U %S'
cat "$file" >/dev/null # into the page cache
for name in "${names[@]}"; do
    run "$name" # warm
    rm -f "$out"
done
sync
for ((round = 0; round < rounds; round++)); do
    for name in "${names[@]}"; do
        { time run "$name" 2>&3; } 3>&2 2>>"$directory/times.$name"
        rm -f "$out"
        # What one run left to be written is not to be written during the next.
        sync
    done
done

column() { # NAME AWK-EXPRESSION, sorted
    awk "{ print $2 }" "$directory/times.$1" | sort -g
}
median() { awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

cp_median=$(column cp '$1' | median)
cp_minimum=$(column cp '$1' | head -n 1)
printf '%s MiB, %s rounds, %s cores, %s\n\n' "$mebibytes" "$rounds" "$cores" "$("$tde" --version -v | tr '\n' ' ')"
printf '| command | wall s | minimum s | user + system s | of cp | by minima |\n|---|--:|--:|--:|--:|--:|\n'
for name in "${names[@]}"; do
    wall=$(column "$name" '$1' | median)
    minimum=$(column "$name" '$1' | head -n 1)
    cpu=$(column "$name" '$2 + $3' | median)
    awk -v n="$name" -v w="$wall" -v m="$minimum" -v c="$cpu" -v a="$cp_median" -v b="$cp_minimum" \
        'BEGIN { printf "| %s | %.3f | %.3f | %.3f | %.2fx | %.2fx |\n", n, w, m, c, w / a, m / b }'
done
