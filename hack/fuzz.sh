#!/usr/bin/env bash
# fuzz.sh [TIME]: run every fuzz test of the module, each for TIME (10s), one after the other.
#
# A failing input is written below the package's testdata/fuzz: commit it with the fix.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
time=${1:-10s}

grep -rlE '^func Fuzz' --include='*_test.go' broker controllers cmd | sort | while read -r file; do
  grep -oE '^func Fuzz\w+' "$file" | while read -r _ name; do
    echo "fuzz $(dirname "$file") $name"
    go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "./$(dirname "$file")" </dev/null
  done
done
