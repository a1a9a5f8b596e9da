# What the scripts of tools/ and test/ share: messages, becoming root, the PostgreSQL at hand, the
# list of source files. Sourced by them.
# shellcheck shell=bash
set -euo pipefail

vecx_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

say() { printf '%s\n' "$*" >&2; }

die() {
    say "${0##*/}: $*"
    exit 1
}

# Runs a command as root: directly, or through sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root: run it as root, or install sudo and give $(id -un) the right to use it"
    fi
}

# Prints the pg_config of a PostgreSQL that can build extensions: $PG_CONFIG, else the one in PATH,
# else the newest of Debian's. Fails where there is none.
find_pg_config() {
    local candidate pgxs
    for candidate in "${PG_CONFIG:-pg_config}" /usr/lib/postgresql/{19,18,17,16,15}/bin/pg_config; do
        if pgxs=$("$candidate" --pgxs 2>/dev/null) && [ -f "$pgxs" ]; then
            command -v "$candidate"
            return 0
        fi
        # What was asked for by name is not replaced by another.
        [ -z "${PG_CONFIG:-}" ] || return 1
    done
    return 1
}

# Prints the major version of the PostgreSQL that pg_config $1 belongs to.
pg_major() {
    "$1" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/'
}

# Prints the source files of the checkout, one a line: what git tracks or would track; in an
# unpacked archive, which has no .git, everything but build results.
source_files() (
    cd "$vecx_top"
    if git -c safe.directory='*' rev-parse --git-dir >/dev/null 2>&1; then
        git -c safe.directory='*' -c core.quotepath=off ls-files -co --exclude-standard
    else
        find . \( -path ./build -o -path ./demo -o -path ./results -o -path ./tmp_check \
            -o -name __pycache__ \) -prune -o -type f ! -name '*.o' ! -name '*.d' ! -name '*.so' \
            ! -name '*.bc' ! -name 'regression.*' -printf '%P\n'
    fi | while IFS= read -r file; do
        [ ! -f "$file" ] || printf '%s\n' "$file"
    done | LC_ALL=C sort -u
)

# Copies the source files into folder $1, which may hold an older copy with build results: files
# keep their times, so that make builds only what changed, and files gone from the source go.
copy_source() {
    local target=$1
    mkdir -p "$target"
    find "$target" -type f ! -name '*.o' ! -name '*.d' ! -name '*.so' ! -name .flags -delete
    source_files | tar -C "$vecx_top" -cf - -T - | tar -C "$target" -xf - --no-same-owner
}

# Builds a copy of the source in folder $1 with warnings as errors; further flags for the compiler.
build_copy() {
    local tree=$1 pg_config
    shift
    pg_config=$(find_pg_config) || die "no PostgreSQL to build against: run tools/install-deps"
    copy_source "$tree"
    # Objects made with other flags are of no use.
    if [ "$(cat "$tree/.flags" 2>/dev/null)" != "$pg_config $*" ]; then
        find "$tree" -name '*.o' -delete
        printf '%s\n' "$pg_config $*" >"$tree/.flags"
    fi
    make -C "$tree" -s -j"$(nproc)" PG_CONFIG="$pg_config" CXX="g++ -Werror $*"
}

# Runs a command as user $1: directly where that is who we are, else as root may.
as_user() {
    local user=$1
    shift
    if [ "$(id -un)" = "$user" ]; then
        "$@"
    else
        setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups --inh-caps=-all \
            env HOME=/nonexistent "$@"
    fi
}
