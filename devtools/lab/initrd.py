# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The guest's initrd: busybox, init.sh, and the modules it needs in the order they have to be loaded."""

import gzip
import hashlib
import io
import lzma
import pathlib
import re
import stat

HERE = pathlib.Path(__file__).resolve().parent
MODULES = ("9pnet_virtio", "9p", "overlay", "virtio_net", "igb", "veth", "xsk_diag")
FOLDERS = ("bin", "mod", "proc", "sys", "dev", "host", "rw", "new")


def _plain(name):
    return name.replace("-", "_")


class Modules:
    """The modules of an unpacked kernel package. Each one's own .modinfo section names what it depends on."""

    def __init__(self, folder):
        self._files = {_plain(path.name.partition(".ko")[0]): path for path in folder.rglob("*.ko*")}
        self._builtin = {_plain(pathlib.Path(line).stem) for line in
                         (folder / "modules.builtin").read_text().split()}

    def _content(self, name):
        path = self._files[name]
        if path.suffix not in (".ko", ".xz"):
            raise RuntimeError(f"{path.name}: a compression that is not known here")
        return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()

    def in_load_order(self, names):
        """{name: content}, what a module depends on before it."""
        found = {}

        def add(name):
            if name in found or name in self._builtin:
                return
            if name not in self._files:
                raise RuntimeError(f"the kernel has no module {name}")
            content = self._content(name)
            depends = re.search(rb"\0depends=([^\0]*)\0", content)
            for other in depends.group(1).decode().split(",") if depends else []:
                if other:
                    add(_plain(other))
            found[name] = content

        for name in names:
            add(_plain(name))
        return found


class Cpio:
    """An archive in cpio's "newc" format, the one that the kernel unpacks as its first root file system."""

    def __init__(self):
        self._out = io.BytesIO()
        self._inode = 0

    def add(self, name, mode, content=b""):
        self._inode += 1
        path = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
        self._padded(b"070701" + "".join(f"{field:08x}" for field in fields).encode() + path)
        self._padded(content)

    def _padded(self, data):
        self._out.write(data + bytes(-len(data) % 4))

    def finish(self):
        self.add("TRAILER!!!", 0)
        return self._out.getvalue()


def _archive(parts):
    archive = Cpio()
    for name in FOLDERS:
        archive.add(name, stat.S_IFDIR | 0o755)
    archive.add("init", stat.S_IFREG | 0o755, (HERE / "init.sh").read_bytes())
    archive.add("bin/busybox", stat.S_IFREG | 0o755, parts.busybox.read_bytes())
    archive.add("bin/sh", stat.S_IFLNK | 0o777, b"busybox")
    for number, (name, content) in enumerate(Modules(parts.modules).in_load_order(MODULES).items()):
        archive.add(f"mod/{number:02d}-{name}.ko", stat.S_IFREG | 0o644, content)
    return archive.finish()


def build(parts):
    """Returns the file, made anew when what goes into it is not what it was made of."""
    made_of = hashlib.sha256()
    for text in (parts.version, *MODULES, (HERE / "init.sh").read_text(), pathlib.Path(__file__).read_text()):
        made_of.update(text.encode() + b"\0")
    target = parts.folder / f"initrd-{made_of.hexdigest()[:12]}.gz"
    if not target.exists():
        for old in parts.folder.glob("initrd-*.gz"):
            old.unlink(missing_ok=True)
        unfinished = target.with_suffix(".new")
        unfinished.write_bytes(gzip.compress(_archive(parts)))
        unfinished.rename(target)
    return target
