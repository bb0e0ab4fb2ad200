#!/usr/bin/env bash
# npm.sh DIR: install what DIR's package-lock.json pins into its node_modules, unless that has been done.
#
# No script of a package is run. With everything there, it does nothing and needs no network.
set -euo pipefail
cd "${1:?usage: npm.sh DIR}"

installed=node_modules/.package-lock.json
if [ -e "$installed" ] && [ ! package-lock.json -nt "$installed" ]; then
  exit 0
fi
echo "installing $1" >&2
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
touch "$installed"
