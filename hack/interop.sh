#!/usr/bin/env bash
# interop.sh: install the clients that test/interop drives.
#
# Mosquitto's are needed. Without Node.js and Chromium the tests of mqtt.js are skipped and say so;
# CI must have them.
set -euo pipefail
hack=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

"$hack/packages.sh" mosquitto_pub:mosquitto-clients mosquitto_sub:mosquitto-clients mosquitto_rr:mosquitto-clients \
  mosquitto_passwd:mosquitto

if ! { "$hack/packages.sh" node:nodejs npm:npm chromium:chromium && "$hack/npm.sh" "$hack/../test/interop/mqttjs"; }; then
  [ -z "${CI:-}" ] || exit 1
  echo "interop.sh: the tests of mqtt.js will be skipped" >&2
fi
