#!/usr/bin/env bash
# Set up what the tests need, start their servers, and run all tests.
#
# usage: devops_scripts/test.sh [--quick] [ARGUMENT OF PYTEST...]
#
#   --quick   only what needs no server, no browser and little time: about a minute
#
# Paths among the arguments are relative to the project. Exit status and last lines are pytest's.
#
# Servers, each where it is needed and not named already:
#   MariaDB        TEST_MARIADB_URL, else mariadbd, as root from Debian's package
#   MySQL          TEST_MYSQL_URL, else mysqld, else Debian's packages unpacked into the cache
#   Apache Kafka   TEST_KAFKA (HOST:PORT), else the jars that Maven resolves into the cache, on
#                  Java 17 or newer; KAFKA_LIBS tells the tests where the jars are
# They listen on free loopback ports, keep their data in a temporary folder, and are stopped by
# their process ids at the end. As root, what tests run besides (swaks, msmtp, kcat,
# curl, Chromium, strace, shellcheck) is installed from Debian's packages.
# What can't be had is said, and its tests are skipped with that reason. With CI=true a missing
# MariaDB or Kafka fails the run, and so does a missing MySQL with REQUIRE_MYSQL=1.
#
# TEST_CACHE is the folder for downloads; default: ~/.cache/sandbox-mta-tests.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/environment.sh"

quick=
arguments=()
for argument in "$@"; do
    case $argument in
        --quick) quick=yes ;;
        -h | --help) manual && exit ;;
        *) arguments+=("$argument") ;;
    esac
done

prepare test
cd -- "$root"
# Every skipped test by its name, with its reason.
pytest=("$venv/bin/python" -m pytest -rfEs --no-fold-skipped)
if [[ -n $quick ]]; then
    unset TEST_MARIADB_URL TEST_MYSQL_URL TEST_KAFKA KAFKA_LIBS
    export TEST_MARIADB_URL_WHY='--quick' TEST_MYSQL_URL_WHY='--quick' TEST_KAFKA_WHY='--quick'
    exec "${pytest[@]}" \
        --ignore=tests/integration --ignore=tests/end_to_end --ignore=tests/fuzz \
        -m 'not (mariadb or mysql or kafka or clients or browser or slow)' "${arguments[@]}"
fi
# A test goes without the fuzzer where it can't be installed.
(prepare fuzz) || true
exec "$venv/bin/python" -m devops_scripts.servers test -- "${pytest[@]}" "${arguments[@]}"
