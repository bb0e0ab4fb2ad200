#!/usr/bin/env bash
# client-image.sh: build the image localhost/dunlin-client:dev and print its archive: Debian's mosquitto_pub
# and mosquitto_sub with the libraries that they need, and sleep, for a pod to run them in.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=${DUNLIN_CACHE:-$root/.cache}/images
mkdir -p "$out"

"$root/hack/packages.sh" mosquitto_pub:mosquitto-clients mosquitto_sub:mosquitto-clients
files=()
for name in mosquitto_pub mosquitto_sub sleep; do
  binary=$(readlink -f "$(command -v "$name")")
  files+=("$binary:/$name")
  while read -r library; do
    files+=("$library:$library")
  done < <(ldd "$binary" | grep -oE '/[^ ]+')
done
mapfile -t files < <(printf '%s\n' "${files[@]}" | sort -u)
"$root/hack/cluster/image" localhost/dunlin-client:dev "$out/dunlin-client.tar" /sleep "${files[@]}"
echo "$out/dunlin-client.tar"
