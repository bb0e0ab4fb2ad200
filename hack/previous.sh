#!/usr/bin/env bash
# previous.sh: build the images of the version before this one (DUNLIN_PREVIOUS, or the commit before HEAD), tagged "previous". It
# prints the folder that it is in, and the archives of the images.
#
# Where there is no such commit, as in a clone of depth 1, it takes HEAD and says so.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$(mkdir -p "${DUNLIN_CACHE:-$root/.cache}" && cd "${DUNLIN_CACHE:-$root/.cache}" && pwd -P)
cd "$root"
commit=$(git rev-parse --quiet --verify "${DUNLIN_PREVIOUS:-HEAD~1}^{commit}") || {
  commit=$(git rev-parse HEAD)
  echo "previous.sh: there is no commit before HEAD here (a shallow clone?): the upgrade is from HEAD" >&2
}
tree=$cache/previous
rm -rf "$tree"
mkdir -p "$tree" "$cache/images"
git archive "$commit" | tar -x -C "$tree"
echo "$tree"
for name in operator broker; do
  CGO_ENABLED=0 go -C "$tree" build -trimpath -ldflags "-s -w -X main.version=$commit" -o "$tree/bin/dunlin-$name" "./cmd/$name" >&2
  hack/cluster/image "localhost/dunlin-$name:previous" "$cache/images/previous-$name.tar" "/dunlin-$name" "$tree/bin/dunlin-$name" >&2
  echo "$cache/images/previous-$name.tar"
done
