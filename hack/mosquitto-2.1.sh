#!/usr/bin/env bash
# mosquitto-2.1.sh: print the folder of a Mosquitto newer than the system's, as the command mosquitto-2.1, for `make bench`.
#
# It is Debian's of the suite $suite, unpacked with all that it needs into the cache and run by its own libc: nothing is installed. Where
# there is no apt, or no such package, it says so, prints nothing, and the bench goes without.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
suite=forky
dir=${DUNLIN_CACHE:-$root/.cache}/mosquitto-2.1
if [ -x "$dir/mosquitto-2.1" ]; then
  echo "$dir"
  exit
fi

give_up() {
  echo "no newer Mosquitto: $1" >&2
  exit 0
}
command -v apt-get >/dev/null || give_up "there is no apt-get"
# shellcheck disable=SC2016 # it is apt that expands it
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | sed '/security/d' | sort -u | head -1)
[ -n "$mirror" ] || give_up "apt knows no archive of Debian"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -f "$keys" ] || give_up "$keys is not there"

rm -rf "$dir"
mkdir -p "$dir"/{lists,archives}/partial "$dir/root"
trap 'rm -rf "$dir"/{lists,archives,status,sources.list}' EXIT
: >"$dir/status"
echo "deb [signed-by=$keys] $mirror $suite main" >"$dir/sources.list"
apt() { # as of a system on which nothing is installed
  apt-get -qq -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$dir/lists" \
    -o Dir::State::status="$dir/status" -o Dir::Cache::archives="$dir/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
    -o APT::Install-Recommends=false -o APT::Sandbox::User= -o Debug::NoLocking=true "$@" >&2
}
apt update || give_up "the package lists of $suite cannot be had"
apt -y --download-only install mosquitto || give_up "$suite has none that can be had"
for package in "$dir"/archives/*.deb; do
  dpkg-deb -x "$package" "$dir/root"
done
libraries=$(find "$dir/root" -name libc.so.6 -printf %h -quit)
loader=$(find "$dir/root" -name 'ld-linux-*.so.*' -print -quit)
ldconfig -n "$libraries"
cat >"$dir/mosquitto-2.1" <<EOF
#!/bin/sh
exec "$loader" --library-path "$libraries" "$dir/root/usr/sbin/mosquitto" "\$@"
EOF
chmod +x "$dir/mosquitto-2.1"
echo "$dir"
