#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""testpmd's commands for our ports: preloaded into the stock testpmd, and compiled into one built from source."""

import os
import re
import subprocess
import threading

from rig import BUILD, DRIVER, Skip, check, device, equal, eventually, frames, main, rig, testpmd
from secondary_test import both, comes_back, flows

PLUGIN = str(BUILD / "app/testpmd-plugin/libzcnbrh_testpmd.so")
PRELOADED = {"LD_PRELOAD": PLUGIN}
TOPICS = ("mode", "credits", "rings", "umem", "ledger", "bpf", "why", "trace")
TWO_QUEUES = {"queues": 2, "app": ["--rxq=2", "--txq=2"]}


def plugged(keys=None, queues=1, environment=None, **options):
    """A rig whose testpmd has the commands."""
    return rig(queues=queues, keys={"queue_count": queues, **(keys or {})}, environment=environment or PRELOADED, **options)


def shown(r, topic, port=0):
    return r.pmd.command(f"show zcnbrh {port} {topic}")


def says(text, *words):
    for word in words:
        check(word in text, f"'{word}' is not in:\n{text}")


def ledger_of(text):
    """(own posted, own in flight, {pool: [buffers, posted, in flight, quarantined, in pool, application]})"""
    own = re.search(r"own queues: (\d+) frames posted to receive into, (\d+) being sent", text)
    pools = re.findall(r"^(\S+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)$", text, re.MULTILINE)
    return int(own[1]), int(own[2]), {name: list(map(int, row)) for name, *row in pools}


def balanced(r):
    """Of a port whose application holds nothing: every buffer has an owner, and the port's queues know theirs."""
    posted, in_flight, pools = ledger_of(shown(r, "ledger"))
    check(pools, "pools in the ledger")
    for name, row in pools.items():
        equal(sum(row[1:]), row[0], f"buffers of {name} by owner: {row}")
        equal(row[3], 0, f"quarantined buffers of {name}")
    equal(sum(row[1] for row in pools.values()), posted, "frames posted")
    check(sum(row[2] for row in pools.values()) <= in_flight, "frames in flight")
    says(shown(r, "ledger"), "violations: 0")


def forward_patiently(r):
    """macswap that offers again what a TX burst did not take: one that comes while its queue is changed takes nothing."""
    r.pmd.command("set burst tx delay 50 retry 20000")
    r.forward("macswap retry")


class Echo:
    """Numbered frames that a port turns around, one after the other, while something else is done: each must come back
    whole and in order."""

    def __init__(self, r, sizes=(60, 300, 1024, 1514)):
        self.peer, self.sizes = r.peer(), sizes
        self.count, self.wrong, self.stop = 0, [], threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.stop.is_set() and not self.wrong:
            sent = [frames.numbered_frame(self.count + i, self.sizes[i % len(self.sizes)]) for i in range(32)]
            found = self.peer.exchange(sent, window=16)
            wanted = [frame[6:12] + frame[:6] + frame[12:] for frame in sent]
            if found != wanted:
                self.wrong.append(f"{len(found)} of {len(sent)} frames from {self.count} on, or another order or payload")
            self.count += len(sent)

    def goes_on(self):
        """At least two more exchanges from begin to end."""
        before = self.count
        eventually(lambda: self.count >= before + 96 or self.wrong, "the traffic stands still", 20)
        equal(self.wrong, [], "frames")

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.stop.set()
        self.thread.join(30)
        if kind is None:
            equal(self.wrong, [], "frames")


def every_topic():
    """show zcnbrh: each topic tells what is so, on a port that has carried packets"""
    with plugged({"on_empty": "drop", "window": 512}, **TWO_QUEUES) as r:
        r.ping(200)
        says(shown(r, "mode"), f"{DRIVER}0 on {r.apps[0]} (driver veth): started", "queues 0-1: copy mode, wakeup",
             "driver veth has no AF_XDP zero-copy", "bursts: RX plain", ", TX plain")
        credits = re.findall(r"^ +(\d) +(\d+) +(\d+)  (\d+) of (\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)$",
                             shown(r, "credits"), re.MULTILINE)
        equal([row[0] for row in credits], ["0", "1"], "queues in credits")
        xstats = r.pmd.xstats()
        for queue, posted, missing, window, widest, delivered, left, *_ in credits:
            equal((int(posted) + int(missing), window, widest), (2048, "512", "2048"), f"credits of queue {queue}")
            equal(int(delivered), xstats[f"rx_q{queue}_packets"], f"packets delivered to queue {queue}")
            equal(int(left), 512, f"packets that queue {queue} may still be ahead")
        rings = re.findall(r"^ +(\d)  (fill|RX|TX|completion) +(\d+) +(\d+) +(\d+)", shown(r, "rings"), re.MULTILINE)
        equal([row[1] for row in rings], ["fill", "RX", "TX", "completion"] * 2, "rings")
        for queue, ring, size, filled, produced in rings:
            check(int(filled) <= int(size), f"{ring} ring of queue {queue}: {filled} of {size}")
            if ring in ("RX", "TX"):
                counted = xstats[f"{ring.lower()}_q{queue}_packets"]
                equal((int(filled), int(produced)), (0, counted), f"{ring} ring of queue {queue}")
        says(shown(r, "umem"), "UMEM of queues 0,1:", "mempool mb_pool_0: 16384 buffers", "copy mode")
        balanced(r)
        says(shown(r, "bpf"), "own XDP program", f"on {r.apps[0]}, attached by bpf_link in native mode, on_empty=drop",
             "queues 0-1: in the XSKMAP")
        says(shown(r, "why"), "copy\n         because driver veth has no AF_XDP zero-copy", "busy_budget= was not given",
             "the burst makes the kernel send", "512 packets ahead of the application, others dropped\n"
             "         because window= asks for it", "losses  none")
        says(shown(r, "trace"), "not traced")
        r.pmd.command("port stop 0")
        says(shown(r, "mode"), "stopped")
        says(shown(r, "bpf"), "queues 0-1: not in the XSKMAP")
        r.pmd.command("port start 0")


def why_tells_losses():
    """why: what was lost, with cause and cure"""
    with plugged({"on_empty": "drop", "window": 64}, app=["--burst=16"]) as r:
        sent = frames.numbered_frame(0, 60)
        for _ in range(200):  # nobody reads
            r.peer().send(sent)
        eventually(lambda: "136 packets dropped by the gate" in shown(r, "why"), lambda: shown(r, "why"))
        says(shown(r, "why"), "the application was a whole window behind\n         cure: a larger window")
        says(shown(r, "credits"), "64 of 2048")
        r.pmd.command("port stop 0")
        says(shown(r, "why"), "64 packets given back unread")
        r.pmd.command("port start 0")


def help_and_completion():
    """TAB completes keywords, ports, topics, settings and values; help is among testpmd's own"""
    with plugged(pairs=2) as r:
        for typed, completed in (("show zcnb", "show zcnbrh "), ("show zcnbrh 1 cre", "show zcnbrh 1 credits "),
                                 ("set zcnbrh 0 0 win", "set zcnbrh 0 0 window "),
                                 ("set zcnbrh 0 0 on_empty pa", "set zcnbrh 0 0 on_empty pass "),
                                 ("set zcnbrh 0 0 kick thr", "set zcnbrh 0 0 kick thread "),
                                 ("zcnbrh 1 tr", "zcnbrh 1 trace "), ("zcnbrh 1 trace of", "zcnbrh 1 trace off "),
                                 ("help zcn", "help zcnbrh ")):
            equal(typed_and_tab(r.pmd, typed, completed), completed, f"'{typed}' and TAB")
        for typed, choices in (("show zcnbrh ", ("0", "1", "zcnbrh_show_help")),
                               ("show zcnbrh 0 ", TOPICS), ("set zcnbrh 0 0 ", ("window", "on_empty", "busy", "kick")),
                               ("set zcnbrh 0 0 kick ", ("auto", "inline", "thread")),
                               ("set zcnbrh 0 0 on_empty ", ("off", "drop", "pass")),
                               ("set zcnbrh 0 ", ("queue",)), ("zcnbrh 0 trace ", ("on", "off"))):
            listed = listed_by_tab(r.pmd, typed)
            for choice in choices:
                if choice == "zcnbrh_show_help":
                    says(listed, "show zcnbrh <port> mode|credits")
                else:
                    check(re.search(rf"^ *\[?{choice}\]?", listed, re.MULTILINE), f"'{typed}' TAB lists no {choice}:\n{listed}")
        says(r.pmd.command("help zcnbrh"), "show zcnbrh <port>", "set zcnbrh <port> <queue> window", "zcnbrh <port> trace on|off")
        says(r.pmd.command("help display"), "show port")  # testpmd's own are there as before


def typed_and_tab(pmd, typed, completed):
    """The line as it stands after TAB; it is thrown away."""
    os.write(pmd._terminal, typed.encode() + b"\t")  # pylint: disable=protected-access
    text = pmd.wait_for(completed)
    os.write(pmd._terminal, b"\x03")  # pylint: disable=protected-access
    pmd.wait_for(testpmd.PROMPT)
    return text[text.rfind(typed[:4]):]


def listed_by_tab(pmd, typed):
    """What TAB lists below the line."""
    os.write(pmd._terminal, typed.encode() + b"\t")  # pylint: disable=protected-access
    text = pmd.wait_for(testpmd.PROMPT + typed.strip(), timeout=10)
    os.write(pmd._terminal, b"\x03")  # pylint: disable=protected-access
    pmd.wait_for(testpmd.PROMPT)
    return text


def window_while_it_runs():
    """set window: the gate turns away what is over it from then on, and a restart keeps it"""
    with plugged({"on_empty": "drop"}) as r:
        r.forward("macswap")
        with Echo(r) as echo:
            for window in (16, 2048, 100, 32):
                says(r.pmd.command(f"set zcnbrh 0 0 window {window}"), f"window {window} of 2048")
                echo.goes_on()
        r.pmd.command("stop")
        before = r.pmd.xstats()["rx_q0_gate_dropped"]
        sent = frames.numbered_frame(0, 60)
        for _ in range(100):
            r.peer().send(sent)
        eventually(lambda: r.pmd.xstats()["rx_q0_gate_dropped"] - before == 68, lambda: str(r.pmd.xstats()))
        r.pmd.commands("port stop 0", "port start 0")
        says(shown(r, "credits"), "32 of 2048")
        says(shown(r, "why"), "the window was set at run time")
        balanced(r)


def on_empty_while_it_runs():
    """set on_empty: between drop and pass under traffic; off on a stopped port alone"""
    with plugged({"on_empty": "drop", "window": 64}) as r:
        r.forward("macswap")
        with Echo(r) as echo:
            for choice in ("pass", "drop") * 5 + ("pass",):
                says(r.pmd.command(f"set zcnbrh 0 0 on_empty {choice}"), f"port 0, all queues: on_empty {choice}")
                says(shown(r, "bpf"), f"on_empty={choice}")
                echo.goes_on()
            says(r.pmd.command("set zcnbrh 0 0 on_empty off"), "built into the XDP program", "stop the port")
        r.pmd.command("stop")
        dropped, passed = gate_counts(r)
        sent = frames.numbered_frame(0, 60)
        for _ in range(100):
            r.peer().send(sent)
        eventually(lambda: gate_counts(r)[1] - passed == 36, lambda: str(r.pmd.xstats()))
        equal(gate_counts(r)[0], dropped, "packets dropped by the gate")
        r.pmd.command("port stop 0")
        says(r.pmd.command("set zcnbrh 0 0 on_empty off"), "on_empty off")
        r.pmd.command("port start 0")
        says(shown(r, "bpf"), "on_empty=off")
        says(r.pmd.command("set zcnbrh 0 0 window 5"), "no delivery gate", "on_empty drop or pass")
        says(r.pmd.command("set zcnbrh 0 0 on_empty drop"), "stop the port")
        r.pmd.command("port stop 0")
        r.pmd.command("set zcnbrh 0 0 on_empty drop")
        r.pmd.command("port start 0")
        says(r.pmd.command("set zcnbrh 0 0 window 5"), "window 5 of 2048")
        says(r.pmd.command("set zcnbrh 0 0 window 50"), "window 50")
        r.forward("macswap")
        with Echo(r) as echo:
            says(r.pmd.command("set zcnbrh 0 0 window 49"), "window 49")
            echo.goes_on()
        r.pmd.command("stop")
        balanced(r)


def gate_counts(r):
    xstats = r.pmd.xstats()
    return xstats["rx_q0_gate_dropped"], xstats["rx_q0_gate_passed"]


def busy_while_it_runs():
    """set busy: on, another budget, off, under traffic"""
    with plugged() as r:
        forward_patiently(r)
        with Echo(r) as echo:
            for round_number in range(3):
                says(r.pmd.command("set zcnbrh 0 0 busy 64"), "busy polling 64 packets a call")
                polls = r.pmd.xstats()["rx_q0_busy_polls"]
                echo.goes_on()
                eventually(lambda before=polls: r.pmd.xstats()["rx_q0_busy_polls"] > before, "no busy polls")
                says(shown(r, "mode"), "busy poll", "busy budget 64")
                says(r.pmd.command(f"set zcnbrh 0 0 busy {8 + round_number}"), f"busy polling {8 + round_number} packets")
                says(shown(r, "why"), f"busy polling, {8 + round_number} packets a call", "it was set at run time")
                echo.goes_on()
                says(r.pmd.command("set zcnbrh 0 0 busy 0"), "wakeup mode")
                polls = r.pmd.xstats()["rx_q0_busy_polls"]
                echo.goes_on()
                equal(r.pmd.xstats()["rx_q0_busy_polls"], polls, "busy polls in wakeup mode")
        r.pmd.command("set zcnbrh 0 0 busy 32")
        r.pmd.command("stop")
        r.pmd.commands("port stop 0", "port start 0")
        says(shown(r, "mode"), "busy budget 32")
        balanced(r)


def kick_while_it_runs():
    """set kick: to a thread and back under traffic"""
    if len(os.sched_getaffinity(0)) < 2:
        raise Skip("needs two CPUs: one that no worker lcore uses")
    with plugged() as r:
        forward_patiently(r)
        with Echo(r) as echo:
            for _ in range(3):
                says(r.pmd.command("set zcnbrh 0 0 kick thread"), "sent by a thread")
                kicks = r.pmd.xstats()
                echo.goes_on()
                now = r.pmd.xstats()
                check(now["tx_q0_helper_kicks"] > kicks["tx_q0_helper_kicks"], "the thread kicks")
                equal(now["tx_q0_kicks"], kicks["tx_q0_kicks"], "kicks by the burst")
                says(shown(r, "why"), "a thread makes the kernel send")
                says(r.pmd.command("set zcnbrh 0 0 kick inline"), "sent by the burst")
                echo.goes_on()
                check(r.pmd.xstats()["tx_q0_kicks"] > now["tx_q0_kicks"], "the burst kicks")
        r.pmd.command("stop")
        balanced(r)


def traces():
    """zcnbrh trace: the packets that came and went, and nothing of those after off"""
    with plugged() as r:
        r.forward("macswap")
        r.peer().exchange([frames.numbered_frame(i, 100) for i in range(50)])
        says(r.pmd.command("zcnbrh 0 trace on"), "port 0: traced")
        says(shown(r, "mode"), "both traced")
        # A burst that was running ends as it began, so the first packet may not be noted.
        eventually(lambda: r.peer().exchange([frames.numbered_frame(0, 64)]) and "RX queue 0: 0" not in shown(r, "trace"),
                   "nothing is noted")
        r.pmd.command("zcnbrh 0 trace on")  # begins anew
        sent = [frames.numbered_frame(i, size) for i, size in enumerate((60, 200, 1514))]
        equal(len(r.peer().exchange(sent, window=1)), 3, "frames that came back")
        text = shown(r, "trace")
        says(text, "RX queue 0: 3 packets noted, the last 3", "TX queue 0: 3 packets noted, the last 3")
        rows = re.findall(r"^  -([\d.]+) s +1 of +1/(\d+) +(\d+) bytes  (\S+) > (\S+) 0x0800  frame (\d+) of mb_pool_0",
                          text, re.MULTILINE)
        equal([int(row[2]) for row in rows], [60, 200, 1514] * 2, "lengths")
        there, back = (frames.mac_text(frames.PEER_MAC), frames.mac_text(frames.APP_MAC))
        equal([row[3:5] for row in rows], [(there, back)] * 3 + [(back, there)] * 3, "addresses")
        equal([row[5] for row in rows[:3]], [row[5] for row in rows[3:]], "frames: each went out where it came in")
        times = [float(row[0]) for row in rows[:3]]
        equal(sorted(times, reverse=True), times, "times of receipt")
        with Echo(r) as echo:  # the ring wraps, and is read while it is written
            echo.goes_on()
            while echo.count < 600 and not echo.wrong:
                says(shown(r, "trace"), "packets noted, the last 24")
        r.pmd.command("zcnbrh 0 trace off")
        noted = re.search(r"RX queue 0: (\d+) packets", shown(r, "trace"))[1]
        check(int(noted) >= 600, f"{noted} packets noted")
        equal(len(r.peer().exchange(sent)), 3, "frames that came back")
        says(shown(r, "trace"), f"RX queue 0: {noted} packets noted", "tracing has ended")
        check("traced" not in shown(r, "mode"), "mode after off")
        r.pmd.command("zcnbrh 0 trace on")
        says(shown(r, "trace"), "RX queue 0: 0 packets noted")
        r.pmd.commands("stop", "port stop 0", "port start 0")  # the bursts are chosen anew
        r.forward("macswap")
        equal(len(r.peer().exchange(sent)), 3, "frames that came back")
        says(shown(r, "trace"), "RX queue 0: 3 packets noted", "tracing")
        r.pmd.command("stop")
        balanced(r)


WRONG = (("show zcnbrh 7 mode", "there is no port 7; ports of net_zcnbrh here: 0"),
         ("show zcnbrh 1 why", "port 1 is of driver net_null, not of net_zcnbrh; ports of net_zcnbrh here: 0"),
         ("zcnbrh 1 trace on", "port 1 is of driver net_null"),
         ("set zcnbrh 1 0 busy 8", "port 1 is of driver net_null"),
         ("show zcnbrh x mode", "'x' is no port; give a number 0..65535"),
         ("show zcnbrh 70000 mode", "'70000' is no port"),
         ("show zcnbrh 0 moode", "there is no topic 'moode'; it is one of mode, credits,"),
         ("set zcnbrh 0 4 window 5", "port 0 has queues 0..0"),
         ("set zcnbrh 0 4 on_empty drop", "port 0 has queues 0..0"),
         ("set zcnbrh 0 q window 5", "'q' is no queue"),
         ("set zcnbrh 0 0 windows 5", "there is no setting 'windows'; it is one of window, on_empty, busy, kick"),
         ("set zcnbrh 0 0 window 0", "at least 1"),
         ("set zcnbrh 0 0 window -1", "'-1' is no window in packets"),
         ("set zcnbrh 0 0 window 99999", "queue 0 takes 1..2048", "a larger nb_rx_desc"),
         ("set zcnbrh 0 0 busy 65536", "'65536' is no budget"),
         ("set zcnbrh 0 0 on_empty perhaps", "there is no on_empty 'perhaps'; it is one of off, drop, pass"),
         ("set zcnbrh 0 0 kick hard", "there is no kick 'hard'; it is one of auto, inline, thread"),
         ("zcnbrh 0 trace maybe", "it is one of off, on"),
         ("show zcnbrh 0", "Bad arguments"), ("zcnbrh 0 track on", "Bad arguments"))


def wrong_input():
    """wrong ports, queues, topics and values: cause and cure, and nothing has changed"""
    with rig(start=False) as r:
        r.pmd = r.launch([device(f"{DRIVER}0", iface=r.apps[0], on_empty="drop"), "net_null0"], environment=PRELOADED)
        before = shown(r, "mode") + shown(r, "credits")
        for typed, *words in WRONG:
            says(r.pmd.command(typed), *words)
        equal(shown(r, "mode") + shown(r, "credits"), before, "mode and credits")
        r.pmd.command("set portlist 0")
        r.ping(20)


def no_port_of_ours():
    """a testpmd without a port of ours, and without the driver"""
    for load, words in ((True, "this program has no net_zcnbrh port; give it one by --vdev=net_zcnbrh0"),
                        (False, "the driver net_zcnbrh is not loaded; start testpmd with -d librte_net_zcnbrh.so")):
        with testpmd.Testpmd(["net_null0"], environment=PRELOADED, load=load) as pmd:
            says(pmd.command("show zcnbrh 5 why"), words)
            says(pmd.command("set zcnbrh 0 0 busy 8"), "driver net_null" if load else words)
            equal(pmd.quit(), 0, "exit status of testpmd")


def loop_port():
    """iface=loop: what there is, and what there cannot be"""
    with testpmd.Testpmd([device(f"{DRIVER}0", iface="loop")], environment=PRELOADED) as pmd:
        for topic in TOPICS:
            says(pmd.command(f"show zcnbrh 0 {topic}"), "not traced" if topic == "trace" else "driver loop")
        for setting, words in (("window 5", "no delivery gate"), ("on_empty drop", "the loop backend has no XDP program"),
                               ("busy 8", "the loop backend has no driver"), ("kick thread", "the loop backend sends without")):
            says(pmd.command(f"set zcnbrh 0 0 {setting}"), words)
        pmd.commands("set fwd io", "start tx_first", "zcnbrh 0 trace on")
        eventually(lambda: "the last 24" in pmd.command("show zcnbrh 0 trace"), "no packets noted")
        equal(pmd.quit(), 0, "exit status of testpmd")


def file_of_commands():
    """the commands in a file (--cmdline-file), too"""
    with plugged(start=False) as r:
        path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"zcnbrh_commands_{os.getpid()}")
        with open(path, "w", encoding="ascii") as file:
            file.write("show zcnbrh 0 umem\n")
        try:
            r.start(environment=PRELOADED, app=[f"--cmdline-file={path}"])
            says(r.pmd.start_text, "UMEM of queues 0")
        finally:
            os.unlink(path)


def secondary_process():
    """a secondary is sent to the primary; what is set there holds for the queues that the secondary polls"""
    os.environ.update(PRELOADED)
    try:
        with both(on_empty="drop") as b:
            says(b.secondary.command("show zcnbrh 0 why"), "port 0 is the primary process's; ask there")
            says(b.secondary.command("set zcnbrh 0 2 busy 8"), "port 0 is the primary process's")
            b.forward()
            comes_back(b.rig, flows(500))
            primary = b.rig.pmd
            says(primary.command("set zcnbrh 0 2 busy 64"), "busy polling 64 packets a call")
            says(primary.command("set zcnbrh 0 3 window 100"), "window 100 of 2048")
            comes_back(b.rig, flows(500), window=32)
            polls = primary.xstats()["rx_q2_busy_polls"]
            eventually(lambda: primary.xstats()["rx_q2_busy_polls"] > polls, "the secondary does not poll")
            says(primary.command("set zcnbrh 0 2 busy 0"), "wakeup mode")
            for choice in ("thread", "inline"):
                primary.command(f"set zcnbrh 0 2 kick {choice}")
                comes_back(b.rig, flows(500), window=32)
            polls = primary.xstats()["rx_q2_busy_polls"]
            comes_back(b.rig, flows(500), window=32)
            equal(primary.xstats()["rx_q2_busy_polls"], polls, "busy polls in wakeup mode")
            b.stop()
    finally:
        del os.environ["LD_PRELOAD"]


def other_programs():
    """preloaded into programs that are no testpmd it changes nothing"""
    for command, output in ((["sh", "-c", "echo $((6*7))"], "42\n"), (["env", "echo", "a"], "a\n"),
                            (["timeout", "10", "echo", "b"], "b\n"), (["bash", "-c", "exit 0"], ""),
                            (["dpdk-proc-info", "--help"], None)):
        for bind_now in ({}, {"LD_BIND_NOW": "1"}):
            alone = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                                   env={**os.environ, **bind_now})
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                                  env={**os.environ, **PRELOADED, **bind_now})
            equal((done.returncode, done.stderr), (alone.returncode, alone.stderr), f"{command} {bind_now}")
            if output is not None:
                equal(done.stdout, output, f"output of {command}")
    undefined = subprocess.run(["nm", "-D", "--undefined-only", PLUGIN], capture_output=True, text=True, check=True).stdout
    equal([line for line in undefined.splitlines() if re.search("rte_|cmdline", line)], [], "symbols of DPDK it needs")


def from_source():
    """testpmd built from the distribution's source with these commands as testpmd_sources"""
    program = BUILD / "tests/dpdk/testpmd-with-commands"
    if not program.exists():
        raise Skip("no testpmd from source: devtools/fetch_dpdk_headers.sh fetches it")
    with plugged(environment={"ZCNBRH_TEST": "1"}, program=str(program)) as r:
        r.ping(50)
        says(shown(r, "why"), "driver veth has no AF_XDP zero-copy")
        says(r.pmd.command("help drivers"), "Driver specific", "show zcnbrh <port>", "set zcnbrh <port> <queue>")
        equal(typed_and_tab(r.pmd, "show zcnbrh 0 led", "show zcnbrh 0 ledger "), "show zcnbrh 0 ledger ", "TAB")
        says(r.pmd.command("set zcnbrh 0 0 busy 16"), "busy polling 16")
        r.ping(50)
        balanced(r)


if __name__ == "__main__":
    main([every_topic, why_tells_losses, help_and_completion, window_while_it_runs, on_empty_while_it_runs, busy_while_it_runs,
          kick_while_it_runs, traces, wrong_input, no_port_of_ours, loop_port, file_of_commands, secondary_process, other_programs,
          from_source])
