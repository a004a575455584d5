#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""libxdp's dispatcher, with an XDP program of somebody else on the same netdev. It is built on BPF_PROG_TYPE_EXT, which
the machines that build this often refuse; the lab's kernel does not."""

import ctypes
import os

from lab_rig import MODE, check, equal, exchange, frames, main, netlab, rig
from rig import BUILD

XDP_MODE_NATIVE = 1  # enum xdp_attach_mode of libxdp


class Others:
    """A program of somebody else's, attached by libxdp: it lets everything pass on."""

    def __init__(self, netdev):
        self._library = ctypes.CDLL("libxdp.so.1", use_errno=True)
        self._library.xdp_program__open_file.restype = ctypes.c_void_p
        path = str(BUILD / "tests/bpf/user_no_map.bpf.o").encode()
        self._program = ctypes.c_void_p(self._library.xdp_program__open_file(path, b"xdp", None))
        check(self._program.value and self._program.value < 2**64 - 4096, "libxdp cannot open the other program")
        # Without this the dispatcher ends with the first program's XDP_PASS.
        self._library.xdp_program__set_chain_call_enabled(self._program, 2, True)
        self._index = int(netlab.run("cat", f"/sys/class/net/{netdev}/ifindex"))
        result = self._library.xdp_program__attach(self._program, self._index, XDP_MODE_NATIVE, 0)
        check(result == 0, f"libxdp cannot attach the other program: {os.strerror(abs(result))}")

    def close(self):
        if not self._program:
            return
        self._library.xdp_program__detach(self._program, self._index, XDP_MODE_NATIVE, 0)
        self._library.xdp_program__close(self._program)
        self._program = None


def dispatched():
    """Names of the programs behind dispatchers, as the kernel has them."""
    return netlab.run("bpftool", "prog", "show")


def beside_another(keys):
    def test():
        with rig.rig(start=False) as r:
            other = r.lab.keep(Others(r.apps[0]))
            r.start(keys)
            check("libxdp dispatcher" in r.pmd.start_text, "not attached through the dispatcher")
            equal(r.modes(), [MODE], "mode by XDP_OPTIONS")
            check("name plain" in dispatched(), f"the other program is gone: {dispatched()}")
            exchange(r, 500)
            r.pmd.commands("port stop 0", "port close 0")
            check("name plain" in dispatched(), f"the other program went with ours: {dispatched()}")
            check(netlab.xdp_of(r.lab.link(r.apps[0])), "the dispatcher went with our program")
            equal(r.pmd.quit(), 0, "exit status")
            other.close()
    test.__doc__ = "another program behind the dispatcher stays, and packets come to us: " + (str(keys) if keys else
                                                                                             "attach=auto")
    return test


def other_comes_later():
    """with attach=dispatcher another program can come and go while the port runs"""
    with rig.rig(keys={"attach": "dispatcher"}) as r:
        exchange(r, 200)
        other = Others(r.apps[0])
        r.lab.settle()
        exchange(r, 200)
        other.close()
        r.lab.settle()
        exchange(r, 200)


def flow_rules():
    """behind the dispatcher rules drop packets; a mark, which its kernel would refuse, is refused with the reason"""
    with rig.rig(keys={"attach": "dispatcher"}) as r:
        said = r.pmd.command("flow create 0 ingress pattern eth / end actions mark id 7 / queue index 0 / end")
        check("dispatcher" in said and "attach=link" in said, f"the mark: {said}")
        said = r.pmd.command("flow create 0 ingress pattern eth / ipv4 / udp dst is 2000 / end actions drop / end")
        check("created" in said, f"the drop: {said}")
        r.forward("io")
        equal(r.peer().exchange([frames.numbered_frame(number, 100) for number in range(20)], timeout=1), [],
              "dropped frames that came back")
        r.pmd.commands("stop", "flow flush 0")
        exchange(r, 100)


if __name__ == "__main__":
    main([beside_another({"attach": "dispatcher"}), beside_another({}), other_comes_later, flow_rules])
