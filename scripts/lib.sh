# shellcheck shell=bash
# What the scripts share; sourced, not run. Needs bash. Expects $root, the folder of the repository.

say() { printf '%s\n' "$*" >&2; }

die() {
  say "$*"
  exit 3
}

# The first Python that is new enough.
find_python() {
  local name
  for name in python3 python3.11 python3.12 python3.13 python3.14; do
    if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  die "Python 3.11 or newer is needed. On Debian 12: apt-get install python3"
}

# as_root COMMAND...: directly, or through sudo (which may ask only where there is a terminal).
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    env DEBIAN_FRONTEND=noninteractive "$@"
  elif ! command -v sudo >/dev/null; then
    die "Root is needed, and there is no sudo. As root: $*"
  elif [ -t 0 ]; then
    sudo env DEBIAN_FRONTEND=noninteractive "$@"
  else
    sudo -n env DEBIAN_FRONTEND=noninteractive "$@" || return
  fi
}

apt_get() { as_root apt-get -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 "$@"; }

# Package lists that are there and less than a day old.
apt_lists_are_fresh() {
  [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mtime -1 -print -quit 2>/dev/null)" ]
}

# apt_install PACKAGE...: installs those that are missing; quick when none is.
apt_install() {
  local package try missing=()
  if ! command -v dpkg-query >/dev/null; then
    say "This is not Debian: install what corresponds to these by hand: $*"
    return
  fi
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  say "Installing: ${missing[*]}"
  for try in 1 2 3; do
    # A list can be fresh by its date and name versions that the mirror has dropped: hence again on a retry.
    if [ "$try" -gt 1 ] || ! apt_lists_are_fresh; then
      apt_get update >&2 || true
    fi
    if apt_get install -y --no-install-recommends "${missing[@]}" >&2; then
      return
    fi
    sleep "$((try * 2))"
  done
  die "These packages could not be installed: ${missing[*]}"
}

# make_venv EXTRA: the package, editable, with its extra ("" or "dev"), in $venv. Does nothing if that is so already.
make_venv() {
  local extra=$1 python stamp wanted
  venv=${FRAMEPRESS_VENV:-$root/.venv}
  # An environment with the dev extra serves those without it too.
  wanted=$(cat "$root/pyproject.toml" <(printf '%s\n' "$root") | sha256sum | cut -d' ' -f1)
  for stamp in "$venv/.framepress-$extra" "$venv/.framepress-dev"; do
    if [ "$(cat "$stamp" 2>/dev/null || true)" = "$wanted" ] && "$venv/bin/python" -c 'import framepress' 2>/dev/null; then
      return
    fi
  done
  if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    # Debian leaves ensurepip out of its Python and puts it into a package of its own.
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
      apt_install "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    fi
    say "Making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
  fi
  say "Installing framepress${extra:+ with its extra \"$extra\"} into $venv"
  rm -f "$venv"/.framepress-*
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --retries 5 --timeout 30 \
    --editable "$root${extra:+[$extra]}" >&2
  printf '%s\n' "$wanted" >"$venv/.framepress-$extra"
}
