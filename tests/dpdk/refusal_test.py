#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Wrong arguments, missing privilege, somebody else's program: no port, no crash, and one clear sentence.

testpmd 22.11 goes on without a port whose --vdev is refused, so the tests ask for 'no port, no signal, and the
words that name the cause'.
"""

import contextlib
import os

from rig import BUILD, attempt, bpf_tool, check, device, equal, main, netlab, refused, rig, tap

# Device arguments besides iface=app0 (a text with iface= in it stands for itself), and the words expected.
BAD_DEVARGS = [
    ("iface=", ["iface"]),
    ("", ["iface is missing"]),
    ("iface=nosuchdev0", ["nosuchdev0", "no such netdev"]),
    ("iface=averyveryverylongname", ["iface=averyveryverylongname", "1..15"]),
    ("iface=a/b", ["iface=a/b"]),
    ("nosuchkey=1", ["unknown key 'nosuchkey'", "known keys"]),
    ("start_que=1", ["start_que", "did you mean 'start_queue'"]),
    ("queue_count", ["queue_count", "no '='"]),
    ("queue_count=", ["queue_count=", "no value"]),
    ("queue_count=0", ["queue_count=0", "1..1024"]),
    ("queue_count=-1", ["queue_count=-1", "not a decimal number"]),
    ("queue_count=0x2", ["queue_count=0x2", "not a decimal number"]),
    ("queue_count=99999999999999999999", ["queue_count=99999999999999999999", "out of range"]),
    ("queue_count=2", ["queue_count=2", "app0", "ethtool -L"]),
    ("start_queue=1", ["start_queue=1", "app0"]),
    ("start_queue=65535,queue_count=2", ["start_queue=65535", "out of range"]),
    ("shared_umem=2", ["shared_umem=2", "0|1"]),
    ("force_copy=yes", ["force_copy=yes", "0|1"]),
    ("busy_budget=65536", ["busy_budget=65536", "0..65535"]),
    ("busy_budget=64,busy_budget=0", ["busy_budget", "twice"]),
    ("zc=maybe", ["zc=maybe", "require|prefer|off"]),
    ("force_copy=1,zc=require", ["force_copy=1", "zc=require"]),
    ("on_empty=keep", ["on_empty=keep", "off|drop|pass"]),
    ("window=64", ["window=64", "on_empty"]),
    ("attach=magic", ["attach=magic", "auto|link|dispatcher"]),
    ("chunks=large", ["chunks=large", "auto|aligned|unaligned"]),
    ("rx_ring=1000", ["rx_ring=1000", "power of two"]),
    ("tx_ring=131072", ["tx_ring=131072", "65536"]),
    ("fill_ring=1", ["fill_ring=1"]),
    ("tx_bounce=3", ["tx_bounce=3", "16..4096"]),
    ("peer=net_zcnbrh1", ["peer=net_zcnbrh1", "iface=loop"]),
    ("use_cni=1,use_pinned_map=1", ["use_cni=1", "use_pinned_map=1", "exclude each other"]),
    ("dp_path=/tmp/x", ["dp_path=/tmp/x", "needs use_cni=1 or use_pinned_map=1"]),
    ("use_cni=1,xdp_prog=/x.o", ["xdp_prog", "somebody else's"]),
    ("mode=drv,mode=skb", ["mode", "twice"]),
    ("mode=soft", ["mode=soft", "auto|drv|skb|hw"]),
    ("mode=skb,allow_skb=0", ["mode=skb", "allow_skb=0"]),
    ("iface=loop,xdp_prog=/x.o", ["xdp_prog", "iface=loop"]),
]


def refusal_of(devargs, words):
    def test():
        with netlab.Lab() as lab:
            app, _ = lab.veth()
            text = devargs if devargs.startswith("iface=") or not devargs else f"iface={app},{devargs}"
            before = lab.link(app)
            refused(lab, f"net_zcnbrh0,{text}" if text else "net_zcnbrh0", words)
            equal(netlab.interface_flags(lab.link(app)), netlab.interface_flags(before), f"state of {app}")
            equal(netlab.xdp_of(lab.link(app)), None, f"XDP program on {app}")
    test.__doc__ = f"refused: {devargs or 'no device arguments'}"
    return test


def start_refused(keys, words, before=None, app=(), **options):
    """The port is there, but does not start; the netdev is left alone. before(rig): makes the obstacle, returns a
    context manager that holds it."""
    with rig(start=False, queues=options.pop("queues", 1)) as r, (before(r) if before else contextlib.nullcontext()):
        link = r.lab.link(r.apps[0])
        text, _, _ = attempt(r.lab, [device("net_zcnbrh0", iface=r.apps[0], **keys)], app=app, **options)
        check("Fail to" in text, f"the port started with {keys}")
        missing = [word for word in words if word not in text]
        check(not missing, f"the output does not say {missing}")
        after = r.lab.link(r.apps[0])
        equal(netlab.xdp_of(after), netlab.xdp_of(link), "XDP program on the netdev")
        return text


# net_af_xdp takes off whatever is there at its end: start it, `ip -force link set dev X xdp obj plain.bpf.o sec xdp`,
# quit, and plain's program is gone.
def alien_program():
    """somebody else's XDP program (bpf_link) stays, and the error names it"""
    start_refused({}, ["app0", "not ours and stays", "zl_verdict"],
                  lambda r: bpf_tool.XdpOnLink(r.apps[0], bpf_tool.XDP_PASS))


def alien_skb_program():
    """somebody else's XDP program in SKB mode stays, and the error names it"""
    start_refused({}, ["app0", "not ours and stays", "zl_verdict"],
                  lambda r: bpf_tool.XdpOnLink(r.apps[0], bpf_tool.XDP_PASS, bpf_tool.XDP_FLAGS_SKB_MODE))


def alien_goes():
    """once somebody else's program is gone, port start works without a new process"""
    with rig(start=False) as r:
        alien = bpf_tool.XdpOnLink(r.apps[0], bpf_tool.XDP_PASS)
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0])])
        check("not ours and stays" in r.pmd.start_text, "the port started over somebody else's program")
        alien.close()
        r.pmd.command("port start 0")
        r.ping(50)


def second_process():
    """a second process on the same netdev is refused with the first one's pid; the first goes on"""
    with rig() as r:
        text, _, _ = attempt(r.lab, [device("net_zcnbrh0", iface=r.apps[0])])
        check("Fail to start" in text and str(r.pmd.process.pid) in text, "no error that names the other process")
        r.ping(50)


# net_af_xdp runs in copy mode on a veth and says nothing of it:
# `dpdk-testpmd --no-pci --vdev=net_af_xdp0,iface=X -- -i`.
def zero_copy_required():
    """zc=require on a driver without zero-copy: refused, with the driver's name"""
    start_refused({"zc": "require"}, ["zc=require", "veth", "no AF_XDP zero-copy"])


def program_missing():
    """xdp_prog= naming no file, or no BPF object"""
    start_refused({"xdp_prog": "/nonexistent.o"}, ["/nonexistent.o", "No such file"])
    start_refused({"xdp_prog": "/etc/hostname"}, ["/etc/hostname"])


def program_without_map():
    """xdp_prog= without a map for the sockets, and one the verifier refuses"""
    start_refused({"xdp_prog": BUILD / "tests/bpf/user_no_map.bpf.o"}, ["xdp_prog", "user_no_map has no XSKMAP"])
    start_refused({"xdp_prog": BUILD / "tests/bpf/user_rejected.bpf.o"},
                  ["load of the XDP program", "invalid access to packet"])


def queue_taken():
    """two ports of one process on the same queue: the second is refused with a reason, the first works"""
    with rig(start=False) as r:
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0]), device("net_zcnbrh1", iface=r.apps[0])])
        text = r.pmd.start_text
        check("Fail to start port 1" in text, "two ports have one queue")
        check("queue 0" in text.split("(net_zcnbrh1): start:")[-1].splitlines()[0], "no error that names the queue")
        r.pmd.commands("port close 1", "set portlist 0")  # testpmd forwards on no port while one is down
        r.ping(50)


def small_pool_words():
    """Of 4 queues with 512 descriptors each way, and testpmd's two lcores with a cache of 16 each."""
    return ["the RX rings of the port's 4 queues on this pool take 2048", "its TX rings up to 2048",
            "the lcores' caches up to 48: 4144 in all, the pool has 1050"]


# net_af_xdp posts 2048 buffers a queue whatever --rxd says: with --total-num-mbufs=1500 --rxd=64 it ends in
# "eth_rx_queue_setup(): Failed to configure xdp socket", and no word of the pool.
def small_pool():
    """a pool that cannot fill the rings of all queues: an error with pool, numbers and cure"""
    text = start_refused({"queue_count": 4}, ["mb_pool_0", "free buffers", "at least 64"] + small_pool_words(), queues=4,
                         app=["--rxq=4", "--txq=4", "--rxd=512", "--txd=512", "--mbcache=16"], mbufs=1050)
    check("make the pool larger" in text, "no cure named")


def small_buffers():
    """buffers too small for AF_XDP: an error with pool and numbers (for the MTU: jumbo_wire.py)"""
    start_refused({}, ["mb_pool_0", "needs at least 2048", "data room of at least"], app=["--mbuf-size=1024"])


def without(capabilities):
    names = capabilities.split(",")
    return ["setpriv", "--bounding-set", ",".join("-" + name for name in names)]


def privilege(capabilities, words, unsaid=()):
    def test():
        with rig(start=False) as r:
            text, _, _ = attempt(r.lab, [device("net_zcnbrh0", iface=r.apps[0])], become=without(capabilities))
            check("Fail to" in text or "net_zcnbrh0: " in text, "it ran without the privilege")
            missing = [word for word in words if word.lower() not in text.lower()]
            check(not missing, f"the output does not say {missing}")
            named = [word for word in unsaid if word in text]
            check(not named, f"the output says {named}, of which the process has enough")
            equal(netlab.xdp_of(r.lab.link(r.apps[0])), None, "XDP program left")
    test.__doc__ = f"without {capabilities}: an error that names the capability"
    return test


def nobody():
    """as user nobody on a netdev: an error that names what is missing"""
    with rig(start=False) as r:
        text, _, _ = attempt(r.lab, [device("net_zcnbrh0", iface=r.apps[0])], memory=["--no-huge", "-m", "256"],
                             become=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
        if "Operation not permitted" not in text and os.environ["ZCNBRH_PMD"] in text:
            raise tap.Skip("the driver under test lies where nobody may not read it")
        check("lacks CAP_BPF and CAP_NET_ADMIN (" in text, "the output does not name the capabilities")


def good_beside_bad():
    """of two devices one is refused; the other works"""
    with rig(start=False) as r:
        r.pmd = r.launch([device("net_zcnbrh7", iface="nosuchdev0"), device("net_zcnbrh0", iface=r.apps[0])])
        equal(len(r.pmd.ports()), 1, "ports")
        r.ping(20)


def bad_attach():
    """port attach with bad arguments at run time leaves the running port alone"""
    with rig() as r:
        said = r.pmd.command("port attach net_zcnbrh1,iface=nosuchdev0")
        check("no such netdev" in said, f"port attach said {said}")
        said = r.pmd.command("port attach net_zcnbrh2,iface=app0,zc=perhaps")
        check("zc=perhaps" in said, f"port attach said {said}")
        equal(r.pmd.ports(), [0], "ports")
        r.ping(20)


if __name__ == "__main__":
    main([refusal_of(devargs, words) for devargs, words in BAD_DEVARGS] +
         [alien_program, alien_skb_program, alien_goes, second_process, zero_copy_required, program_missing,
          program_without_map, queue_taken, small_pool, small_buffers,
          privilege("net_raw", ["CAP_NET_RAW"]), privilege("net_admin,sys_admin", ["lacks CAP_NET_ADMIN ("], ["CAP_BPF"]),
          privilege("bpf,sys_admin", ["lacks CAP_BPF ("], ["CAP_NET_ADMIN"]),
          privilege("bpf,net_admin,sys_admin", ["lacks CAP_BPF and CAP_NET_ADMIN"]), privilege("ipc_lock", ["CAP_IPC_LOCK", "ulimit -l"]), nobody,
          good_beside_bad, bad_attach])
