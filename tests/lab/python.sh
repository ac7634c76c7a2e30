#!/usr/bin/env bash
# Make a virtual environment at $1, installing Debian's python3-venv first where it is missing (as root).
set -euo pipefail
venv=$1
if ! python3 -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "Python 3.11 or later with venv is needed; install python3 and python3-venv" >&2
        exit 1
    fi
    echo "installing python3-venv" >&2
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends python3 python3-venv
fi
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
