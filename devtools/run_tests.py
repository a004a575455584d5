#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Runs every test of the project and prints one readable report.

Three runs of `meson test`: the plain build with every suite, and the suites that need no privilege once with
ASan+UBSan and once with TSan. Those two are built and run beside the plain build's system tests, which wait for the
kernel, or for programs of one thread, most of their time, and at a lower priority: no result depends on it. Sub-tests (gtest cases, TAP lines) are counted one by one, from Meson's
JUnit file. The last line is `N passed, N failed, N skipped`. The exit status is 1 when anything failed, when
nothing passed in a run, or when a suite has no test: a run that skips everything is not green.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
SUITES = ("layering", "unit", "capi", "bpf", "netns", "dpdk", "shim", "compat", "lab")
OUTPUT_LINES = 120  # of a failed test, the last ones
LOGS = "run_tests"  # name of Meson's log files, so that a `meson test` by hand does not write into ours


@dataclasses.dataclass(frozen=True)
class Run:
    name: str
    folder: str
    suites: tuple
    setup: tuple = ()
    environment: dict = dataclasses.field(default_factory=dict)
    no_aslr: bool = False
    words: tuple = ()  # before every command


# Without the driver: it is loaded into programs that are not instrumented. Optimization 0 halves the time to
# compile, and -g1 is all that a report's line numbers need; the plain build tests the code that ships.
SANITIZED = ("-Db_ndebug=false", "-Doptimization=0", "-Dcpp_args=-g1", "-Dpmd=disabled", "-Dsystem_tests=false",
             "-Dexamples=false")
BESIDE = ("nice", "-n", "15")
RUNS = (
    Run("build", "build", SUITES),
    Run("asan", "build-asan", ("unit", "capi"), ("-Db_sanitize=address,undefined", *SANITIZED),
        {"ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1",
         "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}, words=BESIDE),
    # GCC 12's TSan run-time cannot place its shadow memory when the kernel spreads mappings over more than
    # 28 bits (vm.mmap_rnd_bits), so its programs start without address randomisation.
    Run("tsan", "build-tsan", ("unit", "capi"), ("-Db_sanitize=thread", *SANITIZED),
        {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"}, no_aslr=True, words=BESIDE),
)


@dataclasses.dataclass
class Case:
    name: str
    result: str  # passed, failed, skipped
    detail: str = ""  # why it failed or was skipped


@dataclasses.dataclass
class Program:
    """One test program of Meson's list, with the cases inside it."""
    name: str
    suite: str
    seconds: float
    cases: list
    output: str

    def count(self, result):
        return sum(case.result == result for case in self.cases)


def text_of(element):
    return (element.get("message") or element.text or "").strip()


def case_from_xml(element):
    name = element.get("name")
    failure = next((found for tag in ("failure", "error") for found in element.findall(tag)), None)
    output = element.findtext("system-out") or ""
    if failure is not None:
        return Case(name, "failed", "\n".join(text_of(found) for found in element.findall("failure")) or output)
    skipped = element.find("skipped")
    if skipped is not None:
        return Case(name, "skipped", text_of(skipped) or output)
    return Case(name, "passed")


def cases_by_program(junit_file):
    """Meson names a gtest or TAP suite project.program[.gtest suite]; a program with one result is a case of
    the suite called like the project."""
    found = {}
    if not junit_file.exists():
        return found
    for suite in ElementTree.parse(junit_file).getroot().iter("testsuite"):
        project, _, rest = suite.get("name").partition(".")
        program, _, group = rest.partition(".")
        for element in suite.findall("testcase"):
            case = case_from_xml(element)
            if not rest:  # failures and skips of a whole program are better told by Meson's own log
                if case.result == "passed":
                    found.setdefault(case.name, []).append(Case("whole program", "passed"))
                continue
            if group:
                case.name = f"{group}.{case.name}"
            found.setdefault(program, []).append(case)
    return found


def skip_reason(output):
    found = re.search(r"^1\.\.0\s*#\s*skip\S*\s*(.*)$", output, re.IGNORECASE | re.MULTILINE)
    return found.group(1) if found else output.strip()


def program_from_log(entry, cases):
    """Meson's verdict on the program as a whole, and what its cases say: neither may hide the other."""
    name, result, code = entry["name"], entry["result"], entry.get("returncode")
    output = entry.get("stdout", "") + entry.get("stderr", "")
    if result == "SKIP":
        cases = cases or [Case("whole program", "skipped", skip_reason(output))]
    elif result not in ("OK", "EXPECTEDFAIL") and not any(case.result == "failed" for case in cases):
        how = "killed by signal %d" % -code if code and code < 0 else "exit status %s" % code
        cases = cases + [Case("whole program", "failed", f"{result.lower()}, {how}")]
    elif not cases:
        cases = [Case("whole program", "failed", "no test ran in it")]
    suite, _, short = name.partition(" / ")
    return Program(short, suite.partition(":")[2].partition("+")[0], entry["duration"], cases, output)


def read_results(folder):
    log = folder / "meson-logs" / f"{LOGS}.json"
    if not log.exists():
        return []
    cases = cases_by_program(folder / "meson-logs" / f"{LOGS}.junit.xml")
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    return [program_from_log(entry, cases.get(entry["name"], [])) for entry in entries]


def can_switch_off_aslr():
    try:
        return subprocess.run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False


def build(run):
    """Configures and compiles. What is built beside something else shows its output when it fails alone."""
    folder = ROOT / run.folder
    commands = [["ninja", "-C", folder]]
    if run.setup:
        commands.insert(0, [ROOT / "devtools/configure.sh", folder, *run.setup])
    for command in commands:
        done = subprocess.run([*run.words, *command], check=not run.words, text=True, errors="replace",
                              stdout=subprocess.PIPE if run.words else None,
                              stderr=subprocess.STDOUT if run.words else None)
        if done.returncode:
            print(done.stdout, flush=True)
            raise subprocess.CalledProcessError(done.returncode, command)


@contextlib.contextmanager
def locked(folder):
    """One test run at a time in a build folder: they share the files that results are read from."""
    with open(folder / ".run_tests.lock", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"  waiting for another test run in {folder.name}", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_meson(run, suites, names):
    folder = ROOT / run.folder
    # A program that crashes writes no result: Meson would take the file of the run before for it.
    for old in [*folder.glob("*.xml"), *folder.glob(f"meson-logs/{LOGS}.*")]:
        old.unlink(missing_ok=True)
    command = [*run.words, *(["setarch", "-R"] if run.no_aslr and can_switch_off_aslr() else [])]
    command += ["meson", "test", "-C", folder, "--no-rebuild", "--logbase", LOGS,
                "--num-processes", str(os.cpu_count() or 1)]
    for suite in suites:
        command += ["--suite", suite]
    if run.setup:
        command += ["--timeout-multiplier", "4"]
    if suites == ["lab"]:
        command.append("--verbose")  # its programs take minutes: each sub-test is shown as it ends
    environment = {**os.environ, **run.environment}
    with subprocess.Popen([*command, *names], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace") as meson:
        others = []
        for line in meson.stdout:
            if re.match(r"\s*(▶ )?\d+/\d+ ", line):
                print(f"  {run.name:<6}{line.strip()}", flush=True)
            else:
                others.append(line)
    return meson.returncode, "".join(others)


def print_failures(rows):
    for run_name, program in ((run_name, program) for run_name, _, programs in rows for program in programs):
        failed = [case for case in program.cases if case.result == "failed"]
        if not failed:
            continue
        print(f"\nFAILED {run_name} {program.suite}/{program.name}")
        for case in failed:
            print(f"  {case.name}")
            for line in case.detail.splitlines():
                print(f"    {line}")
        lines = program.output.splitlines()
        print(f"  --- output, {'all' if len(lines) <= OUTPUT_LINES else 'last %d' % OUTPUT_LINES} lines ---")
        for line in lines[-OUTPUT_LINES:]:
            print(f"  | {line}")


def print_skips(programs):
    for program in programs:
        for case in program.cases:
            if case.result == "skipped":
                # gtest puts the place first and the reason on the lines after it
                lines = [line for line in case.detail.splitlines() if not re.match(r"\S+:\d+$", line)]
                reason = " ".join(" ".join(lines).split()) or "no reason given"
                print(f"skipped {program.suite}/{program.name} {case.name}: {reason}")


def print_table(rows):
    print(f"\n{'run':<8}{'suite':<10}{'programs':>9}{'passed':>8}{'failed':>8}{'skipped':>8}{'seconds':>9}")
    for run_name, suite, programs in rows:
        counts = [sum(program.count(result) for program in programs) for result in ("passed", "failed", "skipped")]
        seconds = sum(program.seconds for program in programs)
        print(f"{run_name:<8}{suite:<10}{len(programs):>9}{counts[0]:>8}{counts[1]:>8}{counts[2]:>8}{seconds:>9.1f}")


def run_tests(run, suites, arguments):
    """Runs what is built. Returns the programs of the run, its rows of the table, and what is wrong with it besides
    failed cases."""
    started = time.monotonic()
    print(f"== {run.name}: {', '.join(suites)}", flush=True)
    with locked(ROOT / run.folder):
        code, rest = run_meson(run, suites, arguments.names)
        programs = read_results(ROOT / run.folder)
    rows = [(run.name, suite, [program for program in programs if program.suite == suite]) for suite in suites]

    wrong = []
    if not programs:
        print(rest)
    wrong += [f"{run.name}: suite {suite} has no test" for _, suite, of_suite in rows
              if not of_suite and not arguments.names]
    if not sum(program.count("passed") for program in programs):
        wrong.append(f"{run.name}: nothing passed")
    if code != 0 and not any(program.count("failed") for program in programs):
        print(rest)
        wrong.append(f"{run.name}: meson test ended with status {code}")
    print(f"== {run.name}: its tests took {time.monotonic() - started:.0f} s", flush=True)
    return programs, rows, wrong


def build_and_run(runs, arguments, after_build=lambda: None):
    """One run after the other. `after_build` is called once the first is built."""
    collected = [], [], []
    for run in runs:
        suites = [suite for suite in run.suites if not arguments.suite or suite in arguments.suite]
        if not suites:
            continue
        started = time.monotonic()
        try:
            build(run)
            print(f"== {run.name}: built in {time.monotonic() - started:.0f} s", flush=True)
        except subprocess.CalledProcessError as error:
            collected[2].append(f"{run.name}: {pathlib.Path(error.cmd[0]).name} failed, the build is broken")
            continue
        after_build()
        for all_of_it, new in zip(collected, run_tests(run, suites, arguments)):
            all_of_it += new
    return collected


def run_all(runs, arguments):
    """The first run, and beside its tests the others one after the other."""
    first, *others = runs
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        beside = []
        collected = build_and_run(
            [first], arguments, lambda: beside.append(pool.submit(build_and_run, others, arguments)))
        more = beside[0].result() if beside else build_and_run(others, arguments)
    return [mine + theirs for mine, theirs in zip(collected, more)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=[run.name for run in RUNS], help="one run instead of all three")
    parser.add_argument("--suite", action="append", choices=SUITES, help="only this suite (may be repeated)")
    parser.add_argument("names", nargs="*", help="only these test programs, as in `meson test --list`")
    arguments = parser.parse_args()

    programs, rows, wrong = run_all([run for run in RUNS if arguments.only in (None, run.name)], arguments)
    print_failures(rows)
    print_table(rows)
    print()
    print_skips(programs)
    for line in wrong:
        print(f"WRONG {line}")
    passed, failed, skipped = (sum(program.count(result) for program in programs)
                               for result in ("passed", "failed", "skipped"))
    if not rows:
        print("WRONG nothing ran")
    print(f"{passed} passed, {failed + len(wrong)} failed, {skipped} skipped")
    return 1 if failed or wrong or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
