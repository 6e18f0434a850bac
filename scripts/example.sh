#!/usr/bin/env bash
# From a fresh checkout to finished clips: installs framepress into .venv, a browser if there is none,
# and renders the rows of examples/card/full.json into out/. Safe to run again; what is done is kept.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"
cd -- "$root"

make_venv ""
"$venv/bin/framepress" doctor --install
exec "$venv/bin/framepress" render examples/card/card.html \
  --variants examples/card/full.json --out-dir out/ "$@"
