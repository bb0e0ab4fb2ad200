#!/usr/bin/env bash
# lint.sh: the checks that need no test to run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
failed=0

step() { # what command...
  echo "lint: $1" >&2
  "${@:2}" || failed=1
}

# no_kubernetes fails if the broker's program, with all that it imports, has a package of Kubernetes.
no_kubernetes() {
  local imports found
  imports=$(go list -deps ./cmd/broker) || return 1
  found=$(grep 'k8s\.io/' <<<"$imports") || return 0
  printf 'cmd/broker must not depend on Kubernetes, but imports:\n%s\n' "$found" >&2
  return 1
}

scripts() {
  git ls-files -z --cached --others --exclude-standard -- hack .ci packaging |
    xargs -0 grep -lIE '^#!.*\b(ba)?sh$|^# shellcheck shell=' -- | sort
}

check_scripts() {
  local files
  mapfile -t files < <(scripts)
  shellcheck -x "${files[@]}"
}

hack/packages.sh shellcheck:shellcheck
step shellcheck check_scripts
step 'no Kubernetes in the broker' no_kubernetes
golangci_lint=$(hack/tool.sh golangci-lint)
step golangci-lint "$golangci_lint" run --allow-serial-runners ./...
step console hack/console.sh check
step 'go vet in hack/tools' go -C hack/tools vet ./...
step 'go vet in test/bench/peers' go -C test/bench/peers vet ./mochi
[ $failed = 0 ] || { echo "lint: failed" >&2 && exit 1; }
echo "lint: ok"
