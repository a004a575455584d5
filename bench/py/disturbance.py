# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Whether a run had its cores for itself, by the scheduler's own account.

What a thread waited for a CPU, less what the run's other threads and the kernel's softirq threads used meanwhile, was
somebody else's time. It says nothing of how fast anything was, so that repeating a disturbed run favours nobody.
"""

import os
import pathlib
import time

MOST = 0.03  # of the time; above that a run is disturbed
TRIES = 4  # of a run; the last one counts whatever it was


class Patience:
    """Time there is for repeats, so that a busy machine lengthens a bench by so much at most."""

    def __init__(self, seconds):
        self._left = seconds

    def run(self, action):
        """action() gives something with `disturbed`; again, while it was disturbed and there is time."""
        for _ in range(TRIES - 1):
            started = time.monotonic()
            found = action()
            if found.disturbed <= MOST or self._left <= 0:
                return found
            self._left -= time.monotonic() - started
        return action()


def _threads(pid):
    try:
        return [int(path.name) for path in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    except FileNotFoundError:
        return []


def _times(pid, thread):
    """(CPU, nanoseconds on it, nanoseconds waited for it); zeros where the kernel does not count them."""
    folder = pathlib.Path(f"/proc/{pid}/task/{thread}")
    try:
        run, wait, _ = (folder / "schedstat").read_text("ascii").split()
        behind_name = (folder / "stat").read_text("ascii", errors="replace").rpartition(")")[2].split()
        return int(behind_name[36]), int(run), int(wait)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return 0, 0, 0


def _softirq_threads():
    found = []
    for comm in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text("ascii", errors="replace").startswith("ksoftirqd/"):
                found.append(int(comm.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


class Watch:
    """Of the processes of a run, and of ours, from now on."""

    softirq = _softirq_threads()

    def __init__(self, *pids):
        self._threads = [(pid, thread) for pid in {*pids, *self.softirq, os.getpid()} for thread in _threads(pid)]
        self._before = [_times(*thread) for thread in self._threads]

    def share(self, seconds):
        """Part of the time that a thread was kept off its CPU by strangers, on the CPU where it was worst."""
        cores = {}  # CPU -> [(run, wait) of each thread there]
        for thread, (_, run, wait) in zip(self._threads, self._before):
            core, run_now, wait_now = _times(*thread)
            cores.setdefault(core, []).append((run_now - run, wait_now - wait))
        strangers = []
        for times in cores.values():
            run, wait = max(times, key=lambda pair: pair[1])
            strangers.append(wait - (sum(run for run, _ in times) - run))
        return max(0.0, max(strangers) / 1e9 / seconds)
