#!/usr/bin/env bash
# Sets up whatever the tests need and runs them: lint, types, the fast suite.
#
#   scripts/test.sh                  the fast suite
#   scripts/test.sh --full           everything, slow tests too
#   scripts/test.sh -k audio -x      further options go to pytest
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"
cd -- "$root"

suite=(-m "not slow")
programs=(node:nodejs)
if [ "${1:-}" = --full ]; then
  suite=()
  # GSAP comes from npm; its licence does not allow a copy here.
  programs+=(npm:npm redis-server:redis-server)
  shift
fi

# Two decoders other than our own check the files: ffmpeg, and openh264 through GStreamer.
apt_install chromium-headless-shell ffmpeg gstreamer1.0-tools gstreamer1.0-plugins-base \
  gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav
# Scripts with values in them are run by Node; whichever is on the PATH will do.
for pair in "${programs[@]}"; do
  command -v "${pair%%:*}" >/dev/null || apt_install "${pair#*:}"
done
make_venv dev

"$venv/bin/ruff" check .
"$venv/bin/ruff" format --check .
"$venv/bin/mypy"
# As many at once as there are processors, up to four: each brings browsers and servers of its own.
processes=$(nproc)
exec "$venv/bin/python" -m pytest -n "$((processes < 4 ? processes : 4))" --dist worksteal ${suite[@]+"${suite[@]}"} "$@"
