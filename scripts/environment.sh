# Sourced by the other scripts: `environment [EXTRA]` makes or updates .venv beside the package, once.
# It needs the network the first time; afterwards nothing is asked of it until setup.cfg or the pins change.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="$ROOT/.venv"

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 2
}

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11 python3.10 python; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
        [ "$candidate" != "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is older than 3.10 or does not run; name another one"
    done
    fail "no Python 3.10 or newer was found; install one, or name it: PYTHON=/path/to/python3 $0"
}

make_venv() {
    local python="$1"
    "$python" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
        fail "$python has no venv module; install it (Debian, Ubuntu: apt install python3-venv), or name another Python with PYTHON="
    rm -rf "$VENV"
    "$python" -m venv "$VENV" || fail "$python could not make $VENV"
}

# What an installation depends on: when this text is unchanged, nothing is installed again.
installation_key() {
    printf '%s\n' "$ROOT" "$1"
    cat "$ROOT/setup.cfg" "$ROOT/pyproject.toml" "$ROOT/scripts/constraints.txt"
}

is_installed() {
    local key
    for key in "$@"; do
        if [ -f "$VENV/installed-$key" ] && installation_key "$key" | cmp -s - "$VENV/installed-$key"; then
            return 0
        fi
    done
    return 1
}

# Run a command quietly and say every few seconds that it is still going on; show its words only if it fails.
quietly() {
    local log="$VENV/install.log" started=$SECONDS pid status=0 shown=0
    "$@" >"$log" 2>&1 &
    pid=$!
    trap 'kill "$pid" 2>/dev/null; printf "\n" >&2; exit 130' INT TERM
    while kill -0 "$pid" 2>/dev/null; do
        sleep 1
        if [ -t 2 ]; then
            printf '\r  %3d s  %-60.60s' $((SECONDS - started)) "$(tail -n 1 "$log" | tr -cd '[:print:]')" >&2
        elif [ $((SECONDS - started - shown)) -ge 20 ]; then
            shown=$((SECONDS - started))
            printf '  %d s: %.70s\n' "$shown" "$(tail -n 1 "$log" | tr -cd '[:print:]')" >&2
        fi
    done
    wait "$pid" || status=$?
    trap - INT TERM
    [ ! -t 2 ] || printf '\r%78s\r' '' >&2
    if [ "$status" -ne 0 ]; then
        tail -n 20 "$log" >&2
        fail "the installation failed (whole log: $log); is the network there? Run this again to go on"
    fi
    printf '  installed in %d s\n' $((SECONDS - started)) >&2
}

environment() {
    local extra="${1:-}" key="package" python
    if [ -n "$extra" ]; then
        key="$extra"
        is_installed "$key" && "$VENV/bin/python" -c '' 2>/dev/null && return
    else
        is_installed "$key" test && "$VENV/bin/python" -c '' 2>/dev/null && return
    fi
    if ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
        python="$(find_python)" || exit 2
        printf 'Making %s with %s\n' "$VENV" "$("$python" --version)" >&2
        make_venv "$python"
    fi
    printf 'Installing seisinv%s into %s (once; PyTorch is large, allow some minutes)\n' "${extra:+[$extra]}" "$VENV" >&2
    quietly "$VENV/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off \
        --constraint "$ROOT/scripts/constraints.txt" --editable "$ROOT${extra:+[$extra]}"
    installation_key "$key" >"$VENV/installed-$key"
}
