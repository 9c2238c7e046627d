"""The process that carries out a question has nothing to harm, whatever the engine in it is fooled into."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from serving.explorer import processes

CHILD = """
import os, socket, subprocess, sys
sys.path.insert(0, {root!r})
from serving.explorer import fences

def refused(act):
    try:
        act()
    except OSError:
        return True
    return False

def connect():
    with socket.socket() as one:
        one.settimeout(2)
        one.connect(("127.0.0.1", {port}))

fences.request()
fences.limit(5)
is_isolated = fences.leave_network()
import pyarrow
fences.close_doors()
fences.tell(
    code="SEEN", is_isolated=is_isolated, environment=sorted(os.environ), user=os.geteuid(),
    lists=not refused(lambda: os.listdir("/")),
    reads=not refused(lambda: open("/etc/passwd")), writes=not refused(lambda: open("/out", "w")),
    connects=not refused(connect), starts=not refused(lambda: subprocess.run(["/bin/true"])),
    forks=not refused(os.fork),
)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the root folder and the user of a process")
def test_the_process_has_no_files_no_rights_no_network_and_no_children(tmp_path: Path, webserver: int) -> None:
    script = tmp_path / "child.py"
    script.write_text(CHILD.format(root=str(Path(__file__).resolve().parents[3]), port=webserver))
    facts = processes.carry(script, {"bytes": 1000}, 5).facts
    # LC_CTYPE is Python's own, where it finds no better locale.
    assert set(facts["environment"]) - {"LC_CTYPE"} == {"HOME", "LANG", "OPENBLAS_NUM_THREADS", "TZ"}
    assert facts["user"] == 65534
    seen = ("lists", "reads", "writes", "starts", "forks")
    assert [name for name in seen if facts[name]] == []
    # Where the machine permits no namespace of its own, as many containers, the decision page says so.
    assert facts["connects"] != facts["is_isolated"]
