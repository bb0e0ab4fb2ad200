#!/usr/bin/env bash
# console.sh build|check|install: build the console into console/dist; check it: types, lint, unit tests; or only
# install what that takes. What is built is kept in the repository, so that `go build` needs no Node.js.
#
# Without Node.js 20.19 or newer, CI fails, and elsewhere this says so and does nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# node_is_new_enough says whether Vite runs here.
node_is_new_enough() {
  node -e 'const [major, minor] = process.versions.node.split(".").map(Number)
process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' 2>/dev/null
}

if ! { hack/packages.sh node:nodejs npm:npm && node_is_new_enough; }; then
  echo "console.sh: needs Node.js 20.19 or newer; the console is left as it is" >&2
  [ -z "${CI:-}" ] || exit 1
  exit 0
fi
hack/npm.sh console

case ${1:-} in
build)
  (cd console && npm run --silent build -- --logLevel warn)
  go run ./console/pack console/build console/dist
  ;;
check) (cd console && npm run --silent check && npm run --silent test -- --reporter=dot) ;;
install) ;;
*)
  echo "usage: console.sh build|check|install" >&2
  exit 2
  ;;
esac
