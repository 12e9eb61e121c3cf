#!/usr/bin/env bash
# Says which of the named Debian packages are missing, and installs them where that is allowed.
# usage: packages.sh REASON PACKAGE...
set -euo pipefail
reason=$1
shift
missing=()
for package; do
  dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
    missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "Debian packages needed $reason: ${missing[*]}"
if [ "$(id -u)" -ne 0 ]; then
  echo "Install them and call again:  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
echo "Installing them ..."
apt-get -qq update >/dev/null
apt-get -qq install --no-install-recommends --yes "${missing[@]}" >/dev/null
