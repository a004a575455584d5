# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Network namespaces and veth pairs of our own, and the kernel as the peer of a program under test.

The namespaces have no name: they are held by this process and its children only (children are started with
a death signal), so they vanish with it, however it ends, and two runs never meet. The process itself moves
into the `app` namespace, where the program under test is started; the far ends of the veth pairs lie in the
`peer` namespace, with the kernel's whole stack. Call it from the main thread: namespaces are a thread's.
"""

import contextlib
import ctypes
import json
import os
import re
import select
import socket
import struct
import subprocess
import sys
import time

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_REC, MS_SLAVE, MNT_DETACH = 0x4000, 0x80000, 2
ETH_P_ALL = 3
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23  # Linux 4.20
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33

# What a test waits is multiplied by this: the zero-copy lab's guest is an emulated machine.
SLOWNESS = float(os.environ.get("ZCNBRH_TEST_SLOWNESS", "1"))

libc = ctypes.CDLL(None, use_errno=True)

# Kills the child should this process die; without a shell and without code between fork and exec.
DIE_WITH_US = ["setpriv", "--pdeathsig", "KILL", "--"]


def _checked(result, what):
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def run(*command, check=True, timeout=60):
    """Runs a command and returns its output; a failure shows it."""
    timeout *= SLOWNESS
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=timeout)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: status {done.returncode}: {done.stdout.strip()}")
    return done.stdout


def why_no_namespaces():
    """The reason why Lab() cannot work here, or an empty text."""
    if os.geteuid():
        return "no root privilege"
    child = os.fork()
    if not child:  # tried out where nothing has to be undone
        refused = (libc.unshare(CLONE_NEWNET | CLONE_NEWNS) or
                   libc.mount(b"none", b"/", None, MS_REC | MS_SLAVE, None) or
                   libc.mount(b"sysfs", b"/sys", b"sysfs", 0, None))
        os._exit(1 if refused else 0)
    return "network namespaces, or mounts in them, are refused" if os.waitpid(child, 0)[1] else ""


def why_no_af_xdp():
    try:
        socket.socket(44, socket.SOCK_RAW, 0).close()  # AF_XDP
    except OSError as error:
        return f"no AF_XDP socket: {error.strerror}"
    return ""


class Peer:
    """A raw socket on a far end: what the kernel hands to or takes from the wire there."""

    def __init__(self, netdev):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        for option in (SO_RCVBUFFORCE, SO_SNDBUFFORCE):
            self.socket.setsockopt(socket.SOL_SOCKET, option, 32 << 20)
        self.socket.bind((netdev, ETH_P_ALL))
        self.socket.setblocking(False)

    def send(self, frame):
        deadline = time.monotonic() + 5 * SLOWNESS
        while True:
            try:
                return self.socket.send(frame)
            except (BlockingIOError, OSError) as error:
                if getattr(error, "errno", 0) not in (11, 105) or time.monotonic() > deadline:  # EAGAIN, ENOBUFS
                    raise
                time.sleep(0.001)

    def receive(self, count, timeout=5.0):
        """Up to `count` frames, fewer when none has come for `timeout` seconds."""
        found = []
        while len(found) < count:
            try:
                found.append(self.socket.recv(65536))
            except BlockingIOError:
                if not select.select([self.socket], [], [], timeout * SLOWNESS)[0]:
                    break
        return found

    def drain(self, quiet=0.05):
        """Throws away what is queued, until nothing comes for `quiet` seconds."""
        while self.receive(1000, quiet):
            pass

    def exchange(self, frames, window=64, timeout=5.0):
        """Sends all frames, never more than `window` of them unanswered, and returns what came back."""
        found, sent = [], 0
        while len(found) < len(frames):
            while sent < len(frames) and sent - len(found) < window:
                self.send(frames[sent])
                sent += 1
            more = self.receive(sent - len(found), timeout)
            if not more:
                break
            found += more
        return found

    def close(self):
        self.socket.close()


class Lab:
    """with Lab() as lab: lab.veth(); ..."""

    def __init__(self):
        self._closing = contextlib.ExitStack()
        self.pairs = []

    def __enter__(self):
        try:
            self._home = self._own(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
            _private_mounts()
            self._peer = self._own(self._new_namespace())
            self._app = self._own(self._new_namespace())
            self._closing.callback(self._enter, self._home)
            # /sys shows the network namespace of whoever mounted it.
            _checked(libc.mount(b"sysfs", b"/sys", b"sysfs", 0, None), "mount /sys")
            self._closing.callback(libc.umount2, b"/sys", MNT_DETACH)
        except BaseException:
            self._closing.close()
            raise
        return self

    def __exit__(self, *_):
        self._closing.close()

    def _own(self, descriptor):
        self._closing.callback(os.close, descriptor)
        return descriptor

    @staticmethod
    def _enter(descriptor):
        _checked(libc.setns(descriptor, CLONE_NEWNET), "setns")

    @staticmethod
    def _new_namespace():
        """Makes one, stays in it, and returns its descriptor."""
        _checked(libc.unshare(CLONE_NEWNET), "unshare")
        # The tests count packets; the kernel's own IPv6 chatter would be among them.
        for scope in ("all", "default"):
            with contextlib.suppress(FileNotFoundError), open(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6", "w",
                                                             encoding="ascii") as switch:
                switch.write("1")
        run("ip", "link", "set", "lo", "up")
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY)

    def keep(self, thing):
        """Closes `thing` when the lab ends, last kept first closed."""
        self._closing.callback(thing.close)
        return thing

    @contextlib.contextmanager
    def peer_side(self):
        """Inside the block this thread, and what it starts, is in the peer namespace."""
        self._enter(self._peer)
        try:
            yield
        finally:
            self._enter(self._app)

    def veth(self, queues=1, app_mac=None, peer_mac=None, mtu=1500, number=None):
        """A pair app<n> in the app namespace, peer<n> in the other, both up. Returns the two names. `number`: of a
        pair that was and is gone."""
        number = len(self.pairs) if number is None else number
        app, peer = f"app{number}", f"peer{number}"
        size = ["numrxqueues", queues, "numtxqueues", queues]
        run("ip", "link", "add", app, "mtu", mtu, *size, "type", "veth",
            "peer", "name", peer, "mtu", mtu, *size, "netns", f"/proc/{os.getpid()}/fd/{self._peer}")
        if number == len(self.pairs):
            self.pairs.append((app, peer))
        if app_mac:
            run("ip", "link", "set", app, "address", app_mac)
        with self.peer_side():
            if peer_mac:
                run("ip", "link", "set", peer, "address", peer_mac)
            run("ip", "link", "set", peer, "up")
        run("ip", "link", "set", app, "up")
        return app, peer

    def peer_address(self, netdev, address):
        with self.peer_side():
            run("ip", "addr", "add", address, "dev", netdev)

    def peer_socket(self, netdev):
        with self.peer_side():
            return self.keep(Peer(netdev))

    def peer_run(self, *command, **options):
        with self.peer_side():
            return run(*command, **options)

    def link(self, netdev, peer=False):
        """What `ip -d -s link` says of a netdev."""
        with self.peer_side() if peer else contextlib.nullcontext():
            return json.loads(run("ip", "-json", "-details", "-stats", "link", "show", "dev", netdev))[0]

    def exists(self, netdev):
        return netdev in (name for _, name in socket.if_nameindex())

    def to_peer_side(self, netdev):
        """Moves a netdev of the app namespace into the other."""
        run("ip", "link", "set", netdev, "netns", f"/proc/{os.getpid()}/fd/{self._peer}")

    def to_app_side(self, netdev):
        """Moves a netdev of the peer namespace into ours."""
        with self.peer_side():
            run("ip", "link", "set", netdev, "netns", f"/proc/{os.getpid()}/fd/{self._app}")

    def traffic(self, netdev, cpu, near=False, **options):
        """Starts the XDP packet source on a far end (`near`: on a netdev of ours). The returned process has sent its
        first packets."""
        with contextlib.nullcontext() if near else self.peer_side():
            return self.keep(Traffic(netdev, cpu, **options))


class Traffic:
    """The source as a process, in the namespace of whoever starts it."""

    def __init__(self, netdev, cpu, **options):
        tool = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bpf_tool.py")
        command = [*DIE_WITH_US, sys.executable, "-B", tool, netdev, "--cpu", str(cpu)]
        for key, value in options.items():
            command += [f"--{key}", str(value)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError(f"the packet source on {netdev} did not start")

    def wait(self, timeout=60):
        """Waits for its end; returns the number of packets it handed over."""
        output, _ = self.process.communicate(timeout=timeout)
        if self.process.returncode:
            raise RuntimeError(f"packet source: status {self.process.returncode}")
        return int(output)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


_mounts_are_private = False


def _private_mounts():
    global _mounts_are_private  # pylint: disable=global-statement
    if not _mounts_are_private:
        _checked(libc.unshare(CLONE_NEWNS), "unshare")
        _checked(libc.mount(b"none", b"/", None, MS_REC | MS_SLAVE, None), "mount --make-rslave /")
        _mounts_are_private = True


class Pings:
    """The kernel's ping, summed up."""

    def __init__(self, text):
        self.text = text
        counts = re.search(r"(\d+) packets transmitted, (\d+) received", text)
        self.sent, self.received = (int(count) for count in counts.groups()) if counts else (0, 0)
        times = re.search(r"= ([\d.]+)/([\d.]+)/([\d.]+)/", text)
        self.min_us, self.avg_us, self.max_us = ([1000 * float(ms) for ms in times.groups()] if times
                                                 else [float("nan")] * 3)


def echo_replies(lab):
    """Echo replies that the peer namespace's stack has taken so far."""
    names, values = (line.split() for line in lab.peer_run("cat", "/proc/net/snmp").splitlines()
                     if line.startswith("Icmp:"))
    return int(values[names.index("InEchoReps")])


def ping(lab, address, count, size=56, flood=True):
    """Pings from the peer namespace. A flood sends the next packet as soon as an answer comes.

    After its last packet ping waits for no more than twice the longest round trip: on a busy machine it misses an
    answer that does come. So the answers are counted by the kernel's stack, which is given three seconds.
    """
    command = ["ping", "-n", "-q", "-c", count, "-s", size, "-W", 3, address]
    if flood:
        command.insert(1, "-f")
    before = echo_replies(lab)
    pings = Pings(lab.peer_run(*command, check=False))
    give_up = time.monotonic() + 3 * SLOWNESS
    while echo_replies(lab) - before < pings.sent and time.monotonic() < give_up:
        time.sleep(0.01)
    pings.received = echo_replies(lab) - before
    return pings


def interface_flags(link):
    """Flags and address of a netdev that a program has to leave as it found them."""
    return {"flags": sorted(link["flags"]), "address": link["address"], "mtu": link["mtu"],
            "promiscuity": link.get("promiscuity", 0)}


def xdp_of(link):
    """The XDP program on a netdev, or None."""
    return link.get("xdp", {}).get("prog") if link.get("xdp", {}).get("mode", 0) else None


def frame_kind(frame):
    return struct.unpack_from("!H", frame, 12)[0]
