#!/usr/bin/env bash
# images.sh [TAG]: build the images localhost/dunlin-operator and localhost/dunlin-broker, TAG or dev,
# and print their archives, which `hack/cluster/load`, docker and podman read.
#
# It builds what the Dockerfile builds, without Docker.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tag=${1:-dev}
out=${DUNLIN_CACHE:-$root/.cache}/images
mkdir -p "$out"
cd "$root"

for name in operator broker; do
  make --no-print-directory "bin/dunlin-$name" CGO_ENABLED=0 >&2
  hack/cluster/image "localhost/dunlin-$name:$tag" "$out/dunlin-$name.tar" "/dunlin-$name" "bin/dunlin-$name" >&2
  echo "$out/dunlin-$name.tar"
done
