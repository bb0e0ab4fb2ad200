#!/usr/bin/env bash
# fuzz-corpus.sh [N] [PATTERN]: add to the committed corpus of every fuzz test whose folder and name fit PATTERN up to N (12)
# of the inputs that `make fuzz` has found interesting on this machine, of all lengths, so that `go test` tries them everywhere.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
most=${1:-12}
pattern=${2:-.}
cache=$(go env GOCACHE)/fuzz/$(go list -m)

grep -rlE '^func Fuzz' --include='*_test.go' broker controllers cmd test | sort | while read -r file; do
  grep -oE '^func Fuzz\w+' "$file" | while read -r _ name; do
    folder=$(dirname "$file")
    [[ $folder/$name =~ $pattern && -d $cache/$folder/$name ]] || continue
    corpus=$folder/testdata/fuzz/$name
    mkdir -p "$corpus"
    find "$cache/$folder/$name" -type f -size -4k -printf '%s %p\n' | sort -n | awk -v most="$most" '
      { path[NR] = $2 }
      END { step = NR > most ? NR / most : 1; for (i = 1; i <= NR; i += step) print path[int(i)] }' |
      xargs -r cp -t "$corpus"
    echo "$(find "$corpus" -type f | wc -l) in $corpus"
  done
done
