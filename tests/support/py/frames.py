# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Frames for the tests, made and read: Ethernet, IPv4, UDP and TCP, with right checksums."""

import functools
import struct

APP_MAC = bytes.fromhex("02005a430001")
PEER_MAC = bytes.fromhex("02005a430002")
ETH_P_IP = 0x0800
UDP, TCP = 17, 6
SEQUENCE_AT = 42  # offset of the sequence number that numbered_frame() puts in the UDP payload
COUNTING = bytes(range(256)) * 258  # bytes that count up, from any start and for any length of a frame


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def mac_text(raw):
    return ":".join(f"{byte:02x}" for byte in raw)


def checksum(data):
    """The Internet checksum; over data that holds a right checksum it is 0."""
    if len(data) % 2:
        data += b"\0"
    # 2**16 is 1 modulo 0xffff, so the remainder of all of it is the sum of its words with the carries added in. A sum
    # of 0xffff leaves 0, as no bytes but zeros do.
    value = int.from_bytes(data, "big")
    return (value % 0xFFFF or (0xFFFF if value else 0)) ^ 0xFFFF


@functools.lru_cache
def ip_bytes(text):
    return bytes(int(part) for part in text.split("."))


def ipv4_header(payload_bytes, protocol, source, target):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + payload_bytes, 0, 0x4000, 64, protocol, 0,
                       ip_bytes(source), ip_bytes(target))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:]


def l4_checksum(ip_header, segment):
    pseudo = ip_header[12:20] + struct.pack("!BBH", 0, ip_header[9], len(segment))
    return checksum(pseudo + segment)


def ethernet(payload, source=PEER_MAC, target=APP_MAC, kind=ETH_P_IP):
    return target + source + struct.pack("!H", kind) + payload


def udp_packet(data, ports=(1000, 2000), addresses=("10.9.0.2", "10.9.0.1")):
    head = ipv4_header(8 + len(data), UDP, *addresses)
    segment = struct.pack("!HHHH", *ports, 8 + len(data), 0) + data
    # A UDP checksum of 0 means "none"; the sum 0 is sent as 0xffff.
    return head + segment[:6] + struct.pack("!H", l4_checksum(head, segment) or 0xFFFF) + segment[8:]


def tcp_packet(data, ports=(1000, 2000), addresses=("10.9.0.2", "10.9.0.1")):
    head = ipv4_header(20 + len(data), TCP, *addresses)
    segment = struct.pack("!HHIIBBHHH", *ports, 1, 1, 0x50, 0x10, 1024, 0, 0) + data
    return head + segment[:16] + struct.pack("!H", l4_checksum(head, segment)) + segment[18:]


def udp_frame(size=60, ports=(1000, 2000), fill=b"\x5a", **addresses):
    """A UDP frame of `size` bytes in all (at least 42), without FCS."""
    return ethernet(udp_packet((fill * size)[:size - 42], ports), **addresses)


def numbered_frame(number, size, ports=(1000, 2000)):
    """A UDP frame whose payload starts with its number and goes on with bytes that depend on it."""
    tail = size - SEQUENCE_AT - 4
    data = struct.pack("!I", number) + COUNTING[number & 0xFF:][:tail]
    return ethernet(udp_packet(data, ports))


def number_of(frame):
    return struct.unpack_from("!I", frame, SEQUENCE_AT)[0]


def problems_of_ipv4(frame):
    """What is wrong with an Ethernet frame that should hold IPv4 with UDP or TCP; empty: nothing."""
    if len(frame) < 34 or frame[12:14] != b"\x08\x00" or frame[14] != 0x45:
        return [f"no IPv4 frame: {frame[:40].hex()}"]
    header, total = frame[14:34], struct.unpack_from("!H", frame, 16)[0]
    found = []
    if checksum(header):
        found.append("IPv4 header checksum is wrong")
    if total > len(frame) - 14:
        return found + [f"IPv4 length {total}, but the frame has {len(frame) - 14} bytes"]
    segment = frame[34:14 + total]
    if header[9] == UDP and struct.unpack_from("!H", segment, 4)[0] != len(segment):
        found.append("UDP length is wrong")
    if not (header[9] == UDP and segment[6:8] == b"\0\0") and l4_checksum(header, segment):
        found.append("layer 4 checksum is wrong")
    return found
