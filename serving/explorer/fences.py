"""What a process that carries out others' SQL gives up, so that a fooled engine finds nothing to harm."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

ADDRESS_BYTES = 1_500_000_000
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_NOBODY = 65534


class Refused(Exception):
    """The child will not answer, and says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def limit(seconds: float) -> None:
    """Before anything is opened: memory, processor time, no core file, no file that is written grows."""
    cpu = int(seconds) + 2
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_BYTES, ADDRESS_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def leave_network() -> bool:
    """Into a network namespace with nothing in it; False where the machine does not permit it (many containers).

    Must come before libraries start threads: a new user namespace, which a process without privileges needs, is refused
    to a process with threads.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    flags = _NEW_NETWORK if os.geteuid() == 0 else _NEW_NETWORK | _NEW_USER
    return any(libc.unshare(each) == 0 for each in (flags, _NEW_NETWORK | _NEW_USER))


def close_doors() -> None:
    """After all is imported and opened: no files, no rights of root, no further process, where permitted."""
    try:
        # A folder that is removed before it becomes the root: nothing is in it, and nothing can be made in it.
        # Its parent is named: Python would try the usual ones by writing a file, which is forbidden already.
        empty = tempfile.mkdtemp(dir="/tmp")
        os.chdir(empty)
        Path(empty).rmdir()
        os.chroot(".")
    except OSError:
        pass
    if os.geteuid() == 0:
        try:
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        except OSError:
            pass
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def request() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    return found


def tell(**facts: Any) -> None:
    """One line to who started this process."""
    os.write(2, json.dumps(facts, default=str).encode() + b"\n")


def send(table: Any) -> None:
    """The answer, with names that are unique, as `a` and `a_1` of two columns `a`."""
    import pyarrow as pa

    names: list[str] = []
    for name in table.column_names:
        count = 0
        while (unique := f"{name}_{count}" if count else name) in names:
            count += 1
        names.append(unique)
    with os.fdopen(os.dup(1), "wb") as out, pa.ipc.new_stream(out, table.rename_columns(names).schema) as stream:
        stream.write_table(table.rename_columns(names), max_chunksize=4096)
