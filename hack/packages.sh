#!/usr/bin/env bash
# packages.sh COMMAND:PACKAGE...: install the Debian packages whose commands are missing.
#
# With every command there, it does nothing and needs nothing. Otherwise it installs as root, or by
# sudo where that asks for no password; elsewhere it says what to install. A service that a package
# brings is not left running: tests start what they need themselves.
set -euo pipefail

missing=() services=()
for item; do
  command -v "${item%%:*}" >/dev/null || missing+=("${item#*:}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "missing packages, by their Debian names: ${missing[*]}; install them, or what they are called here" >&2
  exit 1
fi

as_root=()
if [ "$(id -u)" != 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "missing packages; install them first:  sudo apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo -n)
fi
echo "installing ${missing[*]}" >&2
{
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
} >/dev/null
for name in "${missing[@]}"; do
  [ ! -e "/lib/systemd/system/$name.service" ] || services+=("$name")
done
if [ ${#services[@]} -gt 0 ] && [ -d /run/systemd/system ]; then
  "${as_root[@]}" systemctl disable --now --quiet "${services[@]}"
fi
