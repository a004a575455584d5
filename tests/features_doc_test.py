#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""docs/features.md against the tree (TAP): every feature row of DPDK 22.11 stands there once, and each row that
claims something names tests that are written and registered with Meson. Made-up tables check the checker."""

import os
import pathlib
import re

ROOT = pathlib.Path(os.environ.get("ZCNBRH_SOURCE_DIR", pathlib.Path(__file__).resolve().parent.parent))
DOC = ROOT / "docs/features.md"

# [Features] of doc/guides/nics/features/default.ini, DPDK 22.11.
ROWS = """Speed capabilities, Link status, Link status event, Removal event, Queue status event, Rx interrupt,
Lock-free Tx queue, Fast mbuf free, Free Tx mbuf on demand, Queue start/stop, Runtime Rx queue setup,
Runtime Tx queue setup, Shared Rx queue, Burst mode info, Power mgmt address monitor, MTU update,
Buffer split on Rx, Scattered Rx, LRO, TSO, Promiscuous mode, Allmulticast mode, Unicast MAC filter,
Multicast MAC filter, RSS hash, RSS key update, RSS reta update, Inner RSS, VMDq, SR-IOV, DCB, VLAN filter,
Flow control, Rate limitation, Congestion management, Inline crypto, Inline protocol, CRC offload, VLAN offload,
QinQ offload, FEC, IP reassembly, L3 checksum offload, L4 checksum offload, Timestamp offload, MACsec offload,
Inner L3 checksum, Inner L4 checksum, Packet type parsing, Timesync, Rx descriptor status, Tx descriptor status,
Basic stats, Extended stats, Stats per queue, FW version, EEPROM dump, Module EEPROM dump, Registers dump, LED,
Multiprocess aware, FreeBSD, Linux, Windows, ARMv7, ARMv8, LoongArch64, Power8, rv64, x86-32, x86-64, Usage doc,
Design doc, Perf doc""".replace("\n", " ").split(", ")

CLAIM = re.compile(r"(yes|part)\b")
REFERENCE = re.compile(r"`([\w/.]+\.(?:cc|py|sh)):(\w+)`")
LINK = re.compile(r"\]\(([^)#]+)\)")


def tables(text):
    """The data rows of every Markdown table: lists of cells, with the number of the line."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("|") and not line.startswith("|---"):
            found.append((number, [cell.strip() for cell in line.strip().strip("|").split("|")]))
    return [(number, cells) for number, cells in found if cells[0] not in ("DPDK feature row", "what", "row")]


class Tree:
    """The tests there are: file name -> text, and what the meson.build files name."""

    def __init__(self, files, meson):
        self.files = files
        self.meson = meson

    @staticmethod
    def of(root):
        files = {}
        meson = ""
        for folder in ("tests", "devtools"):
            for path in sorted((root / folder).rglob("*")):
                if path.suffix in (".cc", ".py", ".sh"):
                    files.setdefault(path.name, []).append(path.read_text(errors="replace"))
                elif path.name in ("meson.build", "Makefile"):
                    meson += path.read_text()
        meson += (root / "Makefile").read_text()
        # `make lab` runs the files of its folder by name, from scripts rather than from Meson.
        for path in sorted((root / "devtools").rglob("*")):
            if path.is_file() and path.suffix in (".py", ".sh", ""):
                meson += path.read_text(errors="replace")
        return Tree(files, meson)

    def why_not(self, file, name):
        """None if `file:name` is a test that exists and runs."""
        texts = self.files.get(pathlib.PurePath(file).name)
        if not texts:
            return f"{file} is not there"
        wanted = re.escape(name)
        if file.endswith(".cc"):
            pattern = rf"^TEST\w*\(\w+,\s*{wanted}\)"
        else:
            pattern = rf"^\s*(?:def {wanted}\(|{wanted}\s*=|{wanted}\(\)\s*\{{)"
        if not any(re.search(pattern, text, re.MULTILINE) for text in texts):
            return f"{file} has no test {name}"
        if pathlib.PurePath(file).name not in self.meson:
            return f"{file} is not registered"
        return None


def complaints(text, tree, rows):
    found = []
    seen = {}
    for number, cells in tables(text):
        name = cells[0]
        if name in seen:
            found.append(f"line {number}: {name} stands in line {seen[name]} already")
        seen[name] = number
        if len(cells) == 2:
            continue  # a row nobody can claim, with its reason
        if len(cells) != 5:
            found.append(f"line {number}: {len(cells)} cells")
        elif CLAIM.match(cells[1]):
            found += of_claim(number, name, cells[3], tree)
        elif not cells[1].startswith("no"):
            found.append(f"line {number}: {name}: neither yes, part nor no")
    found += [f"DPDK's row '{row}' is missing" for row in rows if row not in seen]
    return found


def of_claim(number, name, shown_by, tree):
    references = REFERENCE.findall(shown_by)
    links = LINK.findall(shown_by) if name.endswith(" doc") else []
    if not references and not links:
        return [f"line {number}: {name} is claimed without a test"]
    reasons = [tree.why_not(file, test) for file, test in references]
    reasons += [f"{link} is not there" for link in links if not (DOC.parent / link).exists()]
    return [f"line {number}: {name}: {reason}" for reason in reasons if reason]


MADE_UP = Tree({"a_test.cc": ["TEST_F(Suite, Works) {"], "b_test.py": ["def works():\n"],
                "lost_test.py": ["def works():\n"]}, "'a_test.cc' 'b_test.py'")
SELF_TEST = [  # table, what the checker must say ('' = nothing)
    ("| A | yes | any | `a_test.cc:Works` | no |", ""),
    ("| A | part: x | any | `b_test.py:works` `a_test.cc:Works` | no |", ""),
    ("| A | no | | | no |", ""),
    ("| A | cannot be |", ""),
    ("| A | yes | any | | no |", "claimed without a test"),
    ("| A | yes | any | `c_test.cc:Works` | no |", "c_test.cc is not there"),
    ("| A | yes | any | `a_test.cc:Fails` | no |", "has no test Fails"),
    ("| A | yes | any | `a_test.cc:Works` `b_test.py:fails` | no |", "has no test fails"),
    ("| A | yes | any | `lost_test.py:works` | no |", "is not registered"),
    ("| A | maybe | any | `a_test.cc:Works` | no |", "neither yes, part nor no"),
    ("| A | yes | `a_test.cc:Works` | no |", "4 cells"),
    ("| A | no | | | no |\n| A | cannot be |", "stands in line 1 already"),
    ("| B | no | | | no |", "DPDK's row 'A' is missing"),
]


def main():
    print(f"1..{len(SELF_TEST) + 2}")
    for number, (table, expected) in enumerate(SELF_TEST, 1):
        found = complaints(table, MADE_UP, ["A"])
        good = len(found) == 1 and expected in found[0] if expected else not found
        print(f"{'ok' if good else 'not ok'} {number} - the checker says '{expected or 'nothing'}'")
        if not good:
            print(f"# {table!r}: {found}")
    text = DOC.read_text()
    claimed = sum(1 for _, cells in tables(text) if len(cells) == 5 and CLAIM.match(cells[1]))
    print(f"{'ok' if claimed >= 10 else 'not ok'} {len(SELF_TEST) + 1} - {claimed} rows are claimed")
    found = complaints(text, Tree.of(ROOT), ROWS)
    print(f"{'not ok' if found else 'ok'} {len(SELF_TEST) + 2} - docs/features.md holds DPDK's {len(ROWS)} rows")
    for line in found:
        print(f"# {line}")


if __name__ == "__main__":
    main()
