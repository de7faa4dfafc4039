#!/usr/bin/env bash
# All tests. Installs what the differential tests link against (OpenSSL's headers) where that is missing and can be done.
set -euo pipefail
cd "$(dirname "$0")/.."

need() { # need PACKAGE COMMAND...: install a Debian package unless the command succeeds
    local package=$1
    shift
    "$@" >/dev/null 2>&1 && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -qqy --no-install-recommends "$package"
    else
        echo "test.sh: please install $package (or your system's name for it) first" >&2
        exit 2
    fi
}
need pkg-config command -v pkg-config
need libssl-dev pkg-config --exists openssl
need openssl command -v openssl

# Independent peers in Python; the tests that ask them say so and are skipped where they cannot be had.
python=$PWD/target/python
# PyKMIP leans on parts of its dependencies that are on their way out: the set that is known to work.
peers=(PyKMIP==0.11.0 cryptography==50.0.2 SQLAlchemy==2.1.9 six==1.17.0 requests==2.34.2)
if [ "$(cat "$python/peers" 2>/dev/null)" != "${peers[*]}" ] && command -v python3 >/dev/null; then
    rm -rf "$python"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$python" \
        "${peers[@]}" && echo "${peers[*]}" >"$python/peers" || echo "test.sh: no Python peers: their tests are skipped" >&2
fi
export PYTHONPATH=$python${PYTHONPATH:+:$PYTHONPATH}

# In the background of a shell SIGINT is ignored; tests of interrupts would inherit that.
heard=()
if env --default-signal=INT true 2>/dev/null; then heard=(env --default-signal=INT); fi

# The benches have no tests, and features for peers that few machines have.
"${heard[@]}" cargo test --workspace --exclude tde-benches --all-features "$@"
