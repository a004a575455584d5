#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Gets what the lab boots: QEMU with its igb model, a static busybox, Debian's newest kernel.

Nothing is installed: the packages are unpacked into .cache/lab/. They come from the mirror that this machine's apt
is configured with, through source lists and list folders of our own, checked by the keyring that this machine trusts
for its own Debian suite. What is there once is used for ever; to get a newer kernel, remove .cache/lab.

Exit status 77, and one line with the reason, where the lab cannot be had.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache/lab"
KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SKIP = 77
KERNEL_SUITE = "sid"  # the only suite with virtio-net and igb zero-copy, both ways, when this was written
QEMU_PACKAGES = ("qemu-system-x86", "busybox-static")
KERNEL_PACKAGES = re.compile(r"linux-(image|binary|modules|base)-\d")  # those that hold files of the kernel


class NotHere(Exception):
    """The lab cannot be had on this machine; the text says why."""


@dataclasses.dataclass
class Source:
    """A suite's mirror, as an entry of apt's own configuration names it."""
    uri: str
    signed_by: str

    def entry(self, suites):
        return (f"Types: deb\nURIs: {self.uri}\nSuites: {' '.join(suites)}\nComponents: main\n"
                f"Signed-By: {self.signed_by}\n")


def one_line_entries(text):
    """(uri, suite, signed-by) of a file of lines `deb [options] uri suite component...`"""
    for line in text.splitlines():
        found = re.match(r"\s*deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+.*\bmain\b", line)
        if found:
            signed = re.search(r"signed-by=(\S+)", found.group(1) or "")
            yield found.group(2), found.group(3), signed.group(1) if signed else ""


def deb822_entries(text):
    """The same of a file of paragraphs `URIs: ...`, `Suites: ...`; a key may be written into the file itself."""
    for paragraph in re.split(r"\n\s*\n", text):
        lines = "\n".join(line for line in paragraph.splitlines() if not line.startswith("#"))
        fields = {key.lower(): value for key, value in
                  re.findall(r"^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)", lines, re.MULTILINE)}
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").strip().lower() == "no":
            continue
        if "main" in fields.get("components", "").split():
            for uri in fields.get("uris", "").split():
                for suite in fields.get("suites", "").split():
                    yield uri, suite, fields.get("signed-by", "")


def configured_entries():
    command = ["apt-config", "shell", "list", "Dir::Etc::sourcelist/f", "parts", "Dir::Etc::sourceparts/d"]
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    places = dict(re.findall(r"(\w+)='(.*)'", shown))
    parts = pathlib.Path(places["parts"])
    for file in [pathlib.Path(places["list"]), *sorted(parts.glob("*.list"))]:
        if file.is_file():
            yield from one_line_entries(file.read_text(errors="replace"))
    for file in sorted(parts.glob("*.sources")):
        yield from deb822_entries(file.read_text(errors="replace"))


def debian_source():
    """(codename, Source) of the Debian this machine runs."""
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise NotHere("the packages of the lab are Debian's, and there is no apt-get here")
    system = dict(re.findall(r'^(\w+)="?([^"\n]*)', pathlib.Path("/etc/os-release").read_text(), re.MULTILINE))
    codename = system.get("VERSION_CODENAME", "")
    if system.get("ID") != "debian" or not codename:
        raise NotHere(f"the packages of the lab are Debian's; this is {system.get('PRETTY_NAME', 'another system')}")
    for uri, suite, signed_by in configured_entries():
        if suite == codename and not uri.startswith("cdrom:"):
            return codename, Source(uri, signed_by or str(KEYRING))
    raise NotHere(f"apt is configured with no mirror of {codename}")


class Apt:
    """apt-get with sources and lists of its own; neither the machine's lists nor its configuration change."""

    def __init__(self, folder, entry, status=None):
        """`status`: the list of installed packages that dependencies are resolved against."""
        (folder / "parts").mkdir(parents=True)
        (folder / "lists/partial").mkdir(parents=True)
        (folder / "archives/partial").mkdir(parents=True)
        (folder / "parts/lab.sources").write_text(entry)
        settings = {"Dir::Etc::sourcelist": "/dev/null", "Dir::Etc::sourceparts": folder / "parts",
                    "Dir::Etc::preferencesparts": "/dev/null", "Dir::State::Lists": folder / "lists",
                    "Dir::Cache::archives": folder / "archives", "Dir::Cache::pkgcache": "",
                    "Dir::Cache::srcpkgcache": "", "Acquire::Languages": "none", "Acquire::Retries": 1,
                    "Acquire::http::Timeout": 20, "Acquire::https::Timeout": 20,
                    "APT::Update::Post-Invoke-Success::": "", "APT::Sandbox::User": "root", "Debug::NoLocking": 1}
        if status:
            settings["Dir::State::status"] = status
        self._options = [f"-o{key}={value}" for key, value in settings.items()]
        self._run("update", "-oAPT::Update::Error-Mode=any")

    def _run(self, *words, cwd=None):
        done = subprocess.run(["nice", "apt-get", "-q", *self._options, *words], stdin=subprocess.DEVNULL, cwd=cwd,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                              env={**os.environ, "LC_ALL": "C"})
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:"))] or ["no word why"]
            raise NotHere(f"apt-get {words[0]}: {said[0][3:]}")
        return done.stdout

    def missing(self, packages, release=None):
        """{package: version} that installing these would bring."""
        words = ["--simulate", "--no-install-recommends", "install", *packages]
        shown = self._run(*(["-t", release] if release else []), *words)
        return dict(re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", shown, re.MULTILINE))

    def unpack(self, packages, target):
        """Downloads {package: version} and unpacks them into the folder `target`."""
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            self._run("download", *(f"{name}={version}" for name, version in packages.items()), cwd=folder)
            for package in sorted(pathlib.Path(folder).glob("*.deb")):
                subprocess.run(["nice", "dpkg-deb", "-x", package, target], check=True)


@dataclasses.dataclass
class Parts:
    """What a boot needs."""
    version: str  # of the kernel
    folder: pathlib.Path

    @property
    def kernel(self):
        return next(path for path in (self.modules / "vmlinuz", self.folder / f"kernel/boot/vmlinuz-{self.version}")
                    if path.exists())

    @property
    def modules(self):
        roots = (self.folder / "kernel/usr/lib/modules", self.folder / "kernel/lib/modules")
        return next(root / self.version for root in roots if (root / self.version).exists())

    @property
    def busybox(self):
        return next(path for path in (self.folder / "qemu/bin/busybox", self.folder / "qemu/usr/bin/busybox",
                                      pathlib.Path("/bin/busybox")) if path.exists())

    def qemu(self):
        """(command, environment) of the unpacked QEMU."""
        root = self.folder / "qemu"
        libraries = [str(path) for path in (root / "usr/lib/x86_64-linux-gnu", root / "lib/x86_64-linux-gnu")
                     if path.exists()]
        firmware = [word for name in ("qemu", "seabios") for word in ("-L", str(root / "usr/share" / name))]
        program = root / "usr/bin/qemu-system-x86_64"
        command = [str(program if program.exists() else "qemu-system-x86_64"), *firmware]
        return command, {"LD_LIBRARY_PATH": ":".join(libraries),
                         "QEMU_MODULE_DIR": str(root / "usr/lib/x86_64-linux-gnu/qemu")}

    def why_not(self):
        """Why these parts cannot be used, or an empty text."""
        try:
            command, environment = self.qemu()
            if not (self.kernel.exists() and self.busybox.exists() and (self.modules / "modules.builtin").exists()):
                return "incomplete"
            devices = subprocess.run([*command, "-device", "help"], env={**os.environ, **environment}, text=True,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60).stdout
        except (OSError, StopIteration, subprocess.TimeoutExpired) as error:
            return str(error) or "incomplete"
        return "" if 'name "igb"' in devices else f"QEMU has no igb model: {devices.strip().splitlines()[-1:]}"


def cached():
    """The parts in the cache if they are complete, else None."""
    with contextlib.suppress(OSError, KeyError, ValueError):
        found = Parts(json.loads((CACHE / "complete.json").read_text())["kernel"], CACHE)
        if not found.why_not():
            return found
    return None


def fetch_qemu(work, codename, source):
    """From the backports where the suite has some: igb came with QEMU 8.0."""
    try:
        backports = f"{codename}-backports"
        apt = Apt(work / "stable", source.entry([codename, f"{codename}-updates", backports]))
    except NotHere:
        backports = None
        apt = Apt(work / "stable-only", source.entry([codename]))
    packages = apt.missing(QEMU_PACKAGES, backports)
    apt.unpack(packages, CACHE / "qemu")


def fetch_kernel(work, source):
    """Returns its version."""
    apt = Apt(work / "kernel", source.entry([KERNEL_SUITE]), status="/dev/null")  # nothing of it is ours already
    wanted = {name: version for name, version in apt.missing(["linux-image-amd64"]).items()
              if KERNEL_PACKAGES.match(name)}
    apt.unpack(wanted, CACHE / "kernel")
    images = [*CACHE.glob("kernel/boot/vmlinuz-*"), *CACHE.glob("kernel/usr/lib/modules/*/vmlinuz")]
    if not images:
        raise NotHere(f"{KERNEL_SUITE}'s kernel packages ({', '.join(wanted) or 'none'}) hold no vmlinuz")
    return images[0].parent.name if images[0].name == "vmlinuz" else images[0].name[len("vmlinuz-"):]


def fetch():
    codename, source = debian_source()
    print(f"lab: fetching QEMU and {KERNEL_SUITE}'s kernel into .cache/lab (about 140 MB, once)", file=sys.stderr)
    for name in ("qemu", "kernel"):
        shutil.rmtree(CACHE / name, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        work = pathlib.Path(folder)
        fetch_qemu(work, codename, source)
        version = fetch_kernel(work, source)
    parts = Parts(version, CACHE)
    if parts.why_not():
        raise NotHere(f"what {codename} and {KERNEL_SUITE} have does not do: {parts.why_not()}")
    (CACHE / "complete.json").write_text(json.dumps({"kernel": version}))
    return parts


@contextlib.contextmanager
def locked():
    """Two lab runs may share the cache; one of them fetches."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare():
    """The parts, fetched if need be. Raises NotHere."""
    if os.uname().machine != "x86_64":
        raise NotHere(f"the lab's guest is an x86-64 one, with this machine's programs; this is {os.uname().machine}")
    with locked():
        return cached() or fetch()


if __name__ == "__main__":
    try:
        print(f"lab: kernel {prepare().version} in .cache/lab")
    except NotHere as reason:
        print(f"lab: not here: {reason}", file=sys.stderr)
        sys.exit(SKIP)
