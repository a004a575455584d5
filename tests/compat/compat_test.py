#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""DPDK's skeleton and l2fwd, unchanged, compiled against include/zcnbrh/compat and run without DPDK (TAP):
compat_test.py FOLDER_OF_DPDK'S_EXAMPLES.
"""

import functools
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import compat_rig
import frames
import netlab
import tap
from compat_rig import COMPILERS, NO_EFFECT, Running, both_ways, expect_frames
from tap import check, equal

FRAMES = 5000
L2FWD_MAC = "0200000000{:02x}"  # of what l2fwd sends to a port

tree = None


def lab_test(function):
    """A sub-test in namespaces of its own."""
    @functools.wraps(function)
    def inside():
        reason = netlab.why_no_namespaces() or netlab.why_no_af_xdp()
        if reason:
            raise tap.Skip(reason)
        with netlab.Lab() as lab:
            function(lab)
    return inside


def stream(first, count=FRAMES):
    return [frames.numbered_frame(first + number, 60 + number * 7 % 1455) for number in range(count)]


def pairs(lab, count):
    """[(near netdev, far socket)]"""
    made = [lab.veth() for _ in range(count)]
    return [(near, lab.peer_socket(far)) for near, far in made]


def start(lab, name, *arguments, compiler="gcc", environment=None):
    return lab.keep(Running(tree, tree.program(name, compiler), *arguments, environment=environment))


def ifaces(ends):
    return [word for near, _ in ends for word in ("--iface", near)]


def rewritten(frame, port, lab, near):
    """What l2fwd makes of a frame that leaves by `near`, its port `port`."""
    return bytes.fromhex(L2FWD_MAC.format(port)) + frames.mac_bytes(lab.link(near)["address"]) + frame[12:]


def expect_clean(lab, near, before):
    link = lab.link(near)
    equal(netlab.xdp_of(link), None, f"XDP program left on {near}")
    equal(netlab.interface_flags(link), before, f"flags of {near}")


# --- what is installed, and what compiles ---

def installs():
    """meson install puts every header where pkg-config says it is."""
    for source in sorted((compat_rig.ROOT / "include/zcnbrh").rglob("*.h")):
        relative = source.relative_to(compat_rig.ROOT / "include")
        found = [path for path in tree.folder.rglob(source.name) if path.as_posix().endswith(relative.as_posix())]
        equal(len(found), 1, f"{relative} installed")
        equal(found[0].read_bytes(), source.read_bytes(), str(relative))
    folders = [flag[2:] for flag in tree.flags("--cflags") if flag.startswith("-I")]
    check(any(pathlib.Path(folder, "rte_ethdev.h").exists() for folder in folders), f"no rte_ethdev.h in {folders}")


def compiles():
    """Both programs compile unchanged, by gcc and clang, as C99 and C11, with -Wall -Werror."""
    for compiler in COMPILERS:
        for standard in ("c99", "c11", "gnu17"):
            for level in ("-O0", "-O3"):
                for name in ("skeleton", "l2fwd"):
                    status, said = tree.compile(compiler, tree.folder / "program", tree.sources[name],
                                                f"-std={standard}", level)
                    check(status == 0 and not said, f"{compiler} -std={standard} {level} {name}:\n{said}")


def needs_no_dpdk():
    """No header and no library of DPDK takes part."""
    for name in ("skeleton", "l2fwd"):
        listed = subprocess.run(["ldd", tree.program(name)], env=tree.environment, check=True,
                                stdout=subprocess.PIPE, text=True).stdout
        check("librte_" not in listed and "libzcnbrh.so" in listed, listed)
        done = subprocess.run(["gcc", "-M", *tree.flags("--cflags"), *map(str, tree.sources[name])], check=True,
                              stdout=subprocess.PIPE, text=True)
        headers = [word for word in done.stdout.split() if "/rte_" in word]
        check(headers, "no rte_ header was read")
        strange = [header for header in headers if not pathlib.Path(header).is_relative_to(tree.folder)]
        equal(strange, [], "headers from elsewhere")


# A line for a program, and the name the compiler has to say.
MISSING = [
    ("rte_ring_create(\"r\", 8, 0, 0);", "rte_ring_create"),
    ("struct rte_eth_stats *stats = NULL; rte_eth_stats_get(0, stats);", "rte_eth_stats_get"),
    ("rte_pktmbuf_alloc(pool);", "rte_pktmbuf_alloc"),
    ("conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_CHECKSUM;", "RTE_ETH_RX_OFFLOAD_CHECKSUM"),
    ("conf.rxmode.mq_mode = 0;", "mq_mode"),
    ("packet->ol_flags = 0;", "ol_flags"),
    ("packet->next = NULL;", "next"),
    ("rte_errno = 0;", "rte_errno"),
]
PROGRAM = """
#include <rte_eal.h>
#include <rte_ethdev.h>
{}
void use(struct rte_mempool *pool, struct rte_mbuf *packet);
void use(struct rte_mempool *pool, struct rte_mbuf *packet) {{
  struct rte_eth_conf conf;
  {}
  (void)pool, (void)packet, (void)conf;
}}
"""


def names_what_is_missing():
    """What is not there is an error by its name when the program is compiled, not when it is linked or run."""
    source, output = tree.folder / "missing.c", tree.folder / "missing.o"
    for compiler in COMPILERS:
        for standard in ("c99", "gnu17"):
            def compile_with(include, line):
                source.write_text(PROGRAM.format(include, line))
                return tree.compile(compiler, output, [source], "-c", f"-std={standard}", "-Wno-error")

            status, said = compile_with("", "conf.txmode.mq_mode = RTE_ETH_MQ_TX_NONE;")
            check(status == 0, f"{compiler}: what is there does not compile:\n{said}")
            for line, name in MISSING:
                status, said = compile_with("", line)
                errors = [text for text in said.splitlines() if " error: " in text]
                check(status != 0 and any(re.search(rf"\b{name}\b", text) for text in errors),
                      f"{compiler} {standard}: {line}: exit status {status}:\n{said}")
            status, said = compile_with("#include <rte_ring.h>", "")
            check(status != 0 and re.search("error: .*rte_ring.h|rte_ring.h.*error: ", said), said)


def wants_its_flags():
    """Without what pkg-config says the compiler is told what to do."""
    source = tree.folder / "flags.c"
    source.write_text("#include <rte_eal.h>\n")
    include = [flag for flag in tree.flags("--cflags") if flag.startswith("-I")]
    done = subprocess.run(["gcc", "-c", "-o", tree.folder / "flags.o", source, *include], stderr=subprocess.PIPE,
                          text=True)
    check(done.returncode != 0 and "pkg-config --cflags libzcnbrh-compat" in done.stderr, done.stderr)


# --- skeleton ---

def forwards(lab, compiler, **options):
    ends = pairs(lab, 2)
    before = [netlab.interface_flags(lab.link(near)) for near, _ in ends]
    program = start(lab, "skeleton", "-l", "0", *ifaces(ends), compiler=compiler, **options)
    program.wait_for(r"forwarding packets")
    for near, _ in ends:
        equal(lab.link(near)["promiscuity"], 1, f"promiscuity of {near}")
    there, back = stream(0), stream(FRAMES)
    (_, first), (_, second) = ends
    came = both_ways([(first, second), (second, first)], [there, back])
    expect_frames(came[0], there, "from port 0 to port 1")
    expect_frames(came[1], back, "from port 1 to port 0")
    return ends, before, program


@lab_test
def skeleton(lab):
    """skeleton forwards every frame both ways, byte for byte and in order; killed, it leaves nothing behind."""
    ends, before, program = forwards(lab, "gcc")
    said = program.said()
    address = lab.link(ends[1][0])["address"].replace(":", " ")
    check(f"Port 1 MAC: {address}" in said, said)
    equal(program.end(signal.SIGINT), -signal.SIGINT, "exit status")  # it has no handler
    for (near, _), flags in zip(ends, before):
        expect_clean(lab, near, flags)


@lab_test
def skeleton_by_clang(lab):
    """The one that clang made does the same."""
    forwards(lab, "clang")


@lab_test
def without_huge_pages(lab):
    """It runs where there are no huge pages, and maps none."""
    library = tree.folder / "no_huge_pages.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, compat_rig.OURS / "no_huge_pages.c"], check=True)
    _, _, program = forwards(lab, "gcc", environment={"LD_PRELOAD": str(library)})
    smaps = pathlib.Path(f"/proc/{program.process.pid}/smaps").read_text()
    sizes = set(re.findall(r"KernelPageSize: +(\d+) kB", smaps))
    equal(sizes, {str(os.sysconf("SC_PAGE_SIZE") // 1024)}, "page sizes")


@lab_test
def two_ports_of_one_netdev(lab):
    """Two queues of one netdev are two ports, by start_queue=."""
    near, far = lab.veth(queues=2)
    end = lab.peer_socket(far)
    program = start(lab, "skeleton", "-l", "0", f"--vdev=net_zcnbrh0,iface={near}",
                    f"--vdev=net_zcnbrh1,start_queue=1,iface={near}")
    program.wait_for(r"forwarding packets")
    sent = stream(0, 1000)  # one flow, so it comes in by one queue, leaves by the other and keeps its order
    expect_frames(both_ways([(end, end)], [sent])[0], sent, "back by the other port")


# --- l2fwd ---

@lab_test
def l2fwd(lab):
    """l2fwd on two lcores rewrites addresses, counts, and ends cleanly at Ctrl-C."""
    if len(os.sched_getaffinity(0)) < 2:
        raise tap.Skip("one CPU only")
    cpus = sorted(os.sched_getaffinity(0))[:2]
    ends = pairs(lab, 2)
    before = [netlab.interface_flags(lab.link(near)) for near, _ in ends]
    program = start(lab, "l2fwd", "-l", ",".join(map(str, cpus)), *ifaces(ends), "--", "-p", "3", "-T", "1", "-P")
    program.wait_for(rf"entering main loop on lcore {cpus[0]}\b")
    program.wait_for(rf"entering main loop on lcore {cpus[1]}\b")
    there, back = stream(0), stream(FRAMES)
    (near, first), (other, second) = ends
    came = both_ways([(first, second), (second, first)], [there, back])
    expect_frames(came[0], [rewritten(frame, 1, lab, other) for frame in there[:1]] +
                  [came[0][0][:12] + frame[12:] for frame in there[1:]], "at port 1")
    expect_frames(came[1], [rewritten(frame, 0, lab, near) for frame in back[:1]] +
                  [came[1][0][:12] + frame[12:] for frame in back[1:]], "at port 0")
    program.wait_for(rf"Total packets sent: +{2 * FRAMES}\n.*received: +{2 * FRAMES}\n.*dropped: +0\n")
    check("Port 0 Link up at 10 Gbps FDX" in program.said(), program.said())
    threads = pathlib.Path(f"/proc/{program.process.pid}/task").iterdir()
    places = [re.search(r"Cpus_allowed_list:\s*(\S+)", (thread / "status").read_text()).group(1) for thread in threads]
    check({str(cpu) for cpu in cpus} <= set(places), f"threads run on {places}, lcores are {cpus}")
    equal(program.end(), 0, "exit status")
    check(program.said().rstrip().endswith("Bye..."), program.said())
    for (name, _), flags in zip(ends, before):
        expect_clean(lab, name, flags)


@lab_test
def l2fwd_portmap(lab):
    """l2fwd with --portmap, -q and --no-mac-updating: four ports on one lcore, each to the one it is told."""
    ends = pairs(lab, 4)
    program = start(lab, "l2fwd", *ifaces(ends), "-c", "1", "--", "-p", "f", "-q", "4", "-T", "0",
                    "--portmap", "(0,2)(1,3)", "--no-mac-updating")
    program.wait_for(r"entering main loop on lcore 0")
    sockets = [end for _, end in ends]
    sent = [stream(way * 1000, 1000) for way in range(4)]
    came = both_ways([(sockets[way], sockets[way ^ 2]) for way in range(4)], sent)
    for way in range(4):
        expect_frames(came[way], sent[way], f"from port {way} to port {way ^ 2}")
    check("Port statistics" not in program.said(), "statistics in spite of -T 0")
    equal(program.end(signal.SIGTERM), 0, "exit status")


@lab_test
def l2fwd_mirror(lab):
    """l2fwd with one port sends everything back where it came from."""
    ends = pairs(lab, 2)
    program = start(lab, "l2fwd", *ifaces(ends), "-l", "0", "--", "-p", "2", "-T", "0")
    program.wait_for(r"entering main loop")
    check("Skipping disabled port 0" in program.said(), program.said())
    near, end = ends[1]
    sent = stream(0, 1000)
    came = both_ways([(end, end)], [sent])[0]
    right = rewritten(sent[0], 1, lab, near)[:12]
    expect_frames(came, [right + frame[12:] for frame in sent], "back")
    equal(program.end(), 0, "exit status")


@lab_test
def back_pressure(lab):
    """A port that cannot send makes l2fwd drop what its descriptors do not hold; then all goes on."""
    ends = pairs(lab, 2)
    program = start(lab, "l2fwd", *ifaces(ends), "-l", "0", "--", "-p", "3", "-q", "2", "-T", "1", "--no-mac-updating")
    program.wait_for(r"entering main loop")
    (_, first), (other, second) = ends
    netlab.run("ip", "link", "set", other, "down")  # sendto() says ENETDOWN, and the TX ring fills up
    sent = stream(0, 2500)
    for at in range(0, len(sent), 500):  # fewer than the receiver's descriptors
        for frame in sent[at:at + 500]:
            first.send(frame)
        program.wait_for(rf"Total packets received: +{at + 500}\n")
    found = program.wait_for(r"Total packets sent: +(\d+)\n.*received: +2500\n.*dropped: +(\d+)\n")
    held, dropped = map(int, found.groups())
    equal((held, dropped), (1024, 2500 - 1024), "packets held and dropped, with 1024 descriptors")
    netlab.run("ip", "link", "set", other, "up")
    more = stream(2500, 500)
    came = both_ways([(first, second)], [more[:1]], timeout=1.0)[0]  # its send kicks what was held
    came += second.receive(held + 1 - len(came), 2.0)
    numbers = [frames.number_of(frame) for frame in came]
    equal(numbers, sorted(numbers), "order of what was held")
    equal(numbers[-1], 2500, "the first one after it")
    equal(len(came), held + 1, "frames that were held, and one")
    expect_frames(both_ways([(first, second)], [more[1:]])[0], more[1:], "afterwards")
    equal(program.end(), 0, "exit status")


@lab_test
def waits_for_the_link(lab):
    """l2fwd waits for a carrier, and says how fast the link is."""
    near, far = lab.veth()
    lab.peer_run("ip", "link", "set", far, "down")
    program = start(lab, "l2fwd", "--iface", near, "-l", "0", "--", "-p", "1", "-T", "0")
    program.wait_for(r"Checking link status\.\.")
    check("done" not in program.said().partition("Checking")[2], program.said())
    lab.peer_run("ip", "link", "set", far, "up")
    program.wait_for(r"Checking link status\.+done\nPort 0 Link up at 10 Gbps FDX")
    equal(program.end(), 0, "exit status")


# --- arguments ---

@lab_test
def takes_dpdk_arguments(lab):
    """A DPDK command line is taken: what has no meaning is named in one note, --vdev keys reach the queue."""
    ends = pairs(lab, 2)
    (near, _), (other, _) = ends
    program = start(lab, "skeleton", "-n", "4", "-l", "0", "--no-pci", "--file-prefix=me", "--socket-mem", "64",
                    f"--vdev=net_zcnbrh0,iface={near},zc=off,busy_budget=16", "--vdev",
                    f"net_zcnbrh1,force_copy=0,iface={other}", "-a", "0000:3b:00.0")
    program.wait_for(r"forwarding packets")
    notes = [line for line in program.said().splitlines() if line.startswith(NO_EFFECT)]
    equal(notes, [f"{NO_EFFECT} -n 4 --no-pci --file-prefix me --socket-mem 64 -a 0000:3b:00.0"], "the note")
    check(re.search(rf"port 0 on {near}: .*busy poll", program.said()), program.said())
    check(f"port 1 on {other}: " in program.said(), program.said())


@lab_test
def takes_the_environment(lab):
    """ZCNBRH_IFACES gives the ports of a program without arguments; an argument goes before it."""
    ends = pairs(lab, 2)
    names = ",".join(near for near, _ in ends)
    program = start(lab, "skeleton", environment={"ZCNBRH_IFACES": names})
    program.wait_for(r"forwarding packets")
    sent = stream(0, 200)
    expect_frames(both_ways([(ends[0][1], ends[1][1])], [sent])[0], sent, "from port 0 to port 1")
    check(NO_EFFECT not in program.said(), "a note about no argument")
    program.close()
    program = start(lab, "skeleton", "--iface", ends[0][0], environment={"ZCNBRH_IFACES": names})
    equal(program.wait(), 1, "exit status")
    check("number of ports must be even" in program.said(), program.said())


# Arguments of skeleton, and what is to be said.
REFUSED = [
    (["--iface", "nothing0"], r"port 0: .*iface nothing0: no such netdev"),
    (["--iface", "app0", "--iface", "nothing0"], r"port 1: .*iface nothing0: no such netdev"),
    (["--vdev=net_zcnbrh0"], r"--vdev net_zcnbrh0: takes net_zcnbrh<number>,iface=<interface>"),
    (["--vdev=net_tap0,iface=app0"], r"--vdev net_tap0,iface=app0: takes net_zcnbrh"),
    (["--vdev=net_zcnbrh0,iface=app0,nokey=1", "--iface", "app1"], r"port 0: .*nokey"),
    (["--iface", "an_interface_name_too_long"], r"port 0: 'an_interface_name_too_long' is no name of an interface"),
    (["-l", "127", "--iface", "app0"], r"lcore 127: the process may not use a CPU of this number"),
    (["-l", "0@1"], r"lcores 0@1: takes a list like 0,2-4"),
    (["-c", "xyz"], r"-c xyz: takes a hexadecimal mask"),
    (["-l", "0", "--main-lcore", "9"], r"main lcore 9 is none of the lcores"),
    (["-s", "1"], r"-s 1: there are no service cores here"),
    (["--proc-type=secondary"], r"no secondary processes here"),
    (["--no-such-option"], r"unrecognized option '--no-such-option'"),
    (["-a", "0000:3b:00.0"], r"no ports; give --iface eth0, --vdev net_zcnbrh0,iface=eth0 or ZCNBRH_IFACES"),
    (["--iface", "app0", "--iface", "app0"], r"port 1: .*in use"),
    (["--iface", "app0", "--iface", "app2"], r"port 1: .*iface app2 is down; `ip link set app2 up`"),
]


@lab_test
def refuses(lab):
    """What cannot be done is said in one line that names it, and the netdevs are left alone."""
    for near in (lab.veth()[0], lab.veth()[0], lab.veth()[0]):
        pass
    netlab.run("ip", "link", "set", near, "down")
    before = netlab.interface_flags(lab.link("app0"))
    for arguments, wanted in REFUSED:
        program = start(lab, "skeleton", *arguments)
        status = program.wait()
        check(status == 1 and re.search(wanted, program.said()), f"{arguments}: {status}:\n{program.said()}")
        expect_clean(lab, "app0", before)


def tells_how():
    """--help says what it takes, and ends with 0."""
    done = subprocess.run([tree.program("skeleton"), "--help"], env=tree.environment, stdout=subprocess.PIPE,
                          text=True)
    check(done.returncode == 0 and "--iface IFACE" in done.stdout, done.stdout)


# --- where the frames are ---

def books(lab, pools):
    ends = pairs(lab, 2)
    program = start(lab, "books", *ifaces(ends), "-l", "0", "--", FRAMES, pools)
    program.wait_for("ready")
    (_, first), (_, second) = ends
    sent = stream(0)
    came = []
    for at in range(0, FRAMES, 96):  # a third comes out; what is on its way fits the receiver's ring
        part = sent[at:at + 96]
        for frame in part:
            first.send(frame)
        came += second.receive(sum(frames.number_of(frame) % 3 == 1 and frames.number_of(frame) < FRAMES - 1
                                   for frame in part), 5.0)
    expect_frames(came, [frame for frame in sent[:-1] if frames.number_of(frame) % 3 == 1], "by port 1")
    equal(program.wait(), 0, "exit status")
    said = program.said()
    check("pool 0: 2048 of 2048 frames, 0 held, 0 discrepancies" in said, said)
    check("rte_eth_tx_burst: dropped a packet whose data_len is 0" in said, said)
    return said


@lab_test
def keeps_its_books(lab):
    """Freed, held and forwarded packets: all frames are back when the ports have stopped."""
    books(lab, "one")


@lab_test
def crosses_pools(lab):
    """A packet of another port's pool is sent as a copy, and its frame comes back."""
    said = books(lab, "two")
    check("pool 1: 2048 of 2048 frames, 0 held, 0 discrepancies" in said, said)


def main():
    global tree  # pylint: disable=global-statement
    examples = pathlib.Path(sys.argv.pop(1))
    with tempfile.TemporaryDirectory(prefix="zcnbrh-compat-") as folder:
        tree = compat_rig.Tree(folder, examples)
        tap.main([installs, compiles, needs_no_dpdk, names_what_is_missing, wants_its_flags, skeleton,
                  skeleton_by_clang, without_huge_pages, two_ports_of_one_netdev, l2fwd, l2fwd_portmap, l2fwd_mirror,
                  back_pressure, waits_for_the_link, takes_dpdk_arguments, takes_the_environment, refuses, tells_how,
                  keeps_its_books, crosses_pools])


if __name__ == "__main__":
    main()
