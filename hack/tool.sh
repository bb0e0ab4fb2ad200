#!/usr/bin/env bash
# tool.sh NAME: print the path of a tool, built if it is not there yet.
#
# hack/tools pins the tools' versions; golangci-lint has a module of its own there, as its authors
# advise, and so has krew, which wants older libraries. A tool is kept under the sum of what it is built from, so that changing a version builds
# anew and switching back does not. Nothing is installed outside of the cache.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
name=${1:?usage: tool.sh NAME}

module=$root/hack/tools
case $name in
controller-gen) package=sigs.k8s.io/controller-tools/cmd/controller-gen ;;
setup-envtest) package=sigs.k8s.io/controller-runtime/tools/setup-envtest ;;
gotestsum) package=gotest.tools/gotestsum ;;
apidocs) package=./apidocs ;;
krew) package=sigs.k8s.io/krew/cmd/krew module=$module/krew ;;
golangci-lint) package=github.com/golangci/golangci-lint/v2/cmd/golangci-lint module=$module/lint ;;
*) echo "tool.sh: no tool named $name" >&2 && exit 2 ;;
esac

sources=("$module/go.mod" "$module/go.sum")
[[ $package != ./* ]] || sources+=("$module/$package"/*.go)
sum=$(cat "${sources[@]}" | cat - <(go env GOVERSION) | sha256sum | cut -c1-12)
binary=${DUNLIN_CACHE:-$root/.cache}/tools/$name-$sum

if [ ! -x "$binary" ]; then
  echo "building $name" >&2
  CGO_ENABLED=0 GOWORK=off GOFLAGS='' go -C "$module" build -trimpath -ldflags '-s -w' -o "$binary.$$" "$package"
  mv "$binary.$$" "$binary"
fi
echo "$binary"
