#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
#
# What the package libdpdk-dev lacks: the headers a driver needs (ethdev_driver.h and others), and DPDK's example
# programs and testpmd, which the tests build and run unchanged. From the distribution's source package of exactly the installed
# version, through the mirrors this machine's apt is configured with. apt checks the signatures, as for any package.
# Only these are kept, in .cache/dpdk-headers/<version>/, .cache/dpdk-examples/<version>/ and
# .cache/dpdk-testpmd/<version>/; Meson finds them there.
# Nothing outside .cache/ and $TMPDIR is written.
#
#   fetch_dpdk_headers.sh                   fetch, unless they are there already
#   fetch_dpdk_headers.sh --print-dir       only print where the headers go ('' without a libdpdk-dev package)
#   fetch_dpdk_headers.sh --print-examples  the same of the examples
#   fetch_dpdk_headers.sh --print-testpmd   the same of testpmd
#   fetch_dpdk_headers.sh --copy F D        instead copy the folder F of the source package to D, which is made anew
set -euo pipefail
export LC_ALL=C

root=$(cd "$(dirname "$0")/.." && pwd)
# What driver and shim include; what these include in turn is found below.
wanted=(ethdev_driver.h ethdev_vdev.h bus_vdev_driver.h dev_driver.h bus_driver.h)
# Where a DPDK tree keeps them.
folders=(lib/ethdev lib/eal/include drivers/bus/vdev)

die() {
  echo "fetch_dpdk_headers: $1" >&2
  exit 1
}

installed() {  # $1: a dpkg-query field of the installed libdpdk-dev
  dpkg-query -W -f "\${db:Status-Status} \${$1}\n" libdpdk-dev 2>/dev/null | sed -n 's/^installed //p' | head -n 1
}

# The machine's own apt sources with every "deb" turned into "deb-src", in both formats that apt knows.
write_source_lists() {  # $1: folder to fill
  local etc parts file
  etc=$(apt-config shell f Dir::Etc::sourcelist/f | sed "s/^f='\(.*\)'$/\1/")
  parts=$(apt-config shell d Dir::Etc::sourceparts/d | sed "s/^d='\(.*\)'$/\1/")
  for file in "$etc" "$parts"/*.list; do
    [ -f "$file" ] || continue
    sed -nE 's/^[[:space:]]*deb[[:space:]]/deb-src /p' "$file" >"$1/$(basename "$file")"
  done
  for file in "$parts"/*.sources; do
    [ -f "$file" ] || continue
    sed -E 's/^Types:.*/Types: deb-src/' "$file" >"$1/$(basename "$file")"
  done
}

# apt-get with lists of its own, so that neither the machine's lists nor its configuration change.
private_apt() {
  apt-get -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/sources" \
    -o Dir::State::Lists="$work/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
    -o Acquire::Languages=none -o APT::Update::Post-Invoke-Success::= "$@"
}

# Copies header $2 out of the tree $1, and with it what it includes that the installed DPDK does not have.
copy_header() {  # $1: DPDK source tree, $2: header, $3: destination
  local folder found='' name
  [ -e "$3/$2" ] && return
  for folder in "${folders[@]}"; do
    [ -f "$1/$folder/$2" ] && found=$1/$folder/$2 && break
  done
  [ -n "$found" ] || return 0  # a system header, or one that libdpdk-dev has
  cp "$found" "$3/$2"
  while read -r name; do
    [ -e "$includedir/$name" ] || copy_header "$1" "$name" "$3"
  done < <(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]([^>"]+)[>"].*/\1/p' "$found")
}

version=$(installed source:Version)
source_package=$(installed source:Package)
target=${version:+$root/.cache/dpdk-headers/$version}
examples=${version:+$root/.cache/dpdk-examples/$version}
testpmd=${version:+$root/.cache/dpdk-testpmd/$version}
case "${1:-}" in
  --print-dir) echo "$target" && exit ;;
  --print-examples) echo "$examples" && exit ;;
  --print-testpmd) echo "$testpmd" && exit ;;
esac
copied=
if [ "${1:-}" = --copy ] && [ $# -eq 3 ]; then
  copied=$2
  destination=$3
elif [ $# -ne 0 ]; then
  die "unknown argument '$1'; there are only --print-dir, --print-examples, --print-testpmd and --copy FOLDER DESTINATION"
fi
[ -n "$version" ] || die "the package libdpdk-dev is not installed; run devtools/setup.sh as root, \
or name a DPDK source tree to Meson by -Ddpdk_source=/path"
missing=0  # a folder made by an older version of this script has fewer
for header in complete "${wanted[@]}"; do
  [ -f "$target/$header" ] || missing=1
done
[ -n "$copied" ] || [ $missing -eq 1 ] || [ ! -d "$examples" ] || [ ! -d "$testpmd" ] || exit 0
includedir=$(pkg-config --variable=includedir libdpdk) || die "pkg-config does not know libdpdk"
if [ -z "$copied" ] && [ -f "$includedir/ethdev_driver.h" ]; then
  echo "DPDK driver headers: part of the installed DPDK ($includedir)"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/sources" "$work/lists/partial" "$work/package"
write_source_lists "$work/sources"

echo "DPDK: fetching the source package $source_package=$version"
private_apt update >"$work/log" 2>&1 || true  # one broken third-party source must not matter; see below
if ! (cd "$work/package" && private_apt source --download-only "$source_package=$version") >>"$work/log" 2>&1; then
  sed 's/^/  /' "$work/log" >&2
  die "no source package $source_package=$version on the mirrors that apt is configured with (log above); if \
they carry a newer one, upgrade dpdk and libdpdk-dev to it; otherwise name a DPDK source tree to Meson by \
-Ddpdk_source=/path"
fi
(cd "$work/package" && dpkg-source --no-copy -x ./*.dsc "$work/tree") >>"$work/log" 2>&1 ||
  die "dpkg-source cannot unpack it: $(tail -n 1 "$work/log")"

if [ -n "$copied" ]; then
  [ -d "$work/tree/$copied" ] || die "$copied is not in the source package $source_package=$version"
  rm -rf "$destination"
  cp -r "$work/tree/$copied" "$destination"
  exit 0
fi

# $1: folder that is whole. $2: where it goes. Never seen there half copied.
put() {
  mkdir -p "$(dirname "$2")"
  rm -rf "$2" "$2.new"
  mv "$1" "$2.new"
  mv "$2.new" "$2"
}

if [ $missing -eq 1 ]; then
  staged=$work/headers
  mkdir -p "$staged"
  for header in "${wanted[@]}"; do
    copy_header "$work/tree" "$header" "$staged"
    [ -f "$staged/$header" ] || die "$header is not in the source package $source_package=$version"
  done
  touch "$staged/complete"
  put "$staged" "$target"
  echo "DPDK driver headers: $(find "$target" -name '*.h' | wc -l) files in ${target#"$root"/}"
fi
put "$work/tree/examples" "$examples"
echo "DPDK examples: in ${examples#"$root"/}"
# With the one header of EAL's that it needs and that is not installed.
cp "$work/tree/lib/eal/linux/include/rte_os_shim.h" "$work/tree/app/test-pmd/"
put "$work/tree/app/test-pmd" "$testpmd"
echo "DPDK testpmd: in ${testpmd#"$root"/}"
