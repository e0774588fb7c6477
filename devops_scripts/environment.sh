# shellcheck shell=bash
# Sourced by the scripts beside it: the project's folder, its .venv, and one way to fail.
#
# root     the folder of pyproject.toml
# venv     root/.venv
# fail     say one line and stop, with the exit status of what could not run
# manual   print the comment at the head of the script that runs
# prepare  make or refresh .venv, only when something that it is made from has changed
# play     start one server of servers/ and stay until Ctrl-C
# compose  docker compose with the project's file

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$root/.venv

fail() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit 2
}

# The comment from line 2 on is the manual; it ends at the first line that is none.
manual() {
    sed -n '2,/^[^#]/{ s/^# \{0,1\}//p; }' "$0"
}

# The first Python that is new enough: $PYTHON, python3, or one with its version in its name.
find_python() {
    local candidate found='' program
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        program=$(command -v "$candidate") || continue
        if "$program" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$program"
            return
        fi
        found=${found:-$candidate is $("$program" --version 2>&1)}
    done
    fail "Python 3.11 or newer is needed; ${found:-there is no python3 here (Debian, Ubuntu: apt-get install python3 python3-venv)}"
}

# What decides what .venv holds. Its path is part of that: a .venv doesn't survive being moved.
fingerprint() {
    { printf '%s\n' "$venv" && cat -- "$root/pyproject.toml" "$root/requirements.txt"; } | sha256sum
}

# prepare: .venv with the project in it, editable.  prepare EXTRA: and that extra's packages.
# shellcheck disable=SC2120  # most callers want no extra
prepare() {
    local extra=${1-} wanted stamp program
    wanted=$(fingerprint)
    stamp=$venv/.installed${extra:+-$extra}
    if [[ -r $stamp && $(<"$stamp") == "$wanted" ]]; then
        return
    fi
    # A .venv that was moved, or whose Python is gone, is made anew.
    if ! "$venv/bin/python" -c '' 2>/dev/null || ! grep -qsF -- "$venv" "$venv/bin/activate"; then
        program=$(find_python)
        # Debian's python3 has venv, but not the pip that it puts into a new one.
        "$program" -c 'import ensurepip, venv' 2>/dev/null ||
            fail "$program can't make a virtual environment (Debian, Ubuntu: apt-get install python3-venv)"
        printf 'Making .venv\n' >&2
        "$program" -m venv --clear "$venv" >&2 || fail "$program -m venv failed"
    fi
    printf 'Installing the project%s into .venv: once, about a minute\n' "${extra:+ with [$extra]}" >&2
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint "$root/requirements.txt" --editable "$root${extra:+[$extra]}" >&2 ||
        fail "pip could not install the project; its own lines are above"
    printf '%s\n' "$wanted" >"$venv/.installed"
    [[ -z $extra ]] || printf '%s\n' "$wanted" >"$stamp"
}

play() {
    local program
    program=$(find_python)
    exec env PYTHONPATH="$root" "$program" -m devops_scripts.servers play "$@"
}

compose() {
    command -v docker >/dev/null || fail 'there is no docker here; devops_scripts/run.sh needs none'
    docker compose version >/dev/null 2>&1 || fail 'this docker has no compose command (version 2 is needed)'
    exec docker compose --project-directory "$root" "$@"
}
