#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Every key that changes how packets go, in zero-copy: payload and order of the packets, both ways, with each."""

from lab_rig import IGB, MODE, PAIR, check, diag_modes, equal, exchange, main, rig
from rig import BUILD


def carries(name, keys, said=(), mode=MODE, **options):
    def test():
        with rig.rig(keys=keys, **options) as r:
            missing = [word for word in said if word not in r.pmd.start_text]
            check(not missing, f"the driver did not say {missing}")
            equal((r.modes(), diag_modes()), ([mode], [mode]), "mode by XDP_OPTIONS and by xsk_diag")
            exchange(r, 600)
    test.__doc__ = name
    return test


def key(text, **more):
    return carries(text, dict(part.split("=") for part in text.split(",")), **more)


# igb resets its link at each attach, which takes seconds: there the keys that its driver can tell apart.
BOTH = [
    key("busy_budget=64", said=["busy poll"]),
    carries("chunks=aligned with elements of 4096 bytes", {"chunks": "aligned"}, app=["--mbuf-size=3904"]),
    key("on_empty=drop"),
]
ONE = [
    key("force_copy=1", mode="copy"),
    key("shared_umem=0"),
    key("busy_budget=0"),
    key("shared_umem=1"),
    key("chunks=unaligned"),
    key("on_empty=pass"),
    key("on_empty=drop,window=128"),
    key("ledger=1"),
    key("kick=thread"),
    key("mode=drv", said=["native XDP"]),
    key("mode=skb", mode="copy", said=["SKB XDP"]),
    key("tx_bounce=16"),
    key("attach=link", said=["by bpf_link"]),
    key("attach=dispatcher", said=["libxdp dispatcher"]),
    key("fill_ring=128,rx_ring=128,tx_ring=128,comp_ring=128", app=["--rxd=128", "--txd=128"]),
    carries("xdp_prog= with zcnbrh_user.h", {"xdp_prog": BUILD / "tests/bpf/user_udp_only.bpf.o"}),
    carries("xdp_prog= that knows nothing of us", {"xdp_prog": BUILD / "tests/bpf/user_plain.bpf.o"}),
]

if __name__ == "__main__":
    main(BOTH if IGB else BOTH + ONE)
