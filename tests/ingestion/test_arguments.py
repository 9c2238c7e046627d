"""What is typed on the command line is either understood or refused: nothing is passed over in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
import typer

from ingestion import registry
from ingestion.arguments import instant, pairs, stretch
from ingestion.source import Param, Source

CAPACITY, WATER = (
    Source(name, name, (), "daily", "none", (), lambda run: ())  # how they read does not matter here
    for name in ("capacity", "water")
)
CAPACITY = replace(CAPACITY, params=(Param("cycle", "ids or names"),))
WATER = replace(WATER, params=(Param("full", "look again", is_switch=True),))


def test_words_that_a_source_knows_are_taken() -> None:
    assert pairs(["cycle=1,Evening"], [CAPACITY]) == {"cycle": "1,Evening"}
    assert pairs(["cycle=a=b", "full=TRUE"], [CAPACITY, WATER]) == {"cycle": "a=b", "full": "TRUE"}
    assert pairs([], [CAPACITY]) == {}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["ciycle=1"], "capacity and water know no 'ciycle'; there are: cycle .*, full"),
        (["cycle=1", "cycle=3"], "'cycle' is given twice"),
        (["cycle="], "'cycle=' is not KEY=VALUE"),
        (["cycle"], "'cycle' is not KEY=VALUE"),
        (["full=maybe"], "full is true or false, not 'maybe'"),
    ],
    ids=["a typo", "given twice", "no value", "no sign", "a switch"],
)
def test_what_no_source_knows_is_refused_and_the_known_are_named(typed: Sequence[str], said: str) -> None:
    with pytest.raises(typer.BadParameter, match=said):
        pairs(list(typed), [CAPACITY, WATER])


def test_a_source_without_words_of_its_own_says_so() -> None:
    with pytest.raises(typer.BadParameter, match="water knows no 'cycle'; there are none"):
        pairs(["cycle=1"], [replace(WATER, params=())])


def test_each_source_says_what_its_words_do() -> None:
    known = {source.name: {param.name for param in source.params} for source in registry.sources()}
    assert {name: known[name] for name in ("openweather", "energy_transfer", "abbanoa")} == {
        "openweather": {"from_lake"},
        "energy_transfer": {"asset", "cycle"},
        "abbanoa": {"accept_shrink", "full"},
    }
    assert all(param.help for source in registry.sources() for param in source.params)


def day(text: str) -> datetime:
    """A day as typer hands it on."""
    return datetime.fromisoformat(text)


def test_days_are_taken_in_their_order() -> None:
    assert stretch(day("2021-03-01"), day("2021-03-01")) == (date(2021, 3, 1), date(2021, 3, 1))
    assert stretch(None, day("2021-03-01")) == (None, date(2021, 3, 1))
    with pytest.raises(typer.BadParameter, match="2021-03-01 lies before 2021-03-02"):
        stretch(day("2021-03-02"), day("2021-03-01"))


@pytest.mark.parametrize("typed", ["0001-01-01", "1899-12-31", "2200-01-01", "9999-12-31"])
def test_a_day_that_no_utility_has_seen_is_refused(typed: str) -> None:
    for since, until in ((day(typed), None), (None, day(typed))):
        with pytest.raises(typer.BadParameter, match="between 1900-01-01 and 2199-12-31"):
            stretch(since, until)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2021-04-06T15:00", "now"])
def test_an_instant_that_means_nothing_definite_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        instant(text)


def test_an_instant_is_taken_with_its_offset() -> None:
    assert instant("2021-04-06T15:00:00+02:00") == datetime(2021, 4, 6, 13, tzinfo=UTC)
