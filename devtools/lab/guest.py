# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Inside the guest: runs the scripts of /out/plan.json one after the other and writes their TAP to /out/tap.

After each script it reads what the kernel has logged meanwhile: a warning, an oops or an IOMMU fault there is a failure
of a case of its own, so that no test has to look for it.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

OUT = pathlib.Path("/out")
DRIVER_FOLDER = pathlib.Path("/opt/zcnbrh-lab")  # the host may build meanwhile; EAL refuses drivers in /tmp
KERNEL_TROUBLE = re.compile(r"DMAR:.*(fault|reason)|WARNING:|BUG:|Oops|Call Trace|general protection|hung task|"
                            r"segfault|NETDEV WATCHDOG|page_pool.*(leak|stall)|unregister_netdevice")


class KernelLog:
    def __init__(self):
        self._seen = len(self._lines())

    @staticmethod
    def _lines():
        return subprocess.run(["dmesg"], stdout=subprocess.PIPE, text=True, errors="replace").stdout.splitlines()

    def trouble(self):
        """Lines of trouble since the last call, with what follows the first of them."""
        lines = self._lines()
        new, self._seen = lines[self._seen:], len(lines)
        first = next((at for at, line in enumerate(new) if KERNEL_TROUBLE.search(line)), None)
        return [] if first is None else new[first:first + 40]


def environment_for(todo, script):
    return {**os.environ, "ZCNBRH_SOURCE_DIR": todo["source"], "ZCNBRH_BUILD_DIR": todo["build"],
            "ZCNBRH_PMD": str(DRIVER_FOLDER / "librte_net_zcnbrh.so"), "ZCNBRH_TEST_SLOWNESS": "6",
            "ZCNBRH_TEST_TIMES": "1", "PYTHONUNBUFFERED": "1", **script["environment"]}


def run(todo, script, tap):
    path = pathlib.Path(todo["source"]) / "tests/lab" / script["file"]
    tap.write(f"@ {script['title']}\n")
    tap.flush()
    with subprocess.Popen([sys.executable, "-B", path, *script["words"]], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          env=environment_for(todo, script)) as process:
        for line in process.stdout:
            tap.write(line if line.endswith("\n") else line + "\n")
            tap.flush()
    tap.write(f"@end {process.returncode}\n")
    tap.flush()


def check_log(log, title, tap):
    trouble = log.trouble()
    tap.write(f"@ {title}\n1..1\n")
    tap.writelines(f"# {line}\n" for line in trouble)
    tap.write(f"{'not ok' if trouble else 'ok'} 1 - the kernel logged no trouble\n@end 0\n")
    tap.flush()


def main():
    todo = json.loads((OUT / "plan.json").read_text())
    DRIVER_FOLDER.mkdir(parents=True)
    shutil.copy(todo["driver"], DRIVER_FOLDER)
    log = KernelLog()
    with open(OUT / "tap", "a", encoding="utf-8") as tap:
        for script in todo["scripts"]:
            print(f"lab: {script['title']}", flush=True)
            run(todo, script, tap)
            check_log(log, script["title"], tap)
        tap.write("@done\n")


if __name__ == "__main__":
    main()
