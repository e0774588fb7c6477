#!/usr/bin/env bash
# Start MySQL, Apache Kafka and the sandbox in containers, and wait until they are healthy.
#
# usage: devops_scripts/up.sh [ARGUMENT OF docker compose up...]
#
# Then:  SMTP 127.0.0.1:1025, HTTP 127.0.0.1:8025, Kafka 127.0.0.1:9092, MySQL 127.0.0.1:3306
# A producer to play with:  docker compose run --rm producer

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/environment.sh"

if [[ ${1-} == -h || ${1-} == --help ]]; then
    manual
    exit
fi
compose up --build --detach --wait "$@"
