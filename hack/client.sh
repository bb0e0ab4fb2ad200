#!/usr/bin/env bash
# client.sh: print the folder with the helm and kubectl that the chart's tests run, built from source if they are not there.
set -euo pipefail
hack=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$hack/cluster/build" client >&2
# shellcheck source-path=SCRIPTDIR source=cluster/settings.sh
. "$hack/cluster/settings.sh"
echo "$OUT/bin"
