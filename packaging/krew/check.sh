#!/usr/bin/env bash
# check.sh DIR: have Krew itself take the manifest and this machine's archive that manifest.sh has left in DIR, into a folder of its
# own and with no network, and run what it has installed.
set -euo pipefail
dir=$(cd "${1:?usage: check.sh DIR}" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
krew=$(hack/tool.sh krew)
KREW_ROOT=$(mktemp -d)
trap 'rm -rf "$KREW_ROOT"' EXIT
export KREW_ROOT KREW_NO_UPGRADE_CHECK=1
if ! said=$("$krew" install --manifest "$dir/mqtt.yaml" --archive "$dir/kubectl-mqtt_$(go env GOHOSTOS)_$(go env GOHOSTARCH).tar.gz" 2>&1); then
  printf 'check.sh: Krew refuses it:\n%s\n' "$said" >&2
  exit 1
fi
version=$(sed -n 's/^  version: //p' "$dir/mqtt.yaml")
runs=$("$KREW_ROOT/bin/kubectl-mqtt" version)
[[ $runs == "kubectl-mqtt $version "* ]] || { echo "check.sh: what Krew has installed says $runs, and not $version" >&2 && exit 1; }
echo "Krew installs it: $runs"
