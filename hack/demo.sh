#!/usr/bin/env bash
# demo.sh: the quickstart on a real Kubernetes. Installs what it needs, applies the quickstart's
# Broker, User and ACL, sends a message through the Service over TLS with the generated password,
# and shows a topic that the ACL does not allow being refused. Leaves the cluster up.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
hack/install.sh
eval "$(hack/cluster/env)"

show() { printf '\n$ %s\n' "$*" && "$@"; }

show kubectl apply -f config/samples/quickstart.yaml
show kubectl wait --for=condition=Ready broker/edge user/alice acl/sensors --timeout=2m
show kubectl get brokers,users,acls

# client runs a command in a pod that has the user's connection Secret mounted.
kubectl apply -f hack/demo-client.yaml >/dev/null
kubectl wait --for=condition=Ready pod/client --timeout=1m >/dev/null
client() { kubectl exec client -- "$@"; }

password=$(kubectl get secret alice-mqtt -o jsonpath='{.data.password}' | base64 -d)
login=(-h edge.default.svc -p 8883 --cafile /mqtt/ca.crt -u alice -P "$password" -V 5)
masked="-h edge.default.svc -p 8883 --cafile /mqtt/ca.crt -u alice -P \$password -V 5"

printf '\n$ mosquitto_pub %s -t sensors/kitchen -m 21.5 -q 1 -r\n' "$masked"
client mosquitto_pub "${login[@]}" -t sensors/kitchen -m 21.5 -q 1 -r
printf '$ mosquitto_sub %s -t "sensors/#" -v -C 1\n' "$masked"
received=$(client mosquitto_sub "${login[@]}" -t 'sensors/#' -v -C 1 -W 20)
echo "$received"
[ "$received" = "sensors/kitchen 21.5" ] || { echo "demo.sh: want 'sensors/kitchen 21.5'" >&2 && exit 1; }

printf '\n$ mosquitto_pub %s -t secrets/door -m open -q 1\n' "$masked"
denied=$(client mosquitto_pub "${login[@]}" -t secrets/door -m open -q 1 2>&1 || true)
echo "$denied"
grep -qi 'not authorized' <<<"$denied" || { echo "demo.sh: publishing to secrets/door was not refused" >&2 && exit 1; }

cat <<'TEXT'

It works. The cluster is still up; `make cluster-down` removes it. To look around:

  eval "$(hack/cluster/env)"
  kubectl get mqtt
TEXT
