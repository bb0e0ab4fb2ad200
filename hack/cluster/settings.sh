# shellcheck shell=bash disable=SC2034 # what is set here is used by the scripts that source it
# Where things are and how the scripts of this folder speak. Sourced by each of
# them; does nothing by itself. The caller has `set -euo pipefail`.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${DUNLIN_CACHE:-$HERE/../../.cache}
mkdir -p "$CACHE"
CACHE=$(cd "$CACHE" && pwd -P) # as mount tells it, so that down finds what is mounted

# OUT is named after everything that is built, so that a changed file means a new folder.
checksum() { sha256sum 2>/dev/null || shasum -a 256; }
OUT=$CACHE/cluster-$({ cat "$HERE"/{go.mod,go.sum,build,image} "$HERE"/*/*.go; uname -sm; } | checksum | cut -c1-12)

# RUN holds the running cluster: keys, logs, etcd, containers, volumes.
RUN=$CACHE/cluster-run

say() { printf '%s\n' "$*"; }
fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# provider prints who runs the cluster: own or kind.
provider() {
  case ${DUNLIN_CLUSTER:-} in
    own | kind) say "$DUNLIN_CLUSTER" ;;
    "")
      if [ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ]; then
        say own
      elif command -v kind >/dev/null && docker info >/dev/null 2>&1; then
        say kind
      else
        fail "a cluster needs root on Linux, or a running Docker and kind; this is user $(id -un) on $(uname -s)"
      fi
      ;;
    *) fail "DUNLIN_CLUSTER is '$DUNLIN_CLUSTER', want own or kind" ;;
  esac
}
