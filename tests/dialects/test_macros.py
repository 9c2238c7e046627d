"""Calendar, arithmetic and list macros keep their promises on every engine."""

# ruff: noqa: DTZ001 -- instants in the warehouse are UTC and bear no zone
from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from tests.dialects.conftest import Engine
from tests.dialects.promises import SCALARS


def test_each_macro_keeps_its_promise(engine: Engine) -> None:
    (row,) = engine.ask("scalars")
    found = dict(zip(SCALARS, row, strict=True))
    assert found == {name: value for name, (_, value) in SCALARS.items()}
    for name, (_, value) in SCALARS.items():
        assert type(found[name]) is type(value), name
        if isinstance(value, Decimal):
            assert str(found[name]) == str(value), name


def test_instants_are_half_open(engine: Engine) -> None:
    found = [row[0] for row in engine.ask("half_hours")]
    assert (len(found), found[0], found[-1]) == (48, datetime(2021, 1, 1), datetime(2021, 1, 1, 23, 30))


def test_days_of_a_clock_change_have_46_and_50_half_hours(engine: Engine) -> None:
    assert engine.ask("clock_changes_london") == [(date(2021, 3, 28), 46), (date(2021, 10, 31), 50)]
    assert engine.ask("clock_changes_winnipeg") == [(date(2021, 3, 14), 46), (date(2021, 11, 7), 50)]


def test_lists_become_rows(engine: Engine) -> None:
    assert sorted(row[0] for row in engine.ask("split")) == ["", "a", "b", "c"]
    assert sorted(row[0] for row in engine.ask("listed")) == ["a", "b, c", "é"]


def test_text_is_ordered_by_its_bytes(engine: Engine) -> None:
    assert [row[0] for row in engine.ask("by_bytes")] == ["B", "_", "a", "b", "é"]
