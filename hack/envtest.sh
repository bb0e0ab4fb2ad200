#!/usr/bin/env bash
# envtest.sh: print the folder with the etcd and kube-apiserver that the controllers' tests start.
#
# In this order: KUBEBUILDER_ASSETS; the ones built here before; setup-envtest's download, which
# needs more of the internet than Go's modules do and so may fail; a build from source, which takes
# some minutes once. DUNLIN_SETUP_ENVTEST=0 leaves the download out.
set -euo pipefail
hack=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

given() {
  local name
  for name in etcd kube-apiserver; do
    [ -x "$KUBEBUILDER_ASSETS/$name" ] || {
      echo "envtest.sh: KUBEBUILDER_ASSETS is $KUBEBUILDER_ASSETS, which has no $name" >&2
      exit 1
    }
  done
  echo "$KUBEBUILDER_ASSETS"
}

# built says whether the cluster's build has made them.
built() (
  # shellcheck source-path=SCRIPTDIR source=cluster/settings.sh
  . "$hack/cluster/settings.sh"
  [ -d "$OUT/envtest" ]
)

# download fetches the minor version that the cluster has.
download() {
  local tool version
  [ "${DUNLIN_SETUP_ENVTEST:-1}" != 0 ] || return 1
  tool=$("$hack/tool.sh" setup-envtest)
  version=$(go -C "$hack/cluster" list -m -f '{{.Version}}' k8s.io/kubernetes)
  version=${version#v}
  timeout 120 "$tool" use "${version%.*}.x" --bin-dir "${DUNLIN_CACHE:-$hack/../.cache}/envtest" -p path 2>/dev/null || {
    echo "setup-envtest can't download Kubernetes $version here" >&2
    return 1
  }
}

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
  given
elif built || ! download; then
  "$hack/cluster/build" envtest
fi
