#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""What the shared objects export (TAP): exports_test.py LIBRARY HEADER... [DRIVER].

The driver and libzcnbrh.so are loaded into programs that we do not know, and may be loaded into one of them
together: neither may export anything but its interface, and no symbol may be unique to the process.
"""

import re
import subprocess
import sys


def dynamic_symbols(path):
    """[(type letter, name)] of what the object defines, without the version nodes."""
    output = subprocess.run(["nm", "-D", "--defined-only", path], check=True, capture_output=True, text=True).stdout
    fields = [line.split() for line in output.splitlines()]
    return [(field[-2], field[-1].partition("@")[0]) for field in fields if field[-2] != "A"]


def declared_functions(header):
    with open(header, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/|//[^\n]*|^[ \t]*#[^\n]*(\\\n[^\n]*)*", "", file.read(), flags=re.DOTALL | re.MULTILINE)
    return set(re.findall(r"\b(zcnbrh_\w+)\s*\([^()]*(?:\([^()]*\)[^()]*)*\)\s*(?:[A-Z_]+|__attribute__[^;]*)?;", text))


def main():
    library, rest = sys.argv[1], sys.argv[2:]
    headers = [path for path in rest if path.endswith(".h")]
    drivers = [path for path in rest if not path.endswith(".h")]
    exported = {name for _, name in dynamic_symbols(library)}
    declared = set().union(*map(declared_functions, headers))
    rows = [
        ("the library exports something", not exported and ["nothing exported"]),
        ("the library exports only zcnbrh_ names", [name for name in exported if not name.startswith("zcnbrh_")]),
        ("every declared function is exported", sorted(declared - exported)),
        ("every exported function is declared", sorted(exported - declared)),
    ]
    for driver in drivers:
        rows.append(("the driver exports only rte_pmd_ names",
                     [name for _, name in dynamic_symbols(driver) if not name.startswith("rte_pmd_")]))
    for path in [library, *drivers]:
        rows.append((f"no process-wide unique symbol in {path.rpartition('/')[2]}",
                     [name for letter, name in dynamic_symbols(path) if letter == "u"]))
    print(f"1..{len(rows)}")
    for number, (name, problems) in enumerate(rows, 1):
        print(f"{'not ok' if problems else 'ok'} {number} - {name}")
        for problem in problems or []:
            print(f"# {problem}")


if __name__ == "__main__":
    main()
