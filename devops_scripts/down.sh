#!/usr/bin/env bash
# Stop what up.sh started.
#
# usage: devops_scripts/down.sh [ARGUMENT OF docker compose down...]
#
#   --volumes   also forget all mail, events and settings

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/environment.sh"

if [[ ${1-} == -h || ${1-} == --help ]]; then
    manual
    exit
fi
compose down "$@"
