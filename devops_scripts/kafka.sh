#!/usr/bin/env bash
# Start an Apache Kafka of your own to play with, and print its bootstrap address.
#
# usage: devops_scripts/kafka.sh [--port PORT] [--data FOLDER]
#
#   --port PORT     default: 9092, where a sandbox with its embedded broker listens as well
#   --data FOLDER   keep the log there; without it it is gone at the end
#
# The address on stdout is what `--kafka` and SANDBOX_MTA_KAFKA take. It listens on 127.0.0.1
# and runs until Ctrl-C. Needs Java 17 or newer, and Maven the first time (as root both are
# installed from Debian's packages where missing).

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/environment.sh"

if [[ ${1-} == -h || ${1-} == --help ]]; then
    manual
    exit
fi
play kafka --port 9092 "$@"
