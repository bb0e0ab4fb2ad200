#!/usr/bin/env bash
# generate.sh: write everything that is generated. `make verify` fails if this changes anything.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
controller_gen=$(hack/tool.sh controller-gen)
apidocs=$(hack/tool.sh apidocs)

"$controller_gen" object paths=./api/... paths=./broker/config/...
"$controller_gen" crd paths=./api/... output:crd:dir=config/crd
"$controller_gen" rbac:roleName=dunlin-operator paths=./controllers/... output:rbac:dir=config/rbac
cp config/crd/*_*.yaml charts/dunlin/files/crd/
cp config/rbac/role.yaml charts/dunlin/files/role.yaml
"$apidocs" config/crd/*_*.yaml >docs/api.md
go run ./hack/adminapi
# The console's types are the admin API's; what is built of it is kept.
go test ./console -count=1 -run '^TestTypes$' -update >/dev/null
hack/console.sh build
go run ./hack/metricsdocs >docs/metrics.md
go run ./hack/dashboard >config/monitoring/dashboard.json
{
  printf '# Generated from alerts.yaml by make generate: the same rules for the Prometheus operator.\n'
  printf 'apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: dunlin\nspec:\n'
  grep -v '^#' config/monitoring/alerts.yaml | sed 's/^/  /'
} >config/monitoring/prometheusrule.yaml
# A chart can read only what is in it.
cp config/crd/*_*.yaml charts/dunlin/files/crd/
cp config/rbac/role.yaml charts/dunlin/files/role.yaml
go run ./cmd/kubectl-mqtt reference >docs/cli.md
cp config/monitoring/{alerts.yaml,dashboard.json} charts/dunlin/files/
