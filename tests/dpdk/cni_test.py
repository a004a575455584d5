#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""use_cni= and use_pinned_map=: a port on the XSKMAP of somebody else's XDP program, which stays his.

Against a server of the device plugin's protocol (tests/support/py/device_plugin.py) that has a program on the
veth. The ports run as user nobody with CAP_NET_RAW and memory to pin, unless a test says otherwise: net_af_xdp
allows no busy polling here (rte_eth_af_xdp.c of DPDK 25.07: "When 'use_cni' or 'use_pinned_map' parameter is
used, 'busy_budget' parameter is not valid"), and detaches the plugin's program when it closes.
"""

import contextlib
import os
import shutil
import tempfile

from rig import bpf_tool, check, device, equal, eventually, frames, main, netlab, rig, tap, testpmd, xsk_watch
import device_plugin
from device_plugin import CLOSE, NO_FD, SILENCE, DevicePlugin, Feeder

PLAIN_MEMORY = ["--no-huge", "-m", "256", "--no-shconf"]
DEFAULT_FOLDER = "/tmp/afxdp_dp"


@contextlib.contextmanager
def unprivileged(caps="+net_raw,+ipc_lock"):
    """Options of a testpmd that runs as nobody with these capabilities, from a copy of the driver that he may
    read. CAP_IPC_LOCK stands for a memlock limit that is large enough, which needs a privilege to be set here."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        shutil.copy(os.environ["ZCNBRH_PMD"], folder)
        caps = "-all," + caps
        yield {"become": ["env", f"LD_LIBRARY_PATH={folder}", "setpriv", "--reuid=65534", "--regid=65534",
                          "--clear-groups", f"--inh-caps={caps}", f"--ambient-caps={caps}", f"--bounding-set={caps}"],
               "memory": PLAIN_MEMORY}


@contextlib.contextmanager
def pod(pairs=1, queues=1, flags=bpf_tool.XDP_FLAGS_DRV_MODE, **server):
    """(rig, path of the socket, feeder of app0, server): as the plugin has prepared a pod."""
    with rig(start=False, pairs=pairs, queues=queues) as r, tempfile.TemporaryDirectory() as folder, \
            contextlib.ExitStack() as stack:
        os.chmod(folder, 0o755)
        feeders = [stack.enter_context(Feeder(app, flags=flags)) for app in r.apps]
        path = os.path.join(folder, "afxdp.sock")
        devices = {app: feeder.map for app, feeder in zip(r.apps, feeders)}
        plugin = stack.enter_context(DevicePlugin(path, devices, **server))
        yield r, path, feeders[0], plugin
        if r.pmd is not None:
            r.pmd.kill()


def carries_packets(r, count=600):
    r.forward("io")
    sent = [frames.numbered_frame(number, (60, 300, 1514)[number % 3]) for number in range(count)]
    equal(r.peer().exchange(sent), sent, "frames that came back")
    r.pmd.command("stop")


def ends_well(r, program):
    """Closed and ended in order, and the owner's program is where it was."""
    r.check_descriptors()
    r.pmd.commands("port stop all", "port close all")
    r.check_pool()
    equal(r.pmd.quit(), 0, "exit status of testpmd")
    equal(netlab.xdp_of(r.lab.link(r.apps[0])), program, "the owner's program after the port is closed")


def serves():
    """as nobody with CAP_NET_RAW and CAP_IPC_LOCK: packets both ways, one session with the plugin, its program stays"""
    with pod() as (r, path, _, plugin), unprivileged() as nobody:
        program = netlab.xdp_of(r.lab.link(r.apps[0]))
        check(program, "the plugin has a program")
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_cni=1, dp_path=path)], **nobody)
        check("Fail to" not in r.pmd.start_text, "the port did not start")
        check("XSKMAP the device plugin's, fed in native mode" in r.pmd.start_text, "the start-up line tells of it")
        status = dict(line.split(":\t") for line in open(f"/proc/{r.pmd.process.pid}/status", encoding="ascii")
                      .read().splitlines() if line.startswith("Cap"))
        equal({status[key] for key in ("CapPrm", "CapEff")}, {"0000000000006000"}, "capabilities of the program")
        eventually(lambda: plugin.requests[-1:] == ["/fin"], lambda: f"requests: {plugin.requests}")
        equal(plugin.requests, ["/connect," + plugin.hosts[0], "/version", "/xsk_map_fd," + r.apps[0], "/fin"],
              "requests of one start")
        carries_packets(r)
        r.pmd.commands("port stop 0", "port start 0")  # asks nobody any more
        carries_packets(r)
        ends_well(r, program)


def several_queues():
    """four queues with one session, and each queue gets packets"""
    with pod(queues=4) as (r, path, _, plugin), unprivileged() as nobody:
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_cni=1, dp_path=path, queue_count=4)],
                         app=["--rxq=4", "--txq=4"], **nobody)
        check("Fail to" not in r.pmd.start_text, "the port did not start")
        equal(len([request for request in plugin.requests if request.startswith("/connect")]), 1, "sessions")
        r.forward("io")
        for number in range(400):
            r.peer().send(frames.numbered_frame(number, 100, (number, 7)))
        eventually(lambda: r.pmd.stats()["RX-packets"] == 400, lambda: f"statistics: {r.pmd.stats()}")
        counts = {key: value for key, value in r.pmd.xstats().items()
                  if key.startswith("rx_q") and key.endswith("_packets")}
        check(len([value for value in counts.values() if value]) > 1, f"packets by queue: {counts}")
        r.pmd.command("stop")
        ends_well(r, netlab.xdp_of(r.lab.link(r.apps[0])))


def several_ports():
    """two ports on one socket of the plugin, which serves one connection: they share it"""
    with pod(pairs=2) as (r, path, _, plugin), unprivileged() as nobody:
        r.pmd = r.launch([device(f"net_zcnbrh{number}", iface=app, use_cni=1, dp_path=path)
                          for number, app in enumerate(r.apps)], **nobody)
        check("Fail to" not in r.pmd.start_text, "a port did not start")
        eventually(lambda: plugin.requests[-1:] == ["/fin"], lambda: f"requests: {plugin.requests}")
        equal([request for request in plugin.requests if request.startswith("/xsk_map_fd")],
              ["/xsk_map_fd," + app for app in r.apps], "requests for maps")
        r.forward("io")
        r.peer(1)
        sent = [frames.numbered_frame(number, 200) for number in range(200)]
        for at in range(0, 200, 50):
            for frame in sent[at:at + 50]:
                r.peer(0).send(frame)
            equal(r.peer(1).receive(50), sent[at:at + 50], "frames from port 0 to port 1")
        r.pmd.command("stop")
        ends_well(r, netlab.xdp_of(r.lab.link(r.apps[0])))


def busy_polling():
    """busy_budget= without CAP_NET_ADMIN: the plugin sets it on our socket"""
    with pod() as (r, path, _, plugin), unprivileged() as nobody:
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_cni=1, dp_path=path, busy_budget=64)], **nobody)
        check("busy poll" in r.pmd.start_text and "using wakeup mode" not in r.pmd.start_text, "not busy poll")
        check("/config_busy_poll,20,64" in plugin.requests, f"requests: {plugin.requests}")
        carries_packets(r)
        r.forward("rxonly")
        eventually(lambda: r.pmd.xstats()["rx_q0_busy_polls"] > 0, lambda: f"{r.pmd.xstats()}")
        r.pmd.command("stop")
        ends_well(r, netlab.xdp_of(r.lab.link(r.apps[0])))


def busy_polling_by_ourselves():
    """busy_budget= with CAP_NET_ADMIN: the plugin is not asked"""
    with pod() as (r, path, _, plugin):
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_cni=1, dp_path=path, busy_budget=64)])
        check("busy poll" in r.pmd.start_text, "not busy poll")
        check(not [request for request in plugin.requests if "busy" in request], f"requests: {plugin.requests}")
        carries_packets(r)
        ends_well(r, netlab.xdp_of(r.lab.link(r.apps[0])))


def busy_polling_refused(answer, words):
    def test():
        with pod(faults={"/config_busy_poll": answer}) as (r, path, _, plugin), unprivileged() as nobody:
            r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_cni=1, dp_path=path, busy_budget=64)],
                             **nobody)
            missing = [word for word in [*words, "using wakeup mode"] if word not in r.pmd.start_text]
            check(not missing, f"the output does not say {missing}")
            carries_packets(r)
            ends_well(r, netlab.xdp_of(r.lab.link(r.apps[0])))
            check(plugin.requests, "the plugin was asked")
    test.__doc__ = f"the plugin answers '{answer}' to busy polling: said, and wakeup mode carries the packets"
    return test


def default_place(place):
    def test():
        made = not os.path.isdir(DEFAULT_FOLDER)
        os.makedirs(DEFAULT_FOLDER, exist_ok=True)
        try:
            with rig(start=False) as r:  # the rig's mounts are private
                netlab.run("mount", "-t", "tmpfs", "none", DEFAULT_FOLDER)
                os.makedirs(f"{DEFAULT_FOLDER}/{r.apps[0]}")
                path = f"{DEFAULT_FOLDER}/{r.apps[0]}/afxdp.sock" if place is None else place
                with Feeder(r.apps[0]) as feeder, DevicePlugin(path, {r.apps[0]: feeder.map}):
                    r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_cni=1)])
                    check("Fail to" not in r.pmd.start_text, "the port did not start")
                    carries_packets(r, 100)
                    ends_well(r, netlab.xdp_of(r.lab.link(r.apps[0])))
                netlab.run("umount", DEFAULT_FOLDER)
        finally:
            if made:
                os.rmdir(DEFAULT_FOLDER)
    test.__doc__ = f"without dp_path: {place or DEFAULT_FOLDER + '/IFACE/afxdp.sock'}"
    return test


def fault_of(name, faults, words, **server):
    """A fault of the protocol: the port does not start, says why, and the program of the plugin is untouched."""
    def test():
        with pod(faults=faults, **server) as (r, path, feeder, plugin), unprivileged() as nobody:
            program = netlab.xdp_of(r.lab.link(r.apps[0]))
            r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_cni=1, dp_path=path)], **nobody)
            text = r.pmd.start_text
            check("Fail to" in text, "the port started")
            missing = [word for word in ["AF_XDP device plugin", path, *words] if word not in text]
            check(not missing, f"the output does not say {missing}")
            equal(netlab.xdp_of(r.lab.link(r.apps[0])), program, "the plugin's program")
            check(feeder.map >= 0 and plugin.requests, "it was the plugin that failed")
            equal(xsk_watch.xdp_sockets(r.pmd.process.pid), [], "sockets left open")
            equal(r.pmd.quit(), 0, "exit status of testpmd")
    test.__doc__ = f"fault of the protocol: {name}"
    return test


def give_wrong_map(connection, _):
    wrong = device_plugin.make_map(device_plugin.BPF_MAP_TYPE_ARRAY, 4, "no_xskmap")
    device_plugin.socket.send_fds(connection, [b"/fd_ack"], [wrong])
    os.close(wrong)


def give_file(connection, _):
    with open("/etc/hostname", "rb") as file:
        device_plugin.socket.send_fds(connection, [b"/fd_ack"], [file.fileno()])


FAULTS = [
    fault_of("the host is refused", {"/connect": "/host_nak"}, ["/host_nak", "pod's name"]),
    fault_of("an error of the plugin", {"/connect": "/error"}, ["/error", "kubelet"]),
    fault_of("garbage instead of /host_ok", {"/connect": "\x01\x02hello"}, ["answers '??hello' to '/connect,"]),
    fault_of("a longer answer than any", {"/connect": "x" * 300}, ["more than 256 bytes"]),
    fault_of("closed at /connect", {"/connect": CLOSE}, ["closed the connection at '/connect,"]),
    fault_of("no answer to /connect", {"/connect": SILENCE}, ["no answer to '/connect,", "within 5 s"]),
    fault_of("no answer to /xsk_map_fd", {"/xsk_map_fd": SILENCE}, ["no answer to '/xsk_map_fd,app0'"]),
    fault_of("closed at /version", {"/version": CLOSE}, ["closed the connection at '/version'"]),
    fault_of("closed at /xsk_map_fd", {"/xsk_map_fd": CLOSE}, ["closed the connection at '/xsk_map_fd,app0'"]),
    fault_of("another pod's device", {"/xsk_map_fd": "/fd_nak"}, ["has no device app0", "AFXDP_DEVICES"]),
    fault_of("a request it does not know", {"/xsk_map_fd": "/nak"}, ["does not know the request '/xsk_map_fd,app0'"]),
    fault_of("an acknowledgement without a descriptor", {"/xsk_map_fd": NO_FD}, ["without a file descriptor"]),
    fault_of("garbage instead of the map", {"/xsk_map_fd": "/fd_perhaps"}, ["'/fd_perhaps'", "check dp_path="]),
]


def wrong_descriptor():
    """what the plugin gives is no XSKMAP: another map, a file"""
    for giver, words in ((give_wrong_map, ["another type", "no_xskmap"]), (give_file, ["is no BPF map", "hostname"])):
        with pod(faults={"/xsk_map_fd": giver}) as (r, path, _, _):
            r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_cni=1, dp_path=path)])
            missing = [word for word in ["Fail to", "XSKMAP", *words] if word not in r.pmd.start_text]
            check(not missing, f"the output does not say {missing}")
            equal(r.pmd.quit(), 0, "exit status of testpmd")


def another_version():
    """a plugin of another protocol version: said once, and tried"""
    with pod(version="0.2") as (r, path, _, _):
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_cni=1, dp_path=path)])
        check("speaks version '0.2'" in r.pmd.start_text, "the version is not told")
        carries_packets(r, 100)
        ends_well(r, netlab.xdp_of(r.lab.link(r.apps[0])))


def nobody_there():
    """no socket, a socket that nobody listens on, and one of another user: each its own message"""
    with rig(start=False) as r, tempfile.TemporaryDirectory() as folder, unprivileged() as nobody:
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "afxdp.sock")
        dead = device_plugin.socket.socket(device_plugin.socket.AF_UNIX, device_plugin.socket.SOCK_SEQPACKET)
        for prepare, words in ((lambda: None, ["no such socket", "start the pod anew"]),
                               (lambda: dead.bind(path) or os.chmod(path, 0o666), ["nobody listens there"]),
                               (lambda: os.chmod(path, 0o600), ["may not write to the socket"])):
            prepare()
            pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_cni=1, dp_path=path)], **nobody)
            missing = [word for word in ["Fail to", path, *words] if word not in pmd.start_text]
            check(not missing, f"the output does not say {missing}")
            equal(pmd.quit(), 0, "exit status of testpmd")
        dead.close()
        r.pmd = None


def given_up():
    """a session that the plugin has given up meanwhile: asked for anew"""
    with pod(pairs=2, connections=2) as (r, path, _, plugin):
        plugin.faults["/xsk_map_fd," + r.apps[1]] = CLOSE  # as its timeout does, between two ports
        devices = [device(f"net_zcnbrh{number}", iface=app, use_cni=1, dp_path=path)
                   for number, app in enumerate(r.apps)]
        r.pmd = r.launch(devices)
        check("Fail to start port 1" in r.pmd.start_text and "Fail to start port 0" not in r.pmd.start_text,
              "port 0 starts, port 1 does not")
        equal(len([request for request in plugin.requests if request.startswith("/connect")]), 2, "sessions")


def comes_back():
    """a plugin that failed once: port start works without a new process"""
    with pod(faults={"/xsk_map_fd": CLOSE}, connections=3) as (r, path, _, plugin), unprivileged() as nobody:
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_cni=1, dp_path=path)], **nobody)
        check("Fail to" in r.pmd.start_text, "the port started")
        plugin.faults.clear()
        r.pmd.command("port start 0")
        carries_packets(r)
        ends_well(r, netlab.xdp_of(r.lab.link(r.apps[0])))


def no_net_raw():
    """without CAP_NET_RAW the error names it: the one privilege that the protocol does not give"""
    with pod() as (r, path, _, _), unprivileged("+ipc_lock") as nobody:
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_cni=1, dp_path=path)], **nobody)
        check("Fail to" in r.pmd.start_text and "CAP_NET_RAW" in r.pmd.start_text, "no error that names it")
        equal(r.pmd.quit(), 0, "exit status of testpmd")


def killed():
    """kill -9: the program stays, the map is empty again, the next one takes the port over"""
    with pod(connections=2) as (r, path, _, _), unprivileged() as nobody:
        program = netlab.xdp_of(r.lab.link(r.apps[0]))
        devices = [device("net_zcnbrh0", iface=r.apps[0], use_cni=1, dp_path=path)]
        pmd = r.launch(devices, **nobody)
        check("Fail to" not in pmd.start_text, "the port did not start")
        pmd.kill()
        equal(netlab.xdp_of(r.lab.link(r.apps[0])), program, "the plugin's program after kill -9")
        r.pmd = r.launch(devices, **nobody)
        carries_packets(r)
        ends_well(r, program)


def skb_program():
    """the plugin's program in SKB mode: told as the reason for copy mode, refused with allow_skb=0 or mode=drv"""
    with pod(flags=bpf_tool.XDP_FLAGS_SKB_MODE, connections=3) as (r, path, _, _), unprivileged() as nobody:
        for keys in ({"allow_skb": 0}, {"mode": "drv"}):
            pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_cni=1, dp_path=path, **keys)], **nobody)
            check("Fail to" in pmd.start_text and "runs in SKB mode" in pmd.start_text, f"{keys}: not refused")
            equal(pmd.quit(), 0, "exit status of testpmd")
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_cni=1, dp_path=path, mode="skb")], **nobody)
        check("fed in SKB mode" in r.pmd.start_text, "the start-up line tells of it")
        carries_packets(r)
        ends_well(r, netlab.xdp_of(r.lab.link(r.apps[0])))


@contextlib.contextmanager
def bpf_file_system():
    """In this test's own mount namespace."""
    with tempfile.TemporaryDirectory() as folder:
        netlab.run("mount", "-t", "bpf", "none", folder)
        try:
            yield folder
        finally:
            netlab.run("umount", "-l", folder)


def pinned():
    """use_pinned_map=1 as nobody: packets both ways, the owner's program and pin stay"""
    with rig(start=False) as r, bpf_file_system() as folder, Feeder(r.apps[0]) as feeder, unprivileged() as nobody:
        path = os.path.join(folder, "xsks_map")
        device_plugin.pin(feeder.map, path)
        os.chmod(folder, 0o755)
        os.chmod(path, 0o666)
        program = netlab.xdp_of(r.lab.link(r.apps[0]))
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_pinned_map=1, dp_path=path, busy_budget=64)],
                         **nobody)
        check("Fail to" not in r.pmd.start_text and f"XSKMAP pinned at {path}" in r.pmd.start_text, "not started")
        check("using wakeup mode" in r.pmd.start_text, "nobody is there to set busy polling")
        carries_packets(r)
        ends_well(r, program)
        check(os.path.exists(path), "the pin is gone")


def pinned_busy_polling():
    """use_pinned_map=1 with CAP_NET_ADMIN: busy polling by ourselves"""
    with rig(start=False) as r, bpf_file_system() as folder, Feeder(r.apps[0]) as feeder:
        path = os.path.join(folder, "xsks_map")
        device_plugin.pin(feeder.map, path)
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_pinned_map=1, dp_path=path, busy_budget=64)])
        check("copy mode, busy poll, XSKMAP pinned" in r.pmd.start_text, "not busy poll")
        carries_packets(r)
        ends_well(r, netlab.xdp_of(r.lab.link(r.apps[0])))


def pinned_wrong():
    """use_pinned_map=1: no such file, no pinned map, another map, not ours to open, a queue beyond the map"""
    with rig(start=False, queues=2) as r, bpf_file_system() as folder, Feeder(r.apps[0], queues=1) as feeder, \
            unprivileged() as nobody:
        os.chmod(folder, 0o755)
        good, array = os.path.join(folder, "xsks_map"), os.path.join(folder, "array")
        device_plugin.pin(feeder.map, good)
        other = device_plugin.make_map(device_plugin.BPF_MAP_TYPE_ARRAY, 4, "no_xskmap")
        device_plugin.pin(other, array)
        os.close(other)
        rows = [(folder + "/nothing", {}, {}, ["no such file"]), ("/etc/hostname", {}, {}, ["not a pinned map"]),
                (array, {}, {}, ["another type", "no_xskmap"]), (good, nobody, {}, ["not this user's"]),
                (good, {}, {"start_queue": 1}, ["queue 1 is beyond the map's 1 entries"])]
        for path, options, keys, words in rows:
            pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_pinned_map=1, dp_path=path, **keys)], **options)
            missing = [word for word in ["Fail to", *words] if word not in pmd.start_text]
            check(not missing, f"{path}: the output does not say {missing}")
            equal(pmd.quit(), 0, "exit status of testpmd")


def no_program():
    """a pinned map while the netdev has no program: a warning; packets come when the owner attaches it"""
    with rig(start=False) as r, bpf_file_system() as folder:
        path = os.path.join(folder, "xsks_map")
        with Feeder(r.apps[0]) as feeder:
            device_plugin.pin(feeder.map, path)
        check(netlab.xdp_of(r.lab.link(r.apps[0])) is None, "a program is there")
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], use_pinned_map=1, dp_path=path)])
        check("has no XDP program: no packet comes until" in r.pmd.start_text, "no warning")
        check("Fail to" not in r.pmd.start_text, "the port did not start")


if __name__ == "__main__":
    testpmd.end_on_signals()
    main([serves, several_queues, several_ports, busy_polling, busy_polling_by_ourselves,
          busy_polling_refused("/config_busy_poll_nak", ["/config_busy_poll_nak"]),
          busy_polling_refused("/config_busy_poll_ack", ["although it was said to be"]),
          busy_polling_refused(CLOSE, ["closed the connection at '/config_busy_poll,20,64'"]),
          default_place(None), *FAULTS, wrong_descriptor, another_version, nobody_there, given_up, comes_back, no_net_raw,
          killed, skb_program, pinned, pinned_busy_polling, pinned_wrong, no_program])
