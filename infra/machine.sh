# Sourced by infra/run and infra/test: makes sure that this machine has what is needed. On Debian and its kin, as root,
# missing packages are installed; else the packages are named and the script ends.

say() { printf '%s\n' "$*" >&2; }

# The folder with PostgreSQL's server programs, or nothing.
postgres_bin() {
    local initdb
    for initdb in "${ANNALOCK_POSTGRES_BIN:-/none}"/initdb /usr/lib/postgresql/*/bin/initdb "$(command -v initdb || true)"; do
        if [ -x "$initdb" ]; then
            dirname "$initdb"
            return
        fi
    done
}

# need COMMAND PACKAGE...: notes the packages where the command is missing.
missing=()
need() {
    local command=$1
    shift
    command -v "$command" >/dev/null 2>&1 || missing+=("$@")
}

need_postgres() {
    [ -n "$(postgres_bin)" ] || missing+=(postgresql)
}

# Installs what was noted.
install_missing() {
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        say "Missing on this machine: ${missing[*]}"
        say "On Debian or Ubuntu, as root: apt-get install ${missing[*]}"
        exit 1
    fi
    say "Installing: ${missing[*]}"
    # PostgreSQL's package would make and start a cluster of its own; we bring ours.
    local conf=/etc/postgresql-common/createcluster.conf
    if [[ " ${missing[*]} " == *" postgresql "* ]] && ! grep -qs '^create_main_cluster *= *false' "$conf"; then
        mkdir -p "${conf%/*}"
        echo 'create_main_cluster = false' >>"$conf"
    fi
    # No package starts a service while we install.
    local policy=/usr/sbin/policy-rc.d made=no
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        made=yes
    fi
    local status=0
    apt_install "${missing[@]}" || status=$?
    [ "$made" = no ] || rm -f "$policy"
    if [ "$status" -ne 0 ]; then
        say "apt-get could not install: ${missing[*]}"
        exit 1
    fi
}

# The package index may be old or empty: it is renewed once, when an install fails.
apt_install() {
    local options=(-y -q --no-install-recommends -o Dpkg::Options::=--force-confold)
    export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1
    apt-get install "${options[@]}" "$@" >&2 || { apt-get update -q >&2 && apt-get install "${options[@]}" "$@" >&2; }
}

need_rust() {
    if ! command -v cargo >/dev/null 2>&1 && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
        PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    fi
    if ! command -v cargo >/dev/null 2>&1; then
        say "Rust is missing: install it from https://rustup.rs (1.94 or newer)"
        exit 1
    fi
}
