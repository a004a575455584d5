# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""A program of DPDK's on a terminal of its own: what it prints comes as it is printed, and it can be typed to."""

import contextlib
import os
import pty
import re
import shutil
import signal
import subprocess
import termios
import threading
import time

from netlab import DIE_WITH_US, SLOWNESS

ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\x1b.|\r")
# testpmd prints it from another thread, also between two characters of a prompt or of the echo of a command; first the
# empty line and then the rest, so there may be more of them in between.
EVENT = re.compile(r"\n(.*)Port \d+: [a-z A-Z/]+ event\n")


class Died(RuntimeError):
    """The program ended when it was not asked to."""


def with_events(text, end):
    """Where the first `end` characters of the text without events end in the text with them."""
    for event in EVENT.finditer(text):
        for begin, past in ((event.start(), event.start(1)), (event.end(1), event.end())):
            if begin < end:
                end += past - begin
    return end


class Terminal:
    """The running program. End it by kill(), unless it ends by itself; a context manager."""

    def __init__(self, name, command, environment, folder=""):
        """`name`: for messages. `environment`: variables to add. `folder`: EAL's --file-prefix, if what EAL keeps under
        that name is to be removed at the end."""
        self.shown = " ".join([*(f"{key}={value}" for key, value in environment.items()), *map(str, command)])
        self._name, self._folder = name, folder
        self._text = ""
        self._grown = threading.Condition()
        self._ended = False
        self._start([*DIE_WITH_US, *map(str, command)], {**os.environ, **environment})

    def _start(self, command, environment):
        self._terminal, slave = pty.openpty()
        settings = termios.tcgetattr(slave)
        settings[1] &= ~termios.OPOST
        settings[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        try:
            self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment,
                                            start_new_session=True)
        finally:
            os.close(slave)
        self._seen = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            try:
                data = os.read(self._terminal, 65536)
            except OSError:  # EIO: the last one who held the terminal's other end is gone
                data = b""
            with self._grown:
                self._text += ESCAPES.sub("", data.decode(errors="replace"))
                self._ended = not data
                self._grown.notify_all()
            if not data:
                return

    @property
    def text(self):
        """All it has printed so far."""
        with self._grown:
            return self._text

    def wait_for(self, pattern, timeout=10.0, regex=False):
        """Waits until `pattern` is printed; returns the text since the last wait up to its end."""
        timeout *= SLOWNESS
        deadline = time.monotonic() + timeout
        with self._grown:
            while True:
                rest = self._text[self._seen:]
                for text in (rest, EVENT.sub(r"\1", rest)):
                    found = re.search(pattern if regex else re.escape(pattern), text)
                    if found:
                        self._seen += found.end() if text is rest else with_events(rest, found.end())
                        return text[:found.end()]
                if self._ended:
                    raise Died(f"{self._name} ended ({self._status()}) before '{pattern}':\n{self._text[-2000:]}")
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"no '{pattern}' within {timeout} s after:\n{rest[-2000:]}")
                self._grown.wait(left)

    def _status(self):
        try:
            status = self.process.wait(5)
        except subprocess.TimeoutExpired:
            return "not yet"
        return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"

    def send(self, text):
        os.write(self._terminal, text.encode() + b"\n")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(5)
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1
        self._remove_runtime_folder()

    close = kill

    def _remove_runtime_folder(self):
        """EAL leaves one behind at each start; where, depends on who started it."""
        if not self._folder:
            return
        for folder in ("/var/run/dpdk", "/tmp/dpdk", os.path.join(os.environ.get("XDG_RUNTIME_DIR", "/tmp"), "dpdk")):
            shutil.rmtree(os.path.join(folder, self._folder), ignore_errors=True)

    @property
    def alive(self):
        return self.process.poll() is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

