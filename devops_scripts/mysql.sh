#!/usr/bin/env bash
# Start a MySQL or MariaDB of your own to play with, and print its URL.
#
# usage: devops_scripts/mysql.sh [--mariadb] [--port PORT] [--data FOLDER]
#
#   --mariadb       MariaDB; without it MySQL itself
#   --port PORT     default: 3306
#   --data FOLDER   keep the data there; without it they are gone at the end
#
# The URL on stdout is what `--database` and SANDBOX_MTA_DATABASE take. It listens on 127.0.0.1
# and runs until Ctrl-C. As root, Debian's packages are installed or unpacked where missing.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/environment.sh"

server=mysql
arguments=()
for argument in "$@"; do
    case $argument in
        --mariadb) server=mariadb ;;
        -h | --help) manual && exit ;;
        *) arguments+=("$argument") ;;
    esac
done
play "$server" --port 3306 "${arguments[@]}"
