#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Rings of a DPDK program under the shim, worked on by a native process: the example pipeline on a veth, what may not
cross, and a peer that dies wherever it likes."""

import contextlib
import json
import os
import signal
import subprocess

from shim_rig import BUILD, Report, check, environment, equal, eventually, main, netlab, numbered, rig, tap, testpmd

MBUFS = 4095
PEER = str(BUILD / "tests/shim/ring_peer")


class Pipeline:
    """examples/pipeline/dpdk_side.c under the shim, in rig `r`."""

    def __init__(self, r, report=None, share="1"):
        memory = testpmd.memory_options(64)
        variables = environment(f"net_af_packet0={r.apps[0]}", share=share, **({"report": report.path} if report else {}))
        self.process = subprocess.Popen(
            [*netlab.DIE_WITH_US, str(BUILD / "examples/pipeline_dpdk"), "-l", "0", *memory, "--no-pci", "--no-telemetry",
             "--file-prefix", f"zs{os.getpid()}", f"--vdev=net_af_packet0,iface={r.apps[0]}"],
            env={**os.environ, **variables}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        line = self.process.stdout.readline()
        if not line.startswith("pid "):
            raise tap.Failed(f"the pipeline did not start: {self.process.stderr.read()}")
        self.pid = int(line.split()[1])

    def end(self):
        """(what it printed, its errors)"""
        output, errors = self.process.communicate("", timeout=20)
        equal(self.process.returncode, 0, f"exit status of the pipeline ({errors})")
        return output, errors

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Native:
    """A native process: the example's stage, or tests/shim/ring_peer.c."""

    def __init__(self, *command):
        self.process = subprocess.Popen([*netlab.DIE_WITH_US, *map(str, command)], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.first = self.process.stdout.readline()

    def end(self, status=0):
        output, errors = self.process.communicate(timeout=20)
        equal(self.process.returncode, status, f"exit status of the native process ({errors})")
        return self.first + output

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def stage(pid):
    return Native(BUILD / "examples/pipeline_stage", pid)


def swapped(frame):
    return frame[6:12] + frame[:6] + frame[12:]


@contextlib.contextmanager
def pipeline(**options):
    """(rig, pipeline, its report)"""
    with rig(start=False) as r:
        report = r.lab.keep(Report())
        yield r, r.lab.keep(Pipeline(r, report, **options)), report


def through():
    """a native stage in the middle of a DPDK pipeline: every packet, in order, addresses exchanged, none copied, none lost"""
    with pipeline() as (r, side, report):
        native = r.lab.keep(stage(side.pid))
        equal(native.first, "attached\n", "the stage's first word")
        sent = numbered(3000)
        equal(r.peer().exchange(sent), [swapped(frame) for frame in sent], "frames that came back")
        output, _ = side.end()
        equal(output, f"{MBUFS} of {MBUFS} packets in the pool\n", "the pipeline's last word")
        check("has freed it" in native.end(), "the stage does not say why it ended")
        found = report.read()["native"][0]
        equal((found["pid"], found["held"]), (native.process.pid, 0), "native process")
        counts = {one["name"]: (one["taken"], one["given"], one["refused"]) for one in found["attached"]}
        equal(counts, {"packets": (0, 0, 0), "to_stage": (3000, 0, 0), "from_stage": (0, 3000, 0)}, "counts")
        xstats = report.read()["ports"][0]["xstats"]
        equal((xstats["rx_q0_packets"], xstats["tx_q0_packets"], xstats.get("tx_q0_bounce_copies", 0)), (3000, 3000, 0),
              "the port's counters")


def one_after_another():
    """stages come and go while the pipeline runs"""
    with pipeline() as (r, side, _):
        for _ in range(3):
            native = r.lab.keep(stage(side.pid))
            equal(native.first, "attached\n", "the stage's first word")
            sent = numbered(200)
            equal(r.peer().exchange(sent), [swapped(frame) for frame in sent], "frames that came back")
            native.process.terminate()
            native.process.wait()
        output, _ = side.end()
        equal(output, f"{MBUFS} of {MBUFS} packets in the pool\n", "the pipeline's last word")


def refused_attach():
    """no such ring or pool, a process that does not share, no process: one clear line"""
    with pipeline() as (r, side, _):
        for what, name, words in (("ring", "nosuch", "there is no ring 'nosuch'"), ("pool", "nosuch", "no pool 'nosuch'"),
                                  ("pool", "to_stage", "no pool 'to_stage'")):
            output = r.lab.keep(Native(PEER, side.pid, "attach", what, name)).end(1)
            check(words in output, f"{what} {name}: {output}")
        side.end()
    with pipeline(share="0") as (r, side, _):
        check("ZCNBRH_SHARE=1" in r.lab.keep(Native(PEER, side.pid, "attach", "ring", "to_stage")).end(1), "no cure named")
        side.end()


def no_other_user():
    """a native process of another user is refused"""
    with pipeline() as (r, side, _):
        other = r.lab.keep(Native("setpriv", "--reuid=65534", "--clear-groups", PEER, side.pid, "attach", "ring", "to_stage"))
        check("attached" not in other.end(1), "it was let in")
        _, errors = side.end()
        check("native process" in errors and "another user" in errors, errors)


def taken_addresses():
    """where the DPDK program's addresses are in use the attach fails, and says what to do"""
    with pipeline() as (r, side, _):
        output = r.lab.keep(Native(PEER, side.pid, "occupied")).end(1)
        check("--base-virtaddr" in output, output)
        side.end()


def foreign_elements():
    """what is no packet of an attached pool does not cross, in either direction, and is counted"""
    with pipeline() as (r, side, report):
        native = r.lab.keep(Native(PEER, side.pid, "foreign"))
        equal(native.end().splitlines()[-1], "refused as they should be", "the native process's verdict")
        side.end()
        refused = {one["name"]: one["refused"] for one in report.read()["native"][0]["attached"]}
        check(refused["from_stage"] >= 3 and refused["to_stage"] == 0, refused)


def dies(where, words, held):
    def test():
        with pipeline() as (r, side, report):
            r.peer()
            native = r.lab.keep(Native(PEER, side.pid, "die", where))
            if where.startswith("dequeue") or where == "holding":
                for frame in numbered(8):
                    r.peer().send(frame)
            equal(native.process.wait(20), -signal.SIGKILL, "how the native process ended")

            def native_report():
                return ask(side.pid)["native"][0]
            eventually(lambda: native_report()["gone"], "its end is not seen")
            found = native_report()
            equal(found["held"], held, f"packets held: {found}")
            check("stuck" not in [one["repair"] for one in found["attached"]], f"a ring is stuck: {found}")
            # The ring goes on: a stage takes its place.
            stage_again = r.lab.keep(stage(side.pid))
            equal(stage_again.first, "attached\n", "the next stage's first word")
            r.peer().drain(0.2)
            sent = numbered(300)
            equal(r.peer().exchange(sent), [swapped(frame) for frame in sent], "frames that came back")
            output, errors = side.end()
            for word in words:
                check(word in errors, f"'{word}' is not in: {errors}")
            equal(output, f"{MBUFS - held} of {MBUFS} packets in the pool\n", "the pipeline's last word")
            del report
    test.__doc__ = f"a native process is killed, {where.replace('-', ' ')}: seen, repaired, and the ring goes on"
    return test


def ask(pid):
    import socket  # pylint: disable=import-outside-toplevel
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(f"\0zcnbrh-shim/{pid}")
        data = b""
        while part := peer.recv(65536):
            data += part
    return json.loads(data)


def pipeline_dies():
    """the DPDK program is killed: the stage ends with one line that says so"""
    with pipeline() as (r, side, _):
        native = r.lab.keep(stage(side.pid))
        side.process.send_signal(signal.SIGKILL)
        side.process.wait()
        check("its process is gone" in native.end(), "the stage does not say why it ended")
        eventually(lambda: netlab.xdp_of(r.lab.link(r.apps[0])) is None, "the XDP program stays")


if __name__ == "__main__":
    main([through, one_after_another, refused_attach, no_other_user, taken_addresses, foreign_elements,
          dies("inside-an-enqueue", ["died inside ring 'from_stage'", "enqueue finished"], 0),
          dies("dequeue-inside", ["died inside ring 'to_stage'", "dequeue undone"], 0),
          dies("inside-a-pool", ["died inside pool 'packets'", "dequeue undone"], 0),
          dies("unsaid-enqueue", [], 0), dies("dequeue-unsaid", ["with 8 packets in hand"], 8),
          dies("holding", ["with 8 packets in hand"], 8), pipeline_dies])
