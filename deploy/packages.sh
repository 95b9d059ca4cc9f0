#!/usr/bin/env bash
# Installs the Debian packages that building and testing Tern needs, those that are missing. Quick, silent
# and without the network when none is. The Swift toolchain is not a package: it must be there.
#
#   deploy/packages.sh             what building and `make test` need
#   deploy/packages.sh interop     and the foreign TLS clients of `make interop`
#   deploy/packages.sh scan        and the TLS scanners of `make scan`
set -euo pipefail

# What to build with: OpenSSL, zlib, SQLite and pkg-config; what to run: openssl, for certificates, and
# python3, for the dictionary's generator and the benchmarks' reports; what to measure with: valgrind and
# strip count instructions, python3-venv holds the benchmarks' peers.
packages=(libssl-dev zlib1g-dev libsqlite3-dev libxml2 pkg-config openssl ca-certificates git python3
    valgrind binutils python3-venv)
case "${1:-}" in
    "") ;;
    interop) packages+=(curl gnutls-bin libnss3-tools) ;;
    scan) packages+=(sslscan testssl.sh) ;;
    *)
        echo "usage: deploy/packages.sh [interop|scan]" >&2
        exit 64
        ;;
esac

if ! command -v swift > /dev/null; then
    echo "no swift on the PATH: install the Swift 6.3 toolchain from https://swift.org/install" >&2
    exit 1
fi
if ! command -v dpkg-query > /dev/null; then
    echo "not a Debian system: the needs are ${packages[*]}" >&2
    exit 0
fi

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2> /dev/null || true)
    # pkgconf takes the place of pkg-config on newer systems.
    if [ "$package" = pkg-config ] && command -v pkg-config > /dev/null; then continue; fi
    [ "$status" = "install ok installed" ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo > /dev/null; then
        echo "missing: ${missing[*]}; install them as root" >&2
        exit 1
    fi
    root=(sudo)
fi
echo "installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
install() { "${root[@]}" apt-get install -qq -y --no-install-recommends "${missing[@]}" > "$log" 2>&1 < /dev/null; }
# The lists of a fresh machine may be empty or old.
if ! install; then
    "${root[@]}" apt-get update -qq > "$log" 2>&1 < /dev/null || { cat "$log" >&2; exit 1; }
    install || { cat "$log" >&2; exit 1; }
fi
