#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""How the lab finds its mirror in apt's configuration, and its modules' order, without network or guest (TAP)."""

import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(os.environ.get("ZCNBRH_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
sys.path[:0] = [str(ROOT / "tests/support/py"), str(ROOT / "devtools/lab")]
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import fetch
import initrd
import plan
import tap
from tap import equal


def one_line():
    """lines of sources.list: options or none, no source lists, no comments"""
    text = ("deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian trixie main contrib\n"
            "deb-src http://mirror.example/debian trixie main\n"
            "# deb http://other.example/debian trixie main\n"
            "deb http://third.example/x stable nonmain\n"
            "deb   http://mirror.example/debian   trixie-updates   non-free main\n")
    equal(list(fetch.one_line_entries(text)),
          [("http://mirror.example/debian", "trixie", "/k.gpg"), ("http://mirror.example/debian", "trixie-updates", "")],
          "entries")


def deb822():
    """paragraphs of a .sources file: several suites, a key in the file, one that is switched off"""
    text = ("# a comment\nTypes: deb deb-src\nURIs: http://mirror.example/debian\nSuites: trixie trixie-updates\n"
            "Components: main\nSigned-By:\n -----BEGIN KEY-----\n .\n abc\n\n"
            "Enabled: no\nTypes: deb\nURIs: http://off.example\nSuites: trixie\nComponents: main\n\n"
            "Types: deb-src\nURIs: http://src.example\nSuites: trixie\nComponents: main\n")
    key = "\n -----BEGIN KEY-----\n .\n abc"
    equal(list(fetch.deb822_entries(text)),
          [("http://mirror.example/debian", suite, key) for suite in ("trixie", "trixie-updates")], "entries")


def an_entry_is_read_back():
    """what is written for apt is what is read"""
    source = fetch.Source("http://mirror.example/debian", "/k.gpg")
    equal(list(fetch.deb822_entries(source.entry(["sid", "experimental"]))),
          [(source.uri, suite, source.signed_by) for suite in ("sid", "experimental")], "entries")


def modules_in_order():
    """a module comes after what it depends on, once, and built-in ones not at all"""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for module, depends in (("a-b", "c_d,e"), ("c-d", "e"), ("e", "")):
            (folder / f"{module}.ko").write_bytes(b"\x7fELF\0license=GPL\0depends=" + depends.encode() + b"\0name=x\0")
        (folder / "modules.builtin").write_text("kernel/x/inside.ko\n")
        found = initrd.Modules(folder).in_load_order(["a_b", "inside", "e"])
    equal(list(found), ["e", "c_d", "a_b"], "order")


def plan_by_words():
    """words choose scripts and pairs; the rest goes to the scripts; every planned script is there"""
    made = plan.make("iommu", False, ["wire", "igb", "csum"])
    equal([(script["title"], script["words"]) for script in made], [("wire on igb", ["csum"])], "plan")
    for row in plan.ROWS:
        tap.check((ROOT / "tests/lab" / row.file).exists(), f"{row.file} is not there")
        tap.check(set(row.quick) <= set(row.pairs), f"{row.file}: {row.quick} of {row.pairs}")


if __name__ == "__main__":
    tap.main([one_line, deb822, an_entry_is_read_back, modules_in_order, plan_by_words])
