"""How dbt is run and reported: the settings it gets, and what a person reads of its events."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from publishing import dbt

Event = tuple[str, str, str, dict[str, Any]]


def test_a_set_variable_wins_over_the_file_and_an_empty_one_counts_as_unset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("WAREHOUSE=postgres\nPGHOST=from-file\nPGUSER=\nPGDATABASE=from-file\n")
    monkeypatch.setattr(dbt, "ENV_FILE", tmp_path / ".env")
    monkeypatch.setenv("PGHOST", "from-environment")
    monkeypatch.setenv("WAREHOUSE", "")
    for name in ("PGUSER", "PGDATABASE"):
        monkeypatch.delenv(name, raising=False)
    given = dbt.environment()
    assert (given["WAREHOUSE"], given["PGHOST"], given["PGDATABASE"]) == ("postgres", "from-environment", "from-file")
    assert "PGUSER" not in given


def watched(*events: Event) -> str:
    """What is printed away from a terminal."""

    def stream() -> Iterator[Event]:
        yield from events

    output = io.StringIO()
    dbt._watch(stream(), Console(file=output, width=120))
    return output.getvalue()


def result(number: int, total: int, kind: str = "model", level: str = "info") -> Event:
    info = {"resource_type": kind, "node_name": f"node_{number}"}
    return ("LogTestResult", level, "", {"index": number, "num_models": total, "node_info": info})


STATS: Event = ("StatsLine", "info", "", {"stats": {"error": 0, "skip": 0}})


def test_a_build_that_passes_is_a_few_lines() -> None:
    said = watched(*(result(n, 40, "test" if n % 2 else "model") for n in range(1, 41)), STATS)
    assert said.splitlines() == [
        "  10 of 40 done",
        "  20 of 40 done",
        "  30 of 40 done",
        "  20 models, 20 tests in 0 s: all passed",
    ]


def test_a_failure_is_said_in_full_and_counted() -> None:
    said = watched(
        result(1, 2),
        result(2, 2, "test", "error"),
        ("RunResultFailure", "error", "\x1b[31mFailure in test not_null_m_i (models/m.yml)\x1b[0m", {}),
        ("RunResultError", "error", "  Got 3 results, [configured] to fail if != 0", {}),
        ("StatsLine", "info", "", {"stats": {"error": 1, "skip": 4}}),
    )
    assert said.splitlines() == [
        "Failure in test not_null_m_i (models/m.yml)",
        "  Got 3 results, [configured] to fail if != 0",
        "  1 model, 1 test in 0 s: 1 failed, 4 skipped because of them. The whole log is in logs/dbt.log.",
    ]


def test_a_warning_is_not_lost() -> None:
    assert "deprecated" in watched(("DeprecationWarning", "warn", "x is deprecated", {}), STATS)
