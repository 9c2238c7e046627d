"""The units for those without Airflow: systemd takes them, they are shut in, and what they start does the work."""

from __future__ import annotations

import ctypes
import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingestion.errors import EXIT_BUSY
from ingestion.locking import locked_file
from ingestion.settings import ROOT
from ingestion.warehouse import CONNECT_SECONDS, CONNECT_TRIES, LOCK_SECONDS
from publishing.publish import SWAP_SECONDS
from simulator.world import settings_for

FOLDER = ROOT / "deployment" / "systemd"
SERVICES = sorted(path.name for path in FOLDER.glob("*.service"))
TIMERS = sorted(path.name for path in FOLDER.glob("*.timer"))
EXPOSED_AT_MOST = 1.5
"""Of 10, as systemd-analyze counts; a service without hardening has 9.6. These need the network and sockets."""
INSTALLED = "/opt/meterhouse/"
PYTHON = f"{INSTALLED}.venv/bin/python"


def settings(unit: str) -> dict[str, list[str]]:
    """Values of each setting of a unit file, in their order."""
    found: dict[str, list[str]] = {}
    for line in (FOLDER / unit).read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#[":
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def one(unit: str, name: str) -> str:
    (value,) = settings(unit)[name]
    return value


def seconds(span: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(min|h)", span).groups()  # type: ignore[union-attr]
    return int(number) * {"min": 60, "h": 3600}[unit]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as they are installed, with this checkout in the place of /opt/meterhouse."""
    for path in FOLDER.iterdir():
        text = (
            path.read_text(encoding="utf-8").replace(INSTALLED, f"{ROOT}/").replace("=/opt/meterhouse\n", f"={ROOT}\n")
        )
        (tmp_path / path.name.replace("@.", "@meterhouse-land.")).write_text(text, encoding="utf-8")
    return tmp_path


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze on this machine (Debian: apt-get install systemd)")
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_systemd_takes_the_units(installed: Path) -> None:
    units = sorted(map(str, installed.iterdir()))
    assert len(units) == len(SERVICES) + len(TIMERS) == 6
    done = analyze("verify", "--man=no", "--recursive-errors=one", *units)
    assert done.returncode == 0, done.stderr
    # What systemd does not understand it passes by, with a word and without a failure.
    assert [line for line in done.stderr.splitlines() if "meterhouse" in line] == []


def test_systemd_would_refuse_a_unit_with_a_mistake(installed: Path) -> None:
    path = installed / "meterhouse.service"
    path.write_text(path.read_text().replace("TimeoutStopSec=5min", "TimeoutStopSec=soon"))
    said = analyze("verify", "--man=no", "--recursive-errors=one", str(path)).stderr
    assert f"{path}:" in said and "Failed to parse time value" in said


@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_is_shut_in(installed: Path, unit: str) -> None:
    path = installed / unit.replace("@.", "@meterhouse-land.")
    limit = f"--threshold={EXPOSED_AT_MOST * 10:.0f}"
    done = analyze("security", "--offline=true", "--no-pager", limit, str(path))
    assert done.returncode == 0, done.stdout
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert exposure is not None and 0 < float(exposure[1]) <= EXPOSED_AT_MOST


def test_all_services_are_shut_in_alike() -> None:
    shut = {(FOLDER / unit).read_text(encoding="utf-8").split("StateDirectory=")[1] for unit in SERVICES}
    assert len(SERVICES) == 4
    assert len(shut) == 1


@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_is_not_root_and_writes_to_its_own_folder_only(unit: str) -> None:
    assert one(unit, "User") == one(unit, "Group") == "meterhouse"
    assert one(unit, "ProtectSystem") == "strict"
    assert one(unit, "StateDirectory") == "meterhouse"
    assert "ReadWritePaths" not in settings(unit)
    assert settings(unit)["EnvironmentFile"][0] == "/etc/meterhouse/house.env"
    # A password in a unit file can be read by everybody.
    assert [value for value in settings(unit)["Environment"] if "PASSWORD" in value or "KEY" in value] == []


def test_the_longest_stop_fits_into_the_time_for_it() -> None:
    connecting = CONNECT_TRIES * CONNECT_SECONDS + sum(range(CONNECT_TRIES))
    longest = max(connecting + 2 * LOCK_SECONDS, SWAP_SECONDS + LOCK_SECONDS)
    for unit in ("meterhouse-land.service", "meterhouse.service", "meterhouse-backup.service"):
        assert seconds(one(unit, "TimeoutStopSec")) >= 2 * longest
        assert seconds(one(unit, "TimeoutStartSec")) >= 6 * 3600
        assert one(unit, "KillMode") == "mixed"


def test_busy_is_no_failure_and_a_failure_is_told() -> None:
    for unit in ("meterhouse-land.service", "meterhouse.service"):
        assert int(one(unit, "SuccessExitStatus")) == EXIT_BUSY
    for unit in SERVICES:
        if "@" not in unit:
            assert one(unit, "OnFailure") == "meterhouse-alert@%N.service"
    # A night without a backup is told, also when it was because of a landing.
    assert "SuccessExitStatus" not in settings("meterhouse-backup.service")
    for timer in TIMERS:
        assert timer.replace(".timer", ".service") in SERVICES
    assert one("meterhouse.service", "Wants") == one("meterhouse.service", "After") == "meterhouse-land.service"


# What they start ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Machine:
    """`state` is what /var/lib/meterhouse is there; `user` whom the services run as, None for this one."""

    state: Path
    env: dict[str, str]
    user: pwd.struct_passwd | None

    def start(self, unit: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Runs ExecStart as the unit says: its environment and no other, no memory both writable and executable."""
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}
        for line in settings(unit)["Environment"]:
            environment |= dict(pair.split("=", 1) for pair in shlex.split(line))
        environment = {n: v.replace("/var/lib/meterhouse", str(self.state)) for n, v in environment.items()}
        command = shlex.split(one(unit, "ExecStart").replace("%i", "meterhouse-land").replace("%H", "a-host"))
        assert command[0] == f"{INSTALLED}.venv/bin/python"
        identity = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}
        return subprocess.run(
            [sys.executable, *command[1:]],
            cwd=ROOT,
            env={**environment, **self.env, **more},
            capture_output=True,
            text=True,
            timeout=500,
            umask=0o077,
            preexec_fn=_deny_write_execute,
            **identity,  # type: ignore[call-overload]
        )


def _deny_write_execute() -> None:
    """What MemoryDenyWriteExecute does, where the kernel has it (6.3); programs started by the service inherit it."""
    ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)


def _other_user() -> pwd.struct_passwd | None:
    """As root, a user who may write nothing of this checkout, if it can be read by others at all."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    command = [sys.executable, "-c", "import ingestion, duckdb"]
    try:
        readable = subprocess.run(
            command, cwd=ROOT, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], check=False
        )
    except PermissionError:
        return None
    return nobody if readable.returncode == 0 else None


@pytest.fixture(scope="module")
def machine(world: Path) -> Iterator[Machine]:
    folder = Path(tempfile.mkdtemp(prefix="meterhouse-systemd-"))
    folder.chmod(0o755)
    shutil.copytree(world, folder / "deliveries")
    state, user = folder / "state", _other_user()
    state.mkdir(mode=0o700)
    if user:
        os.chown(state, user.pw_uid, user.pw_gid)
    pointing = settings_for(folder / "deliveries")
    yield Machine(state, {name: value for name, value in pointing.items() if name.startswith("SMART_METERS_")}, user)
    shutil.rmtree(folder)


def test_what_the_units_start_lands_builds_publishes_and_backs_up(machine: Machine) -> None:
    landed = machine.start("meterhouse-land.service")
    assert landed.returncode == 0, landed.stdout + landed.stderr
    built = machine.start("meterhouse.service")
    assert built.returncode == 0, built.stdout + built.stderr
    assert "Published" in built.stdout
    assert (machine.state / "published.duckdb").exists() and (machine.state / "dbt" / "logs").is_dir()
    backed = machine.start("meterhouse-backup.service")
    assert backed.returncode == 0, backed.stdout + backed.stderr
    assert (Path(backed.stdout.splitlines()[-1]) / "manifest.json").exists()
    again = machine.start("meterhouse-land.service")
    assert again.returncode == 0 and "Nothing new" in again.stdout


def test_another_run_is_waited_for_and_then_ends_it_with_75(machine: Machine) -> None:
    assert "--wait 1800" in one("meterhouse-land.service", "ExecStart")
    with locked_file(machine.state / "warehouse.duckdb"):
        identity = {"user": machine.user.pw_uid, "group": machine.user.pw_gid} if machine.user else {}
        done = subprocess.run(
            [sys.executable, "-m", "ingestion", "land", "all"],
            cwd=ROOT,
            env={"METERHOUSE_DATA": str(machine.state), "WAREHOUSE_PATH": str(machine.state / "warehouse.duckdb"),
                 "PATH": "/usr/bin:/bin", **machine.env},
            capture_output=True, text=True, timeout=100, **identity,  # type: ignore[call-overload]
        )  # fmt: skip
    assert done.returncode == EXIT_BUSY, done.stderr


STAND_IN = "import sys\nprint(sys.argv[1:])\n"


@pytest.fixture
def said(tmp_path: Path) -> Callable[..., str]:
    """What a unit's line tells the room that raises alerts, in whose place a stand-in prints its words."""
    package = tmp_path / "alerting"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(STAND_IN)

    def run(line: str, unit: str, **env: str) -> str:
        for written, meant in (("%i", unit), ("%N", unit), ("%H", "h"), ("$$", "$"), (PYTHON, sys.executable)):
            line = line.replace(written, meant)
        done = subprocess.run(
            shlex.split(line.removeprefix("-")), cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
            env={"PATH": "/usr/bin:/bin", **env},
        )  # fmt: skip
        return done.stdout.strip()

    return run


@pytest.mark.parametrize(
    ("unit", "page"),
    [
        ("meterhouse-land", "landing-failed"),
        ("meterhouse", "build-failed"),
        ("meterhouse-backup", "restore"),
    ],
)
def test_the_alert_says_which_unit_failed_where_and_what_to_read(
    said: Callable[..., str], unit: str, page: str
) -> None:
    assert (ROOT / "docs" / "runbooks" / f"{page}.md").exists()
    assert said(one("meterhouse-alert@.service", "ExecStart"), unit) == str(
        ["raise", f"systemd/{unit}", "--title", f"{unit} failed on h", "--playbook", page]
    )


@pytest.mark.parametrize("unit", [unit for unit in SERVICES if "@" not in unit])
def test_a_unit_that_ends_well_says_that_its_failure_is_over(said: Callable[..., str], unit: str) -> None:
    name, line = unit.removesuffix(".service"), one(unit, "ExecStopPost")
    assert said(line, name, SERVICE_RESULT="success", EXIT_STATUS="0") == str(["resolve", f"systemd/{name}"])
    assert said(line, name, SERVICE_RESULT="success", EXIT_STATUS=str(EXIT_BUSY)) == ""
    assert said(line, name, SERVICE_RESULT="exit-code", EXIT_STATUS="1") == ""
    assert said(line, name, SERVICE_RESULT="timeout", EXIT_STATUS="TERM") == ""
    # A step after the work that failed: what it would have told is not told.
    assert said(line, name, SERVICE_RESULT="exit-code", EXIT_STATUS="0") == ""
