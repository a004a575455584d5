#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Which folder may include which: checks every #include of the tree against the table below (TAP).

docs/architecture.md tells the reasons. The first half of the output checks the checker itself with made-up
files, so that a rule which no longer bites is seen.
"""

import os
import pathlib
import re

ROOT = pathlib.Path(os.environ.get("ZCNBRH_SOURCE_DIR", pathlib.Path(__file__).resolve().parent.parent))

# Folder -> the folders of ours it may include besides itself; a file belongs to the longest folder that fits.
LIB = ["lib/base", "lib/ring", "lib/umem", "lib/xdp", "lib/netdev", "lib/share", "lib/flow", "lib/config", "lib/xsk"]
ARROWS = {
    "include/zcnbrh": [],
    "include/zcnbrh/compat": ["include/zcnbrh"],
    "bpf": [],
    "lib/base": [],
    "lib/ring": ["lib/base"],
    "lib/umem": ["lib/base"],
    "lib/xdp": ["lib/base", "bpf"],
    "lib/netdev": ["lib/base"],
    "lib/share": ["lib/base"],
    "lib/flow": ["lib/base", "lib/netdev", "lib/xdp", "bpf"],
    "lib/config": ["lib/base"],
    "lib/xsk": LIB,
    "lib/capi": ["include/zcnbrh", "lib/base", "lib/config", "lib/netdev", "lib/share", "lib/umem", "lib/xsk"],
    "drivers/net/zcnbrh": LIB,
    "shim": ["lib/base", "lib/config", "lib/netdev", "lib/share"],
    "shim/migrate": ["lib/base", "lib/config", "lib/netdev", "lib/xdp", "shim"],
    "app/testpmd-plugin": ["drivers/net/zcnbrh"],
    "examples": ["include/zcnbrh"],
    "examples/pipeline": ["include/zcnbrh"],
    "tests": ["*"],
    "bench": ["*"],
    "devtools": ["lib/base", "lib/config", "lib/xsk"],
}

# Headers of others -> the only folders that may include them.
DPDK = ["drivers/net/zcnbrh", "shim", "app/testpmd-plugin", "examples/pipeline", "tests", "bench"]
OTHERS = [
    (r"(rte_|ethdev_|bus_vdev_|bus_driver\.h|dev_driver\.h|cmdline)", "DPDK", DPDK),
    (r"(bpf/|xdp/)", "libbpf and libxdp", ["bpf", "lib/base", "lib/xdp", "tests", "bench"]),
    (r"(gtest|gmock)/", "GoogleTest", ["tests"]),
    (r"numa(if)?\.h", "libnuma", ["lib/umem", "tests", "bench"]),
    (r"libmnl/", "libmnl", ["lib/base", "lib/netdev", "tests"]),
]

# Headers that also live outside this tree: they find their neighbours by the bare name.
SELF_CONTAINED = ["bpf", "include/zcnbrh", "include/zcnbrh/compat"]

SOURCE = re.compile(r"\.(c|cc|cpp|h|hpp|def)$")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
SKELETON = re.compile(r"^bpf/\w+\.skel\.h$")  # made by the build out of bpf/*.bpf.c


def folder_of(path):
    fitting = [folder for folder in ARROWS if path.startswith(folder + "/")]
    return max(fitting, key=len, default=None)


def own_path(path, folder, name, files):
    """The path in this tree that an include means, or None if it means a header of somebody else."""
    if SKELETON.match(name):
        return name
    if name.startswith("zcnbrh/"):
        return "include/" + name
    if name in files:
        return name
    neighbour = os.path.dirname(path) + "/" + name
    if folder in SELF_CONTAINED and neighbour in files:
        return neighbour
    return None


def complaint(path, folder, bracket, name, files):
    """What is wrong with one #include, or None."""
    target = own_path(path, folder, name, files)
    if target is None and bracket == '"':
        return f'"{name}" is no file of this tree by its path from the root; headers of others go in <>'
    if target is not None:
        target_folder = folder_of(target)
        allowed = ARROWS[folder]
        if target_folder == folder or "*" in allowed or target_folder in allowed:
            return None
        return f"{folder} may not include {target_folder} ({name})"
    for pattern, owner, folders in OTHERS:
        if re.match(pattern, name) and folder not in folders:
            return f"{folder} may not include {owner} ({name})"
    return None


def complaints(path, text, files):
    folder = folder_of(path)
    if folder is None:
        return [f"{path}: its folder is not in the table of {pathlib.Path(__file__).name}"]
    found = []
    for match in INCLUDE.finditer(text):
        wrong = complaint(path, folder, match.group(1), match.group(2), files)
        if wrong:
            found.append(f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {wrong}")
    return found


def tree():
    files = {}
    for top, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith((".", "build"))]
        for name in names:
            path = pathlib.Path(top, name)
            if SOURCE.search(name):
                files[path.relative_to(ROOT).as_posix()] = path.read_text(errors="replace")
    return files


# Made-up files: path, text, what the checker has to say ('' = nothing).
MADE_UP_TREE = {"lib/base/result.h", "lib/xsk/queue.h", "lib/xdp/program.h", "drivers/net/zcnbrh/rxtx.h",
                "bpf/zcnbrh_bpf.h", "include/zcnbrh/zcnbrh.h", "include/zcnbrh/compat/rte_eal.h",
                "lib/config/port_config.h"}
SELF_TEST = [
    ("lib/ring/a.h", '#include "lib/base/result.h"', ""),
    ("lib/ring/a.h", '#include "lib/xsk/queue.h"', "lib/ring may not include lib/xsk"),
    ("lib/base/a.h", '#pragma once\n\n# include "lib/config/port_config.h"', "lib/base/a.h:3: lib/base may not include lib/config"),
    ("lib/xsk/a.cc", '#include "drivers/net/zcnbrh/rxtx.h"', "lib/xsk may not include drivers/net/zcnbrh"),
    ("lib/xsk/a.cc", "#include <rte_mbuf.h>", "lib/xsk may not include DPDK"),
    ("lib/capi/a.cc", "#include <ethdev_driver.h>", "lib/capi may not include DPDK"),
    ("include/zcnbrh/a.h", "#include <rte_mbuf.h>", "include/zcnbrh may not include DPDK"),
    ("include/zcnbrh/a.h", '#include "lib/base/result.h"', "include/zcnbrh may not include lib/base"),
    ("include/zcnbrh/compat/a.h", "#include <rte_mbuf.h>", "include/zcnbrh/compat may not include DPDK"),
    ("include/zcnbrh/compat/a.h", '#include "rte_eal.h"\n#include <zcnbrh/zcnbrh.h>', ""),
    ("drivers/net/zcnbrh/a.cc", "#include <rte_mbuf.h>\n#include \"lib/xsk/queue.h\"", ""),
    ("drivers/net/zcnbrh/a.cc", "#include <bpf/libbpf.h>", "may not include libbpf"),
    ("lib/xdp/a.cc", '#include <bpf/libbpf.h>\n#include "bpf/zcnbrh_xdp.skel.h"', ""),
    ("lib/xsk/a.cc", '#include "bpf/zcnbrh_xdp.skel.h"', "lib/xsk may not include bpf"),
    ("lib/xdp/a.cc", '#include "program.h"', "no file of this tree"),
    ("lib/xdp/a.cc", '#include "lib/xdp/gone.h"', "no file of this tree"),
    ("lib/xdp/a.cc", "#include <lib/xsk/queue.h>", "lib/xdp may not include lib/xsk"),
    ("bpf/a.bpf.c", '#include "zcnbrh_bpf.h"\n#include <bpf/bpf_helpers.h>', ""),
    ("examples/a.c", "#include <zcnbrh/zcnbrh.h>", ""),
    ("examples/a.c", '#include "lib/xsk/queue.h"', "examples may not include lib/xsk"),
    ("tests/unit/a.cc", '#include "lib/xsk/queue.h"\n#include <gtest/gtest.h>', ""),
    ("lib/ring/a.cc", "#include <gtest/gtest.h>", "lib/ring may not include GoogleTest"),
    ("somewhere/a.cc", "", "not in the table"),
]


class Tap:
    def __init__(self, plan):
        self.number = 0
        print(f"1..{plan}")

    def row(self, problems, name):
        self.number += 1
        print(f"{'not ok' if problems else 'ok'} {self.number} - {name}")
        for line in problems:
            print(f"# {line}")


def main():
    files = tree()
    folders = sorted({folder_of(path) or "elsewhere" for path in files})
    tap = Tap(len(SELF_TEST) + len(folders) + 1)
    for path, text, expected in SELF_TEST:
        found = complaints(path, text, MADE_UP_TREE)
        good = len(found) == 1 and expected in found[0] if expected else not found
        tap.row([] if good else [f"expected '{expected}', got {found}"],
                f"the checker sees {path} include {text.split('include')[-1].strip() or 'nothing'}".replace("#", ""))
    tap.row([] if files else [f"no source file under {ROOT}"], f"{len(files)} source files found")
    for folder in folders:
        found = []
        for path, text in sorted(files.items()):
            if (folder_of(path) or "elsewhere") == folder:
                found += complaints(path, text, files)
        tap.row(found, f"includes of {folder}")


if __name__ == "__main__":
    main()
