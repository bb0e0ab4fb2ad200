#!/usr/bin/env bash
# cert-manager.sh: build cert-manager from its Go module, load it into the running cluster and install it with its own chart.
#
# Its version is hack/certmanager/go.mod's: the last one whose programs are packages of the one module. Those of later ones are modules
# whose names are not the folders that they are in, which no Go module proxy can serve.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
eval "$(hack/cluster/env)"
module=github.com/cert-manager/cert-manager
go -C hack/certmanager mod download "$module"
read -r version folder < <(go -C hack/certmanager list -m -f '{{.Version}} {{.Dir}}' "$module")
out=${DUNLIN_CACHE:-$root/.cache}/cert-manager-$version
mkdir -p "$out"
out=$(cd "$out" && pwd -P)
archives=()
for name in controller webhook cainjector; do
  if [ ! -x "$out/$name" ]; then
    CGO_ENABLED=0 go -C hack/certmanager build -trimpath -ldflags '-s -w' -o "$out/$name" "$module/cmd/$name"
  fi
  hack/cluster/image "localhost/cert-manager-$name:$version" "$out/$name.tar" "/$name" "$out/$name"
  archives+=("$out/$name.tar")
done
hack/cluster/load "${archives[@]}"

rm -rf "$out/chart"
cp -r "$folder/deploy/charts/cert-manager" "$out/chart"
chmod -R u+w "$out/chart"
cp "$folder"/deploy/crds/crd-*.yaml "$out/chart/templates/"
printf 'apiVersion: v2\nname: cert-manager\nversion: %s\nappVersion: %s\n' "${version#v}" "$version" >"$out/chart/Chart.yaml"
helm upgrade --install cert-manager "$out/chart" --namespace cert-manager --create-namespace --wait --timeout 3m \
  --set image.repository=localhost/cert-manager-controller --set webhook.image.repository=localhost/cert-manager-webhook \
  --set cainjector.image.repository=localhost/cert-manager-cainjector --set startupapicheck.enabled=false >/dev/null
echo "cert-manager $version runs"
