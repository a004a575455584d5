# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The AF_XDP device plugin for Kubernetes as a pod meets it: an XDP program of its own on a netdev, and its
protocol 0.1 on a UNIX socket. Written from udsserver.go and constants.go of intel/afxdp-plugins-for-kubernetes;
like that server it reads 64 bytes of a request, serves one connection and then removes the socket.

Each answer can be replaced by a fault: faults={"/connect": "/host_nak"}, see FAULTS.
"""

import ctypes
import os
import socket
import struct
import threading

import bpf_tool

BPF_MAP_CREATE, BPF_OBJ_PIN = 0, 6
BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_XSKMAP = 2, 17
BPF_FUNC_REDIRECT_MAP = 51
RX_QUEUE_INDEX = 16  # offset in struct xdp_md
SO_BUSY_POLL, SO_PREFER_BUSY_POLL, SO_BUSY_POLL_BUDGET = 46, 69, 70
REQUEST_BYTES = 64

# What a fault may be besides a text that is sent instead: see _answer().
CLOSE, SILENCE, NO_FD = "close", "silence", "no fd"


def make_map(kind, entries, name):
    attributes = struct.pack("<IIIIIII16s", kind, 4, 4, entries, 0, 0, 0, name.encode())
    return bpf_tool.bpf(BPF_MAP_CREATE, ctypes.create_string_buffer(attributes + bytes(32)))


def pin(descriptor, path):
    text = ctypes.create_string_buffer(os.fsencode(path))
    attributes = struct.pack("<QII", ctypes.addressof(text), descriptor, 0)
    bpf_tool.bpf(BPF_OBJ_PIN, ctypes.create_string_buffer(attributes, len(attributes)))


def load_feeder(map_fd):
    """return bpf_redirect_map(&map, ctx->rx_queue_index, XDP_PASS)"""
    queue_to_r2 = struct.pack("<BBhi", 0x61, 2 | 1 << 4, RX_QUEUE_INDEX, 0)
    map_to_r1 = struct.pack("<BBhi", 0x18, 1 | 1 << 4, 0, map_fd) + bytes(8)
    return bpf_tool.load_xdp(queue_to_r2 + map_to_r1 + bpf_tool.mov64(3, bpf_tool.XDP_PASS) +
                             bpf_tool.call(BPF_FUNC_REDIRECT_MAP) + bpf_tool.EXIT, "plugins_xdp")


class Feeder:
    """An XDP program with an XSKMAP on a netdev, held by a bpf_link of this process."""

    def __init__(self, netdev, queues=8, flags=bpf_tool.XDP_FLAGS_DRV_MODE):
        self.map = make_map(BPF_MAP_TYPE_XSKMAP, queues, "xsks_map")
        program = load_feeder(self.map)
        attributes = struct.pack("<IIII", program, socket.if_nametoindex(netdev), bpf_tool.BPF_XDP, flags)
        try:
            self.link = bpf_tool.bpf(bpf_tool.BPF_LINK_CREATE, ctypes.create_string_buffer(attributes + bytes(32)))
        finally:
            os.close(program)

    def close(self):
        for descriptor in (self.link, self.map):
            if descriptor >= 0:
                os.close(descriptor)
        self.link = self.map = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class DevicePlugin:
    """Serves `devices` ({netdev: map fd}) at `path` to the pod with this host's name."""

    def __init__(self, path, devices, faults=None, connections=1, version="0.1"):
        self.path, self.devices, self.faults = path, dict(devices), dict(faults or {})
        self.version = version
        self.requests, self.hosts = [], [socket.gethostname()]
        self._left = connections
        self._stop = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(path)
        os.chmod(path, 0o666)
        self._listener.listen(0)
        self._listener.settimeout(0.1)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while self._left and not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            self._left -= 1
            with connection:
                connection.settimeout(0.1)
                self._talk(connection)
        self._listener.close()
        if os.path.exists(self.path):
            os.unlink(self.path)

    def _talk(self, connection):
        connected = False
        while not self._stop.is_set():
            try:
                data, descriptors, _, _ = socket.recv_fds(connection, REQUEST_BYTES, 1)
            except TimeoutError:
                continue
            except OSError:
                return
            if not data:
                return
            request = data.decode()
            self.requests.append(request)
            fault = next((value for key, value in self.faults.items() if request.startswith(key)), None)
            try:
                go_on = self._fault(connection, fault, descriptors) if fault else self._answer(connection, request,
                                                                                              descriptors, connected)
            except OSError:  # the client has gone
                return
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
            connected = connected or request.startswith("/connect")
            if not go_on:
                return

    @staticmethod
    def _fault(connection, fault, descriptors):
        """CLOSE, SILENCE, NO_FD, a text, or a function of (connection, descriptors). False ends the session."""
        if fault == CLOSE:
            return False
        if fault == NO_FD:
            connection.send(b"/fd_ack")
        elif callable(fault):
            fault(connection, descriptors)
        elif fault != SILENCE:
            connection.send(fault.encode())
        return True

    def _answer(self, connection, request, descriptors, connected):
        words = request.split(",")
        if words[0] == "/connect":
            known = len(words) == 2 and words[1] in self.hosts
            connection.send(b"/host_ok" if known else b"/host_nak")
            return known
        if not connected:
            return False
        if request == "/version":
            connection.send(self.version.encode())
        elif words[0] == "/xsk_map_fd" and len(words) == 2:
            if words[1] in self.devices:
                socket.send_fds(connection, [b"/fd_ack"], [self.devices[words[1]]])
            else:
                connection.send(b"/fd_nak")
        elif words[0] == "/config_busy_poll" and len(words) == 3 and descriptors:
            self._busy_poll(descriptors[0], int(words[1]), int(words[2]))
            connection.send(b"/config_busy_poll_ack")
        elif request == "/fin":
            connection.send(b"/fin_ack")
            return False
        else:
            connection.send(b"/nak")
        return True

    @staticmethod
    def _busy_poll(descriptor, microseconds, budget):
        with socket.socket(44, socket.SOCK_RAW, 0, fileno=os.dup(descriptor)) as xsk:
            xsk.setsockopt(socket.SOL_SOCKET, SO_PREFER_BUSY_POLL, 1)
            xsk.setsockopt(socket.SOL_SOCKET, SO_BUSY_POLL, microseconds)
            xsk.setsockopt(socket.SOL_SOCKET, SO_BUSY_POLL_BUDGET, budget)

    def close(self):
        self._stop.set()
        self._thread.join(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
