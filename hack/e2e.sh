#!/usr/bin/env bash
# e2e.sh: the end-to-end tests on a real Kubernetes, which is stopped again if it was not running.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
running=no
if [ -d "${DUNLIN_CACHE:-$root/.cache}/cluster-run/pids" ]; then running=yes; fi
finish() { [ "$running" = yes ] || hack/cluster/down; }
trap finish EXIT
hack/install.sh
eval "$(hack/cluster/env)"
${GO_TEST:-go test} -tags e2e -count=1 -timeout 15m ./test/e2e/
