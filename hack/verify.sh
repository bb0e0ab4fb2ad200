#!/usr/bin/env bash
# verify.sh: fail, and show the difference, if anything generated is not what `make generate` makes,
# or if a go.mod is not tidy.
#
# It works on a copy, so that it neither needs a clean tree nor changes it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export DUNLIN_CACHE=${DUNLIN_CACHE:-$root/.cache}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"

mkdir "$work/committed"
git ls-files -z --cached --others --exclude-standard |
  while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
  tar --null --files-from - -cf - | tar -C "$work/committed" -xf -
cp -a "$work/committed" "$work/generated"

# What the console is built with need not be fetched again.
[ ! -d console/node_modules ] || ln -s "$root/console/node_modules" "$work/generated/console/node_modules"
make --no-print-directory -C "$work/generated" generate
rm -rf "$work/generated"/console/{node_modules,build}
find "$work/generated" -name go.mod -printf '%h\n' | while read -r module; do
  GOWORK=off GOFLAGS='' go -C "$module" mod tidy
done

if ! (cd "$work" && diff -ruN committed generated); then
  echo "verify: what is generated differs; run 'make generate', and 'go mod tidy' for a go.mod, and commit" >&2
  exit 1
fi
echo "verify: everything generated is up to date"
