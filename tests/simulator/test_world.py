"""The world as a whole: the same seed gives the same bytes, sizes scale, nothing foreign is overwritten."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from simulator.systems import systems
from simulator.world import Size, make_faults, make_world

SPINE = ("winnipeg_billing", "smart_meters")
SMALL = Size(bills=600, meters=3, until=date(2020, 10, 26))
ROOT = Path(__file__).resolve().parents[2]


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    make_world(tmp_path / "one", SMALL)
    # Another process has another hash seed: no order may hang on it.
    code = (
        "from simulator.world import *; from datetime import date; import sys; from pathlib import Path;"
        "make_world(Path(sys.argv[1]), Size(bills=600, meters=3, until=date(2020, 10, 26)))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(ROOT), "TZ": "Asia/Kathmandu"}
    subprocess.run([sys.executable, "-c", code, tmp_path / "two"], check=True, env=environment, timeout=60)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    assert {name.split("/")[0] for name in digest(tmp_path / "one") if "/" in name} == set(systems())


def test_another_seed_gives_other_bytes(tmp_path: Path) -> None:
    make_world(tmp_path / "one", SMALL)
    make_world(tmp_path / "two", Size(seed=2, bills=600, meters=3, until=date(2020, 10, 26)))
    one, two = digest(tmp_path / "one"), digest(tmp_path / "two")
    assert one["winnipeg_billing/generation_1.json"] != two["winnipeg_billing/generation_1.json"]
    assert one["smart_meters/case_study.db"] != two["smart_meters/case_study.db"]
    for name in ("truth_weather_daily.csv", "truth_capacity_rows.csv"):
        assert one[name] != two[name]


def test_a_world_replaces_a_world_and_nothing_else(tmp_path: Path) -> None:
    make_world(tmp_path / "world", SMALL, only=SPINE)
    make_world(tmp_path / "world", SMALL, only=SPINE)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not a sample world"):
        make_world(tmp_path / "other", SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "world"]


def test_half_hours_decide_the_meters() -> None:
    assert Size().with_half_hours(100_000_000).meters == 12_042
    assert Size(until=date(2020, 10, 24)).with_half_hours(4800).meters == 10


def test_more_meters_come_in_blocks_of_the_same_proportions(tmp_path: Path) -> None:
    truth = make_world(tmp_path / "world", Size(bills=300, meters=70, until=date(2020, 10, 15)), only=SPINE)
    assert truth["meters"]["files"] == 70
    assert truth["meters"]["rows"] == 70 * 48 - truth["meters"]["gaps"]["intervals"]
    assert truth["meters"]["agreements"]["shapes"]["agreements"] == 420
    assert truth["meters"]["meterpoints"]["rows"] == 202
    readings = {path.stem for path in (tmp_path / "world" / "smart_meters" / "readings").iterdir()}
    assert len(readings) == 70


def test_everything_says_that_it_is_synthetic(default_world: Path, fault_set: Path) -> None:
    for folder in (default_world, fault_set):
        assert json.loads((folder / "truth.json").read_text())["synthetic"] is True
        assert "ynthetic" in (folder / "README.md").read_text()


def test_no_fault_of_the_fault_set_is_in_the_world(default_world: Path, fault_set: Path) -> None:
    names = {path.name for path in (fault_set / "smart_meters" / "readings").iterdir()}
    assert not names & {path.name for path in (default_world / "smart_meters" / "readings").iterdir()}
    for path in (default_world / "smart_meters" / "readings").iterdir():
        json.loads(path.read_bytes())


def test_the_fault_set_lists_every_file_it_holds(fault_set: Path, tmp_path: Path) -> None:
    truth = json.loads((fault_set / "truth.json").read_text())
    meters = truth["meters"]
    for part, folder in (("readings", "readings"), ("second_delivery", "second_delivery"), ("databases", "databases")):
        listed = {case["file"] for case in meters[part]}
        assert listed == {path.name for path in (fault_set / "smart_meters" / folder).iterdir()}
    assert {case["outcome"] for case in truth["meters"]["readings"]} == {"landed", "rejected", "unchanged"}
    bills = json.loads((fault_set / "winnipeg_billing" / "generation_1.json").read_bytes())
    assert [row[":id"] for row in bills] == [case["id"] for case in truth["bills"]]
    make_faults(tmp_path / "again")
    assert digest(tmp_path / "again") == digest(fault_set)


def test_broken_files_are_broken_and_odd_ones_are_json(fault_set: Path) -> None:
    truth = json.loads((fault_set / "truth.json").read_text())
    folder = fault_set / "smart_meters" / "readings"
    unreadable = set()
    for case in truth["meters"]["readings"]:
        content = (folder / case["file"]).read_bytes()
        if case["file"].endswith(".gz"):
            continue
        try:
            json.loads(content.decode("utf-8-sig"))
        except ValueError:
            unreadable.add(case["file"])
    assert unreadable == {"malformed.json", "truncated.json", "empty.json", "login_page.json", "not_utf8.json"}
    assert (folder / "bom.json").read_bytes().startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in (folder / "crlf.json").read_bytes()


def test_broken_databases_cannot_be_read_whole(fault_set: Path) -> None:
    for name in ("truncated.db", "corrupt.db", "not_a_database.db"):
        connection = sqlite3.connect(fault_set / "smart_meters" / "databases" / name)
        with pytest.raises(sqlite3.DatabaseError):
            checked = connection.execute("pragma quick_check").fetchall()
            if checked != [("ok",)]:
                raise sqlite3.DatabaseError(checked)
        connection.close()
    connection = sqlite3.connect(fault_set / "smart_meters" / "databases" / "odd_rows.db")
    assert connection.execute("select count(*) from agreement").fetchone() == (11,)
    connection.close()
