#!/usr/bin/env bash
# screenshots.sh: write docs/images/console-*.png: each page of the console, of a real broker with traffic, in Chromium.
#
# It installs the fonts that the pictures are made with; without them others are taken.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
hack/packages.sh chromium:chromium
hack/console.sh install
for font in inter jetbrains-mono; do
  [ -d "/usr/share/fonts/opentype/$font" ] || [ -d "/usr/share/fonts/truetype/$font" ] ||
    hack/packages.sh "no-such-command:fonts-$font" || echo "screenshots.sh: without the font $font" >&2
done
mkdir -p docs/images
go test -count=1 -timeout 10m -run '^TestPictures$' ./test/console -pictures "$PWD/docs/images"
ls -l docs/images/console-*.png
