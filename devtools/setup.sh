#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
#
# Prepares a Debian machine: installs what is missing of devtools/packages.txt and fetches the DPDK driver
# headers. Every make target that builds runs it first; with nothing to do it takes a few milliseconds, makes
# no apt call and needs no root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

die() {
  echo "setup: $1" >&2
  exit 1
}

missing_packages() {
  local wanted have
  wanted=$(sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$here/packages.txt" | sort -u)
  # shellcheck disable=SC2086  # a list of words
  have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null | sed -n 's/^installed //p' | sort -u)
  comm -23 <(echo "$wanted") <(echo "$have")
}

install_packages() {
  local packages=$1 names
  names=$(echo "$packages" | tr '\n' ' ')
  command -v apt-get >/dev/null || die "there is no apt-get to install them with: $names"
  [ "$(id -u)" = 0 ] || die "packages are missing; run this as root, or have installed: $names"
  echo "setup: installing $names"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q update || die "apt-get update failed; check the mirrors in /etc/apt and the network"
  # shellcheck disable=SC2086
  apt-get -q install -y --no-install-recommends -o Dpkg::Use-Pty=0 $packages ||
    die "apt-get could not install them (see above); needed: $names"
}

command -v dpkg-query >/dev/null ||
  die "this is not a Debian system; install the counterparts of devtools/packages.txt by hand, then run meson"
packages=$(missing_packages)
[ -z "$packages" ] || install_packages "$packages"

# Without them everything but the DPDK driver can still be built, and Meson's summary says so.
"$here/fetch_dpdk_headers.sh" || echo "setup: going on without the DPDK driver net_zcnbrh" >&2
