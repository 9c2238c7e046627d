"""An inbox and a database of smart meters, and a landing that reads them."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ingestion.sources.smart_meters import SOURCE
from tests.ingestion.sources.small_landing import SmallLanding

COLUMNS = ("interval_start", "consumption_delta", "meterpoint_id")


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SMART_METERS_READINGS", "SMART_METERS_DATABASE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    monkeypatch.setenv("SMART_METERS_READINGS", str(folder))
    return folder


@pytest.fixture
def landing(tmp_path: Path) -> SmallLanding:
    return SmallLanding(tmp_path, SOURCE)


def split(rows: Iterable[Sequence[Any]], columns: Sequence[str] = COLUMNS) -> str:
    """The shape of ordinary deliveries."""
    return json.dumps({"columns": list(columns), "data": [list(row) for row in rows]}, separators=(",", ":"))


def deliver(path: Path, content: str | bytes, *, days_ago: float = 1) -> Path:
    """Puts a file as if it had come a while ago: one that has just changed is not trusted by its times."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    settled = path.stat().st_mtime - days_ago * 86_400
    os.utime(path, (settled, settled))
    return path


SCHEMA = """
create table agreement (agreement_id integer, agreement_valid_from date, agreement_valid_to date, product_id text,
                        meterpoint_id text, account_id text);
create table product (display_name text, is_variable integer, id integer, product_id text);
create table meterpoint (region text, meterpoint_id text);
insert into agreement values (1, '2020-01-01', '2021-01-01', 'p1', '0a', 'A-1'),
                             (2, '2021-01-01', null, 'p2', '0a', 'A-1');
insert into product values ('Twelve Months Fixed', 0, 39, 'p1'), ('Flexible', 1, 40, 'p2');
insert into meterpoint values ('London', '0a');
"""


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "case_study.db"
    change(path, SCHEMA)
    monkeypatch.setenv("SMART_METERS_DATABASE", str(path))
    return path


def change(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
        connection.commit()
