"""The NAESB timetable at instants worked out by hand: standard time is UTC-6, daylight time UTC-5 in Chicago."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from ingestion.sources.energy_transfer import SOURCE
from ingestion.sources.energy_transfer.timetable import (
    CENTRAL,
    CYCLES,
    cycle_of,
    due,
    due_at,
    gas_day_bounds,
    gas_day_of,
    latest_gas_day,
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("gas_day", "instants"),
    [
        # In winter: 17:00 and 21:00 on the 14th, 13:00, 17:30 and 22:00 on the 15th, 09:00 on the 16th.
        ("2021-01-15", ["14T23:00", "15T03:00", "15T19:00", "15T23:30", "16T04:00", "16T15:00"]),
        # In summer an hour earlier by UTC.
        ("2021-07-15", ["14T22:00", "15T02:00", "15T18:00", "15T22:30", "16T03:00", "16T14:00"]),
        # Clocks go forward at 02:00 on Sunday the 14th of March, within the gas day of the 13th: Final by the new time.
        ("2021-03-13", ["12T23:00", "13T03:00", "13T19:00", "13T23:30", "14T04:00", "14T14:00"]),
        ("2021-03-14", ["13T23:00", "14T03:00", "14T18:00", "14T22:30", "15T03:00", "15T14:00"]),
        # Back at 02:00 on Sunday the 7th of November, within the gas day of the 6th.
        ("2021-11-06", ["05T22:00", "06T02:00", "06T18:00", "06T22:30", "07T03:00", "07T15:00"]),
        ("2021-11-07", ["06T22:00", "07T02:00", "07T19:00", "07T23:30", "08T04:00", "08T15:00"]),
    ],
)
def test_cycles_are_due_at_their_time_in_chicago(gas_day: str, instants: list[str]) -> None:
    found = [due_at(date.fromisoformat(gas_day), cycle) for cycle in CYCLES]
    assert found == [utc(f"{gas_day[:8]}{instant}") for instant in instants]


def test_cycles_follow_each_other_by_their_real_ids() -> None:
    assert " ".join(f"{cycle.id}={cycle.name};" for cycle in CYCLES) == (
        "0=Timely; 1=Evening; 3=Intraday 1; 4=Intraday 2; 7=Intraday 3; 5=Final;"
    )


def test_a_cycle_is_due_from_its_minute_on_and_not_a_second_before() -> None:
    day = date(2021, 4, 6)
    assert [cycle.id for cycle in due(day, utc("2021-04-06T17:59:59"))] == ["0", "1"]
    assert [cycle.id for cycle in due(day, utc("2021-04-06T18:00:00"))] == ["0", "1", "3"]
    assert [cycle.id for cycle in due(day, utc("2021-04-07T13:59:59"))] == ["0", "1", "3", "4", "7"]
    assert [cycle.id for cycle in due(day, utc("2021-04-07T14:00:00"))] == ["0", "1", "3", "4", "7", "5"]
    assert due(day, utc("2021-04-05T21:59:59")) == ()


def test_a_gas_day_begins_at_nine_and_lasts_23_or_25_hours_when_clocks_change() -> None:
    assert gas_day_bounds(date(2021, 3, 13)) == (utc("2021-03-13T15:00"), utc("2021-03-14T14:00"))
    assert gas_day_bounds(date(2021, 11, 6)) == (utc("2021-11-06T14:00"), utc("2021-11-07T15:00"))
    assert gas_day_bounds(date(2021, 7, 1)) == (utc("2021-07-01T14:00"), utc("2021-07-02T14:00"))
    assert gas_day_of(utc("2021-03-14T13:59")) == date(2021, 3, 13)
    assert gas_day_of(utc("2021-03-14T14:00")) == date(2021, 3, 14)
    assert gas_day_of(utc("2021-11-07T14:30")) == date(2021, 11, 6)


def test_gas_days_lie_end_to_end_through_a_year() -> None:
    days = [date(2021, 1, 1) + timedelta(days=number) for number in range(365)]
    bounds = [gas_day_bounds(day) for day in days]
    assert all(one[1] == other[0] for one, other in pairwise(bounds))
    assert {gas_day_of(begins) for begins, _ in bounds} == set(days)
    assert sorted({(ends - begins) / timedelta(hours=1) for begins, ends in bounds}) == [23, 24, 25]


def test_tomorrow_is_the_latest_gas_day_once_its_timely_is_scheduled() -> None:
    assert latest_gas_day(utc("2021-04-06T21:59")) == date(2021, 4, 6)
    assert latest_gas_day(utc("2021-04-06T22:00")) == date(2021, 4, 7)
    assert latest_gas_day(utc("2021-04-07T04:59")) == date(2021, 4, 7)  # 23:59 in Chicago, still the 6th


@pytest.mark.parametrize("text", ["3", "Intraday 1", "Intraday_1", "intraday1", "INTRADAY  1"])
def test_a_cycle_is_known_by_id_and_by_name(text: str) -> None:
    found = cycle_of(text)
    assert found is not None and found.id == "3"


@pytest.mark.parametrize("text", ["2", "6", "8", "", "Best Available"])
def test_what_is_no_cycle_is_none(text: str) -> None:
    assert cycle_of(text) is None


def test_the_source_is_landed_ten_minutes_after_each_cycle_is_due() -> None:
    polled = set()
    for line in SOURCE.crons:
        minute, hours, *rest = line.split()
        assert rest == ["*", "*", "*"]
        polled |= {(int(hour), int(minute)) for hour in hours.split(",")}
    due_and_ten = [datetime.combine(date(2021, 1, 15), cycle.at) + timedelta(minutes=10) for cycle in CYCLES]
    assert polled == {(at.hour, at.minute) for at in due_and_ten}
    assert SOURCE.timezone == CENTRAL.key
