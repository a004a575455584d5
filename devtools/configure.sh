#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
#
# configure.sh BUILD_FOLDER [meson setup options]: configures the folder if it is new, if its options are
# not the ones asked for, or if the DPDK (or what was fetched of its source) it was configured with are no longer those
# of this machine; otherwise leaves it to Ninja.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
[ $# -ge 1 ] || { echo "usage: configure.sh BUILD_FOLDER [meson setup options]" >&2; exit 2; }
build=$1
shift

headers=$("$root/devtools/fetch_dpdk_headers.sh" --print-dir)
[ -e "$headers/complete" ] || headers=none
examples=$("$root/devtools/fetch_dpdk_headers.sh" --print-examples)
[ -d "$examples" ] || examples=none
state="$* | ${CXX:-c++} | DPDK $(pkg-config --modversion libdpdk 2>/dev/null || echo none) | $headers | $examples"

if [ -f "$build/build.ninja" ] && [ "$(cat "$build/.configured" 2>/dev/null)" = "$state" ]; then
  exit 0
fi
wipe=()
[ ! -f "$build/build.ninja" ] || wipe=(--wipe)  # cached look-ups would survive a mere --reconfigure
[ -f "$build/build.ninja" ] || rm -rf "$build"  # what an interrupted set-up left
meson setup "${wipe[@]}" "$@" "$build" "$root"
echo "$state" >"$build/.configured"
