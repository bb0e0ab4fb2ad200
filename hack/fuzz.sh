#!/usr/bin/env bash
# fuzz.sh [TIME] [PATTERN]: run every fuzz test of the module whose folder and name fit PATTERN, each for TIME (10s), one
# after the other. FUZZFLAGS are more flags for go test, such as -parallel=1.
#
# A failing input is written below the package's testdata/fuzz: commit it with the fix.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
time=${1:-10s}
pattern=${2:-.}

# fuzz runs one test. That go test's own deadline now and then counts as a failure (go.dev/issue/75804) is forgiven: then
# nothing but it is said.
fuzz() { # folder name
  local log
  log=$(mktemp)
  # shellcheck disable=SC2086 # FUZZFLAGS are several
  if go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 50x ${FUZZFLAGS:-} "./$1" </dev/null >"$log" 2>&1; then
    tail -n 3 "$log"
  elif grep -q '^    context deadline exceeded$' "$log" && ! grep -qE 'Failing input|panic|hung' "$log"; then
    grep '^fuzz: elapsed' "$log" | tail -n 1
  else
    cat "$log"
    rm "$log"
    return 1
  fi
  rm "$log"
}

grep -rlE '^func Fuzz' --include='*_test.go' broker controllers cmd test | sort | while read -r file; do
  grep -oE '^func Fuzz\w+' "$file" | while read -r _ name; do
    folder=$(dirname "$file")
    [[ $folder/$name =~ $pattern ]] || continue
    echo "fuzz $folder $name"
    fuzz "$folder" "$name"
  done
done
