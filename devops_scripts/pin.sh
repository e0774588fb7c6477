#!/usr/bin/env bash
# Write requirements.txt: the versions that the project and its tests are installed with.
#
# usage: devops_scripts/pin.sh [--upgrade]
#
#   --upgrade   the newest that pyproject.toml allows, instead of those in .venv
#
# run.sh, test.sh and the Dockerfile install within these versions.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/environment.sh"

newest=
case ${1-} in
    '') ;;
    --upgrade) newest=yes ;;
    -h | --help) manual && exit ;;
    *) fail "unknown argument $1" ;;
esac

[[ -x $venv/bin/python ]] || prepare test
installed=$(mktemp)
trap 'rm -f -- "$installed" "$root/requirements.txt.new"' EXIT
[[ -n $newest ]] || "$venv/bin/python" -m pip freeze --exclude-editable >"$installed"
# The packages that pip would install into an empty environment, so that what somebody happened
# to add to .venv stays out.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --dry-run --ignore-installed \
    --constraint "$installed" --report - "${root}[test,fuzz]" |
    "$venv/bin/python" -c '
import json, sys
print("# Made by devops_scripts/pin.sh: what the project and its tests are installed with.")
packages = (entry["metadata"] for entry in json.load(sys.stdin)["install"])
pins = (p["name"] + "==" + p["version"] for p in packages if p["name"] != "sandbox-mta")
print(*sorted(pins, key=str.lower), sep="\n")
' >"$root/requirements.txt.new"
mv -- "$root/requirements.txt.new" "$root/requirements.txt"
