#!/bin/sh
# Makes certificates for development and tests: an authority, a server and a client.
#
#   certs/generate.sh DIR [--force]
#
# Files in DIR: ca.pem ca-key.pem server.pem server-key.pem client.pem client-key.pem
# Existing pairs are kept unless --force is given. Keys are ECDSA P-256, readable by their owner only.
# None of this is for production: the authority's key lies next to what it signs.
set -eu

days=365

usage() {
    echo "usage: $0 DIR [--force]" >&2
    exit 2
}

directory=
force=no
for argument in "$@"; do
    case $argument in
        --force) force=yes ;;
        -*) usage ;;
        *) [ -z "$directory" ] || usage; directory=$argument ;;
    esac
done
[ -n "$directory" ] || usage

umask 077
mkdir -p "$directory"
cd "$directory"
work=$(mktemp -d "${TMPDIR:-/tmp}/certificates.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Runs openssl quietly; its messages appear only when it fails.
run() {
    if ! openssl "$@" 2> "$work/messages"; then
        cat "$work/messages" >&2
        exit 1
    fi
}

# kept NAME: whether both halves of NAME's pair are there and to be kept.
kept() {
    [ "$force" = no ] && [ -s "$1.pem" ] && [ -s "$1-key.pem" ]
}

# key NAME: a new private key in the work directory.
key() {
    run genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/$1-key.pem"
}

# install_pair NAME: puts a finished pair in place, key first.
install_pair() {
    chmod 600 "$work/$1-key.pem"
    chmod 644 "$work/$1.pem"
    mv -f "$work/$1-key.pem" "$1-key.pem"
    mv -f "$work/$1.pem" "$1.pem"
}

# leaf NAME COMMON-NAME: a certificate signed by the authority; extensions come on standard input.
leaf() {
    cat > "$work/$1.extensions"
    key "$1"
    run req -new -sha256 -key "$work/$1-key.pem" -subj "/CN=$2" -out "$work/$1.request"
    run x509 -req -sha256 -in "$work/$1.request" -CA ca.pem -CAkey ca-key.pem \
        -set_serial "0x$(openssl rand -hex 16)" -days "$days" \
        -extfile "$work/$1.extensions" -out "$work/$1.pem"
    install_pair "$1"
}

if ! kept ca; then
    # Certificates of an earlier authority are worth nothing now.
    force=yes
    key ca
    run req -x509 -new -sha256 -key "$work/ca-key.pem" -subj "/CN=Tern development authority" \
        -days "$days" -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" -out "$work/ca.pem"
    install_pair ca
fi

if ! kept server; then
    leaf server localhost <<'EXTENSIONS'
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EXTENSIONS
fi

if ! kept client; then
    leaf client client <<'EXTENSIONS'
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EXTENSIONS
fi
