#!/usr/bin/env bash
# e2e.sh [cert-manager]: the end-to-end tests on a real Kubernetes, which is stopped again if it was not running; or, with cert-manager
# in it, the one that is about that.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
running=no
if [ -d "${DUNLIN_CACHE:-$root/.cache}/cluster-run/pids" ]; then running=yes; fi
finish() { [ "$running" = yes ] || hack/cluster/down; }
trap finish EXIT
hack/install.sh
eval "$(hack/cluster/env)"
if [ "${1:-}" = cert-manager ]; then
  hack/cert-manager.sh
  DUNLIN_CERT_MANAGER=1 ${GO_TEST:-go test} -tags e2e -count=1 -timeout 15m ./test/e2e/ -ginkgo.focus 'the real cert-manager' -ginkgo.fail-on-empty
else
  ${GO_TEST:-go test} -tags e2e -count=1 -timeout 15m ./test/e2e/
fi
