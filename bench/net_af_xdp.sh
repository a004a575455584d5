#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
#
# Builds the installed DPDK's own net_af_xdp once more with shared UMEM, which Debian's build lacks: the same source
# package, unchanged but for the name it registers (net_shared_af_xdp), so that both can be in one program. A rival at
# its best; it goes into the build folder, nothing else.
#
#   net_af_xdp.sh BUILD_FOLDER    makes BUILD_FOLDER/bench/net_af_xdp/librte_net_shared_af_xdp.so
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
fetch=$here/../devtools/fetch_dpdk_headers.sh
folder=$1/bench/net_af_xdp
output=$folder/librte_net_shared_af_xdp.so
[ ! -f "$output" ] || exit 0

mkdir -p "$1/bench"
"$fetch" --copy drivers/net/af_xdp "$folder" >&2
headers=$("$fetch" --print-dir)
sed -i -E 's/(RTE_PMD_REGISTER_[A-Z_]+\()net_af_xdp,/\1net_shared_af_xdp,/' "$folder/rte_eth_af_xdp.c"
# As DPDK's meson.build would on a system with libxdp 1.3 and libbpf 1.1; optimized as Debian's is.
read -ra flags <<<"$(pkg-config --cflags libdpdk libxdp libbpf)"
read -ra libraries <<<"$(pkg-config --libs libdpdk libxdp libbpf)"
cc -O3 -fPIC -shared -w -DALLOW_INTERNAL_API -DALLOW_EXPERIMENTAL_API -DRTE_LOG_DEFAULT_LOGTYPE=pmd.net.af_xdp \
  -DRTE_NET_AF_XDP_LIBXDP -DRTE_NET_AF_XDP_SHARED_UMEM -DRTE_NET_AF_XDP_LIBBPF_OBJ_OPEN \
  -DRTE_NET_AF_XDP_LIBBPF_XDP_ATTACH "${flags[@]}" -I"$headers" "$folder/rte_eth_af_xdp.c" \
  -o "$output.new" "${libraries[@]}"
mv "$output.new" "$output"
