# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Runs the functions of a test script as sub-tests and reports them in TAP, one line each.

A function's docstring is its name. It fails by any exception, skips by Skip. Attached to the failure go the
last lines that the programs under test printed (see note()). `script.py WORD ...` runs the sub-tests whose
name holds one of the words.
"""

import os
import sys
import time
import traceback

LAST_LINES = 60
LONGEST_VALUE = 600

_notes = []


class Skip(Exception):
    """The sub-test cannot be done here; the text says why."""


class Failed(AssertionError):
    """A check did not hold."""


def check(condition, text):
    if not condition:
        raise Failed(text)


def _short(value):
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}... ({len(text)} characters)"


def equal(found, wanted, what):
    if found != wanted:
        raise Failed(f"{what}: found {_short(found)}, wanted {_short(wanted)}")


def note(title, text_of):
    """Remembers something to print should the sub-test that is running fail; text_of() is called then."""
    _notes.append((title, text_of))


def _diagnose(error):
    lines = [f"{type(error).__name__}: {error}"]
    lines += [line for entry in traceback.format_tb(error.__traceback__)[-3:] for line in entry.splitlines()]
    for title, text_of in _notes:
        lines += [f"--- {title} ---", *text_of().splitlines()[-LAST_LINES:]]
    for line in lines:
        print("# " + line)


def _run_one(function):
    """(TAP word, directive)"""
    _notes.clear()
    try:
        function()
    except Skip as skip:
        return "ok", f" # SKIP {skip}"
    except Exception as error:  # pylint: disable=broad-except
        _diagnose(error)
        return "not ok", ""
    return "ok", ""


def _name(function):
    return (function.__doc__ or function.__name__).splitlines()[0].rstrip(".").replace("#", "")


def main(functions):
    """Ends the program; exit status 0 also with failures, as TAP has it, since they are in the output."""
    words = [word.lower() for word in sys.argv[1:]]
    chosen = [function for function in functions
              if not words or any(word in _name(function).lower() for word in words)]
    print(f"1..{len(chosen)}", flush=True)
    for number, function in enumerate(chosen, 1):
        started = time.monotonic()
        word, directive = _run_one(function)
        print(f"{word} {number} - {_name(function)}{directive}")
        if os.environ.get("ZCNBRH_TEST_TIMES"):
            print(f"# {time.monotonic() - started:.1f} s")
        sys.stdout.flush()
    sys.exit(0)


def skip_all(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)
