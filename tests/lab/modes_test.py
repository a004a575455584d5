#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Which mode a port gets, what it says of it, and what zc= makes of that: by the kernel's own word, three times
(XDP_OPTIONS of each socket, the socket list of xsk_diag, the netdev's features)."""

from lab_rig import IGB, MODE, PAIR, check, device, diag_modes, equal, frames, main, netlab, on_veth, rig


def mode_is_told():
    """the mode is the kernel's, the driver says it in log, xstats and telemetry, and packets pass in it"""
    ask = on_veth("telemetry_test")
    with rig.rig(telemetry=True, memory=["--no-huge", "-m", "300"], mbufs=8192) as r:
        equal(r.modes(), [MODE], "mode by XDP_OPTIONS")
        equal(diag_modes(), [MODE], "mode by xsk_diag")
        said = [line for line in r.pmd.start_text.splitlines() if f"({r.apps[0]} queue 0)" in line]
        check(said and f": {MODE} mode" in said[0], f"the driver says {said}")
        check((MODE == "copy") == ("not zero-copy" in said[0]), f"reason in {said}")
        zero_copy = int(MODE == "zero-copy")
        xstats = r.pmd.xstats()
        equal([xstats[f"{side}_q0_zero_copy"] for side in ("rx", "tx")], [zero_copy] * 2, "mode by xstats")
        with ask.Telemetry(r.pmd.prefix) as telemetry:
            port, queue = (telemetry.ask(f"/zcnbrh/{what}") for what in ("port,0", "queue,0,0"))
        equal((port["zero_copy_queues"], queue["zero_copy"]), (zero_copy, zero_copy), "mode by telemetry")
        equal(bool(queue["not_zero_copy_because"]), MODE == "copy", "whether telemetry has a reason")
        r.forward("io")
        sent = [frames.numbered_frame(number, 60 + number % 1400) for number in range(500)]
        equal(r.peer().exchange(sent), sent, "frames that came back")


def policy(word):
    wanted = "copy" if word == "off" else MODE

    def test():
        with rig.rig(start=False) as r:
            r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], zc=word)])
            refused = word == "require" and MODE == "copy"
            equal("Fail to start" in r.pmd.start_text, refused, "whether the port refuses to start")
            if refused:
                check("zc=require" in r.pmd.start_text and r.apps[0] in r.pmd.start_text, "no reason given")
                equal(netlab.xdp_of(r.lab.link(r.apps[0])), None, "XDP program after the refusal")
            equal(r.modes(), [] if refused else [wanted], "mode by XDP_OPTIONS")
    test.__doc__ = f"zc={word}"
    return test


def fallback_has_a_reason():
    """the copy mode that the kernel falls back to silently is told, with the kernel's own refusal"""
    with rig.rig() as r:
        line = next(line for line in r.pmd.start_text.splitlines() if "not zero-copy" in line)
        # virtnet_xsk_pool_enable() gives EINVAL to a device without VIRTIO_F_ACCESS_PLATFORM.
        check("Invalid argument" in line or "virtio_net" in line, f"the reason: {line}")


if __name__ == "__main__":
    # A start on igb takes seconds, for the link.
    main([mode_is_told] + [policy(word) for word in (("require", "off") if IGB else ("require", "prefer", "off"))] +
         ([fallback_has_a_reason] if PAIR == "plain" else []))
