#!/usr/bin/env bash
# manifest.sh VERSION DIR: build kubectl-mqtt for every platform of the Krew manifest into archives in DIR, and the manifest
# for them, DIR/mqtt.yaml. VERSION is a tag such as v1.2.3. With PLATFORMS="linux/amd64 ..." it has those alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[ $# = 2 ] || { echo "usage: $0 VERSION DIR" >&2 && exit 2; }
VERSION=$1 out=$2
[[ $VERSION =~ ^v[0-9]+\.[0-9]+\.[0-9]+ ]] || { echo "manifest.sh: VERSION $VERSION is not like v1.2.3" >&2 && exit 2; }
mkdir -p "$out"
manifest=$(sed "s|\${VERSION}|$VERSION|g" packaging/krew/mqtt.yaml.tmpl)
for platform in ${PLATFORMS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64}; do
  os=${platform%/*} arch=${platform#*/} folder=$(mktemp -d)
  GOOS=$os GOARCH=$arch CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o "$folder/kubectl-mqtt" ./cmd/kubectl-mqtt
  cp LICENSE "$folder/LICENSE"
  archive=$out/kubectl-mqtt_${os}_$arch.tar.gz
  # The same sources make the same archive.
  tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C "$folder" -cf - LICENSE kubectl-mqtt | gzip -n >"$archive"
  rm -rf "$folder"
  sum=$(sha256sum "$archive" | cut -d' ' -f1)
  name=SHA256_${os^^}_${arch^^}
  manifest=${manifest//\$\{$name\}/$sum}
done
# A platform that was not built still has the name of its sum, and is left out.
printf '%s\n' "$manifest" | awk '
  function flush() { if (block !~ /\$\{/) printf "%s", block; block = "" }
  /^    - / { flush() }
  { block = block $0 "\n" }
  END { flush() }' >"$out/mqtt.yaml"
echo "$out/mqtt.yaml"
