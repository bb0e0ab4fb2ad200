#!/usr/bin/env bash
# profile.sh: write cmd/broker/default.pgo, by which the compiler makes the broker faster (go help build, -pgo).
#
# The broker runs under workloads of test/bench, compiled without that profile, and each run leaves one; default.pgo is all of them
# together. It need not follow each change: what has another name or place by now is compiled as without it.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/profiles"
go build -pgo=off -o "$dir/dunlin-broker" ./cmd/broker

# The bench kills its brokers. This one is stopped by it, by way of the death of its parent, and writes its profile.
cat >"$dir/profiled" <<EOF
#!/bin/sh
setpriv --pdeathsig TERM "$dir/dunlin-broker" --cpu-profile "$dir/profiles/\$\$" "\$@" &
wait
EOF
chmod +x "$dir/profiled"

go run ./test/bench -only fan-in-0,fan-in-1,fan-out,pairs-0,pairs-1,pairs-2,wildcards,offline,retain,connect,tls,websocket \
  -rounds 1 -peers dunlin -pin=false -program "$dir/profiled"
while pgrep -f "$dir/dunlin-broker" >/dev/null; do sleep 0.1; done # the last one still writes
go tool pprof -proto "$dir"/profiles/* >cmd/broker/default.pgo
go tool pprof -top -nodecount=5 cmd/broker/default.pgo
