#!/usr/bin/env bash
# Set up the sandbox where it isn't yet, and start it.
#
# usage: devops_scripts/run.sh [ARGUMENT...]
#
# Needs Python 3.11 or newer with venv and pip, and nothing else. The first start makes .venv and
# installs the project into it; later starts need no network and begin at once. The arguments are
# those of `sandbox-mta serve`; `.venv/bin/sandbox-mta serve --help` lists them.
#
# PYTHON names the interpreter for a new .venv.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/environment.sh"

if [[ ${1-} == -h || ${1-} == --help ]]; then
    manual
    exit
fi
# shellcheck disable=SC2119  # the arguments are the sandbox's
prepare
exec "$venv/bin/sandbox-mta" serve "$@"
