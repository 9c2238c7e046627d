"""The commands of each runbook are typed in order, in a house where what the page is about has happened."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import duckdb_warehouse
from tests.end_to_end.conftest import House
from tests.runbooks.terminal import ROOT, Command, missing, steps, terminal

PAGES = ROOT / "docs" / "runbooks"
PLAYBOOKS = ("landing-failed", "source-late", "build-failed", "publish-failed", "ledger-findings", "warehouse-busy")

OTHERS = {"restore", "rotate-a-secret"}
"""Pages that are played by tests of their own."""

Scene = Callable[[House], Iterator[None]]
"""What happens before the first block of a page; what follows each `yield` happens before the next block."""


def nothing(house: House) -> Iterator[None]:
    yield


def a_broken_file(house: House) -> Iterator[None]:
    broken = house.world / "smart_meters" / "readings" / "broken.json"
    broken.write_text('{"columns": ["interval_start"', encoding="utf-8")
    house.run(
        "python", "-m", "simulator", "run", "--world", str(house.world), "--",
        "python", "-m", "ingestion", "land", "smart_meters", code=1,
    )  # fmt: skip
    yield
    broken.unlink()
    deliver_a_day(house)
    yield


def deliver_a_day(house: House) -> None:
    out = str(house.world / "smart_meters" / "readings" / "later")
    command = [sys.executable, "-m", "simulator", "day", "2021-04-06", "--out", out, "--world", str(house.world)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)


def five_days_without_readings(house: House) -> Iterator[None]:
    house.query(
        "update raw.landed_files set landed_at = strftime(cast(landed_at as timestamptz) - interval 5 day, "
        "'%Y-%m-%dT%H:%M:%SZ') where table_name = 'meter_readings'"
    )
    yield
    deliver_a_day(house)
    yield


def a_doubled_product(house: House) -> Iterator[None]:
    house.query("create table raw.spare as select * from raw.products limit 1")
    house.query("insert into raw.products select * from raw.spare")
    yield
    yield
    house.query("delete from raw.products where product_id = (select product_id from raw.spare)")
    house.query("insert into raw.products select * from raw.spare")
    house.query("drop table raw.spare")
    yield


def a_table_written_without_its_tests(house: House) -> Iterator[None]:
    house.dbt("run", "--select", "dim_products")
    yield
    yield


HOLD = """
import sys
from ingestion.locking import locked_warehouse
with locked_warehouse():
    print("held", flush=True)
    sys.stdin.read()
"""


def another_run(house: House) -> Iterator[None]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=ROOT, env=house.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield from _held(holder)
    finally:
        holder.kill()
        holder.communicate()


def _held(holder: subprocess.Popen[str]) -> Iterator[None]:
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    yield
    holder.communicate()
    yield


SCENES: dict[str, Scene] = {
    "add-a-source": nothing,
    "backfill": nothing,
    "build-failed": a_doubled_product,
    "landing-failed": a_broken_file,
    "ledger-findings": nothing,
    "publish-failed": a_table_written_without_its_tests,
    "reload-one-source": nothing,
    "source-late": five_days_without_readings,
    "upgrade": nothing,
    "warehouse-busy": another_run,
}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A small world, landed without the pipeline FEP, built and published. Look, do not touch."""
    folder = tmp_path_factory.mktemp("runbooks")
    world = folder / "world"
    command = [sys.executable, "-m", "simulator", "make", "--out", str(world), "--bills", "600", "--meters", "6"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=400)
    house = House(duckdb_warehouse(folder), world, folder)
    house.land("--param", "asset=TW")
    house.build()
    return house


@pytest.fixture
def house(built: House, tmp_path: Path) -> House:
    """A house and a world of the test's own."""
    folder = tmp_path / "house"
    shutil.copytree(built.folder, folder)
    return House(duckdb_warehouse(folder), folder / "world", folder)


@contextmanager
def played(scene: Iterator[None]) -> Iterator[None]:
    """Ends what a scene has begun, whatever the page does."""
    try:
        yield
    finally:
        scene.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", sorted(SCENES))
def test_the_commands_of_a_page_do_what_it_says(page: str, house: House) -> None:
    scene = SCENES[page](house)
    with played(scene), terminal(house.world, house.env) as shell:
        for step in steps(PAGES / f"{page}.md"):
            next(scene, None)
            output = "".join(shell.type(command) for command in step.commands)
            assert missing(step.shown, output) == [], output


def test_every_page_is_listed_and_played() -> None:
    pages = {path.stem for path in PAGES.glob("*.md")} - {"README"}
    listed = set(re.findall(r"\]\(([\w-]+)\.md\)", (PAGES / "README.md").read_text(encoding="utf-8")))
    assert set(SCENES) <= pages
    assert listed == pages
    with_commands = {page for page in pages if steps(PAGES / f"{page}.md")}
    assert with_commands - OTHERS == set(SCENES), "a page with commands is played"
    assert set(PLAYBOOKS) <= pages


@pytest.mark.parametrize("page", PLAYBOOKS)
def test_a_playbook_has_its_parts(page: str) -> None:
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    parts = ("**Symptom.**", "**What it means.**", "## Look", "## Resolved")
    assert [text.count(part) for part in parts] == [1, 1, 1, 1]


def test_a_fragment_that_is_not_shown_is_missed() -> None:
    output = "smart_meters   9  ok\nNothing new\n"
    assert missing(("smart_meters … ok", "Nothing new"), output) == []
    assert missing(("Nothing new", "smart_meters"), output) == ["smart_meters"], "the order counts"
    assert missing(("smart_meters … failed",), output) == ["smart_meters … failed"]
    assert missing(("smart_meters … new",), output) == ["smart_meters … new"], "a fragment is of one line"
    assert missing(("smart_meters … ok", "smart_meters … ok"), output) == ["smart_meters … ok"], "a line counts once"


def test_an_exit_code_that_is_not_said_fails(tmp_path: Path, house: House) -> None:
    with terminal(house.world, house.env) as shell:
        assert shell.type(Command("echo well", 0)) == "well\n"
        with pytest.raises(AssertionError, match="ended with 1, not 0"):
            shell.type(Command("false", 0))
