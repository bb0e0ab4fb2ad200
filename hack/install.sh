#!/usr/bin/env bash
# install.sh: cluster up, images built from scratch and loaded, chart installed. Prints a line a step.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
begun=$SECONDS
step() { printf '%4ds  %s\n' $((SECONDS - begun)) "$*"; }

step "building the cluster (a few minutes the first time)"
hack/cluster/build
step "starting it"
hack/cluster/up
eval "$(hack/cluster/env)"
step "building the images"
mapfile -t archives < <(hack/images.sh dev && hack/client-image.sh)
step "loading ${#archives[@]} images"
hack/cluster/load "${archives[@]}"
step "installing the chart"
helm upgrade --install dunlin charts/dunlin --namespace dunlin-system --create-namespace \
  --set operator.image.repository=localhost/dunlin-operator --set operator.image.tag=dev \
  --set broker.image.repository=localhost/dunlin-broker --set broker.image.tag=dev --wait --timeout 2m >/dev/null
# The images may have changed under the same tag.
kubectl -n dunlin-system rollout restart deployment -l app.kubernetes.io/name=dunlin >/dev/null
kubectl -n dunlin-system rollout status deployment -l app.kubernetes.io/name=dunlin --timeout=2m >/dev/null
step "operator running"
