"""The truth table: one text, one meaning, on every engine."""

# ruff: noqa: DTZ001 -- instants in the warehouse are UTC and bear no zone
from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.dialects.conftest import Engine

NOTHING = ["", " ", " \t\r\n", "N/A", "NULL", "-", None]
"""Say nothing: null, and no failure."""

INTEGERS: dict[str, int | None] = {
    "12345": 12345,
    "-5": -5,
    "+7": 7,
    "0": 0,
    "-0": 0,
    "007": 7,
    " 12\t": 12,
    "12345.0": 12345,
    "12345.": 12345,
    "12345.000": 12345,
    "1,234": 1234,
    "-1,234,567.00": -1234567,
    "9007199254740993": 9007199254740993,
    "9223372036854775807": 9223372036854775807,
    "-9223372036854775808": -9223372036854775808,
    # Not whole, too large, or no number in our eyes.
    "2.5": None,
    "9223372036854775808": None,
    "-9223372036854775809": None,
    "1" * 60: None,
    "1e3": None,
    "1E400": None,
    "1_000": None,
    "0x1F": None,
    "0b11": None,
    "12,34": None,
    "1,2345": None,
    "1 000": None,
    "--5": None,
    "+": None,
    ".": None,
    "NaN": None,
    "Infinity": None,
    "12a": None,
    "twelve": None,
    "１２": None,
    "12\u00a0": None,
    "true": None,
}

DECIMALS: dict[str, str | None] = {
    "12.5": "12.500000",
    "-12.5": "-12.500000",
    "+.5": "0.500000",
    "5.": "5.000000",
    "00012": "12.000000",
    "\n7\r\n": "7.000000",
    "1,234.5": "1234.500000",
    "-1,234,567.891": "-1234567.891000",
    "1e3": "1000.000000",
    "1.5E-05": "0.000015",
    "1e-05": "0.000010",
    "-2.5e+2": "-250.000000",
    "9e12": None,
    # Digits beyond the scale: half away from zero.
    "0.0000005": "0.000001",
    "-0.0000005": "-0.000001",
    "0.00000049": "0.000000",
    "5e-07": "0.000001",
    "4.9999999999999999e-07": "0.000000",
    "0.1234565": "0.123457",
    "0." + "1" * 60: "0.111111",
    # The largest that fits, and what does not.
    "999999999999.999999": "999999999999.999999",
    "999999999999.9999994": "999999999999.999999",
    "999999999999.9999995": None,
    "1000000000000": None,
    "1" * 2000: None,
    "1e400": None,
    "1e-400": None,
    "1e-10": None,
    "NaN": None,
    "nan": None,
    "Infinity": None,
    "-inf": None,
    "1_000": None,
    "1_0.5": None,
    "0x1F": None,
    "12,34": None,
    ",123": None,
    "1,234,56": None,
    "1,234.5,6": None,
    "1.2.3": None,
    "1 234": None,
    "- 5": None,
    "+-5": None,
    "e5": None,
    "1e": None,
    "1e+": None,
    "1e5.5": None,
    "12.5kWh": None,
    "$5": None,
    "0.5\u2009": None,
}

DATES: dict[str, date | None] = {
    "2021-03-28": date(2021, 3, 28),
    " 2021-03-28 ": date(2021, 3, 28),
    "2021-03-28T00:00:00.000": date(2021, 3, 28),
    "2021-03-31T00:00:00.000": date(2021, 3, 31),
    "2021-03-28 00:00:00": date(2021, 3, 28),
    "2021-03-28T00:00": date(2021, 3, 28),
    "2020-02-29": date(2020, 2, 29),
    "2000-02-29": date(2000, 2, 29),
    "2021-12-31": date(2021, 12, 31),
    "0001-01-01": date(1, 1, 1),
    "9999-12-31": date(9999, 12, 31),
    "2021-02-29": None,
    "1900-02-29": None,
    "2021-02-30": None,
    "2021-02-30T00:00:00.000": None,
    "2021-04-31": None,
    "2021-13-01": None,
    "2021-00-10": None,
    "2021-01-00": None,
    "2021-01-32": None,
    "0000-01-01": None,
    "10000-01-01": None,
    "2021-3-8": None,
    "2021/03/28": None,
    "01/02/2021": None,
    "28.03.2021": None,
    "20210328": None,
    "2021-03-28T01:00:00.000": None,
    "2021-03-28T00:00:00Z": None,
    "2021-03-28T": None,
    "2021-03-28x": None,
    "2021-03": None,
    "now": None,
    "today": None,
    "epoch": None,
    "infinity": None,
    "2021-03-28 (BC)": None,
    "2021-03-28 BC": None,
    "March 28, 2021": None,
}

INSTANTS: dict[str, datetime | None] = {
    "2021-01-01T00:00:00.000": datetime(2021, 1, 1),
    "2021-01-01 00:30:00": datetime(2021, 1, 1, 0, 30),
    "2021-01-31 00:30:00": datetime(2021, 1, 31, 0, 30),
    "2021-01-01T00:30": datetime(2021, 1, 1, 0, 30),
    " 2021-01-01 00:30:00\r": datetime(2021, 1, 1, 0, 30),
    "2021-01-01 00:30:00.5": datetime(2021, 1, 1, 0, 30, 0, 500000),
    "2021-01-01 00:30:00.123456": datetime(2021, 1, 1, 0, 30, 0, 123456),
    "2021-01-01T23:59:59Z": datetime(2021, 1, 1, 23, 59, 59),
    "2021-01-01T00:00:00.000Z": datetime(2021, 1, 1),
    "2021-07-01T00:30:00+01:00": datetime(2021, 6, 30, 23, 30),
    "2021-07-31T00:30:00+01:00": datetime(2021, 7, 30, 23, 30),
    "2021-07-01 00:30:00+01": datetime(2021, 6, 30, 23, 30),
    "2021-07-01T00:30:00+0100": datetime(2021, 6, 30, 23, 30),
    "2021-07-01T00:30+01:00": None,
    "2021-07-01T00:30:00.250-05:30": datetime(2021, 7, 1, 6, 0, 0, 250000),
    "2020-02-29T12:00:00Z": datetime(2020, 2, 29, 12),
    "2021-02-29T12:00:00Z": None,
    "2021-02-30 12:00:00": None,
    "2021-01-01 24:00:00": None,
    "2021-01-01 23:60:00": None,
    "2021-01-01 23:59:60": None,
    "2021-01-01 1:30:00": None,
    "2021-01-01  01:30:00": None,
    "2021-01-01": None,
    "2021-01-01T": None,
    "2021-01-01T00:00:00.1234567": None,
    "2021-01-01T00:00:00+15:00": None,
    "2021-01-01T00:00:00+01:60": None,
    "2021-01-01T00:00:00+": None,
    "2021-01-01T00:00:00 +01:00": None,
    "2021-01-01T00:00:00z": None,
    # As BigQuery writes instants.
    "2021-03-28 00:30:00 UTC": datetime(2021, 3, 28, 0, 30),
    "2021-03-31 00:30:00.250000 UTC": datetime(2021, 3, 31, 0, 30, 0, 250000),
    " 2021-03-28 00:30:00 UTC\n": datetime(2021, 3, 28, 0, 30),
    "2021-02-29 00:30:00 UTC": None,
    "2021-03-28 24:30:00 UTC": None,
    "2021-03-28 00:30 UTC": None,
    "2021-03-28 00:30:00UTC": None,
    "2021-03-28 00:30:00  UTC": None,
    "2021-03-28 00:30:00 utc": None,
    "2021-01-01 00:00:00 Europe/London": None,
    "2021-01-01 12:00:00 PM": None,
    "0000-01-01 00:00:00": None,
    "20210101T000000": None,
    "1609459200": None,
    "now": None,
    "infinity": None,
    "epoch": None,
}

LONDON: dict[str, datetime | None] = {
    "2021-01-01 00:30:00": datetime(2021, 1, 1, 0, 30),
    "2021-07-01 00:30:00": datetime(2021, 6, 30, 23, 30),
    # An offset speaks for itself.
    "2021-07-01T00:30:00Z": datetime(2021, 7, 1, 0, 30),
    # Clocks go from 01:00 to 02:00: the hour between never was.
    "2021-03-28 00:59:59": datetime(2021, 3, 28, 0, 59, 59),
    "2021-03-28 01:00:00": None,
    "2021-03-28 01:30:00": None,
    "2021-03-28T01:30": None,
    "2021-03-28 02:00:00": datetime(2021, 3, 28, 1),
    # Clocks go from 02:00 back to 01:00: the later of the two is meant.
    "2021-10-31 00:30:00": datetime(2021, 10, 30, 23, 30),
    "2021-10-31 01:00:00": datetime(2021, 10, 31, 1),
    "2021-10-31 01:30:00": datetime(2021, 10, 31, 1, 30),
    "2021-10-31 02:00:00": datetime(2021, 10, 31, 2),
}

COMMAS: dict[str, str | None] = {
    "1.234,56": "1234.560000",
    "1234,56": "1234.560000",
    "-1.234.567,891": "-1234567.891000",
    "123456,7": "123456.700000",
    "+0,5": "0.500000",
    ",5": "0.500000",
    "5,": "5.000000",
    "12": "12.000000",
    " 21,5\r": "21.500000",
    # A dot stands for thousands: three digits follow it.
    "1.234": "1234.000000",
    "3.2": None,
    "3.20": None,
    "1.2345": None,
    "1234.567": None,
    "1,234.5": None,
    "1.234,567.8": None,
    "1,2,3": None,
    ".5": None,
    "0,0000005": "0.000001",
    "-0,0000005": "-0.000001",
    "999999999999,999999": "999999999999.999999",
    "999.999.999.999,9999995": None,
    "1000000000000": None,
    "1" * 2000: None,
    "1,5E+03": None,
    "1e3": None,
    "NaN": None,
    "---": None,
    "12,5 L/s": None,
    "12,5\u00a0": None,
    "1 234,5": None,
}

LOCAL_STAMPS: dict[str, datetime | None] = {
    "28/03/2021 00:30:00": datetime(2021, 3, 28, 0, 30),
    "2021/03/28 00:30:00": datetime(2021, 3, 28, 0, 30),
    "2021-03-28 00:30:00": datetime(2021, 3, 28, 0, 30),
    "28-03-2021 00:30": datetime(2021, 3, 28, 0, 30),
    "28.03.2021 23:59:59": datetime(2021, 3, 28, 23, 59, 59),
    " 28/03/2021  00:30:00 ": datetime(2021, 3, 28, 0, 30),
    "29/02/2020 12:00:00": datetime(2020, 2, 29, 12),
    # Wall clock: the hour that Rome skips is a stamp like any other here.
    "28/03/2021 02:30:00": datetime(2021, 3, 28, 2, 30),
    "01/02/2021 00:00:00": datetime(2021, 2, 1),
    "29/02/2021 12:00:00": None,
    "31/04/2021 12:00:00": None,
    "32/01/2021 12:00:00": None,
    "01/13/2021 12:00:00": None,
    "00/01/2021 12:00:00": None,
    "01/01/0000 12:00:00": None,
    "2021/02/30 12:00:00": None,
    "2021.03.28 12:00:00": None,
    "28/03/2021 24:00:00": None,
    "28/03/2021 12:60:00": None,
    "28/03/2021": None,
    "28/03/21 12:00:00": None,
    "8/3/2021 12:00:00": None,
    "28/03/2021 9:00:00": None,
    "28/03/2021 12:00:00 UTC": None,
    "28/03/2021 12:00:00+01": None,
    "28/03/202112:00:00": None,
    "99999999999/03/28 12:00:00": None,
    "now": None,
}

WINNIPEG: dict[str, datetime | None] = {
    "2021-03-14 01:30:00": datetime(2021, 3, 14, 7, 30),
    "2021-03-14 02:30:00": None,
    "2021-03-14 03:00:00": datetime(2021, 3, 14, 8),
    "2021-11-07 00:30:00": datetime(2021, 11, 7, 5, 30),
    "2021-11-07 01:30:00": datetime(2021, 11, 7, 7, 30),
}

BOOLEANS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "TRUE", "t", "Yes", "y", "1", " 1 "), True),
    **dict.fromkeys(("false", "False", "f", "no", "N", "0"), False),
    **dict.fromkeys(("2", "1.0", "on", "off", "ja", "maybe"), None),
}

EPOCHS: dict[str, datetime | None] = {
    "0": datetime(1970, 1, 1),
    "-1": datetime(1969, 12, 31, 23, 59, 59),
    "1617580800": datetime(2021, 4, 5),
    "1617580800.0": datetime(2021, 4, 5),
    " 1617580801 ": datetime(2021, 4, 5, 0, 0, 1),
    "-62135596800": datetime(1, 1, 1),
    "253402300799": datetime(9999, 12, 31, 23, 59, 59),
    "-62135596801": None,
    "253402300800": None,
    # Milliseconds, fractions, what is no whole number.
    "1617580800000": None,
    "1617580800.5": None,
    "1.6175808e9": None,
    "9223372036854775807": None,
    "2021-04-05": None,
    "now": None,
    "NaN": None,
}

# Kept to the letter, or refused.
OBJECTS = [
    "[]",
    " [ ] ",
    "[{}]",
    '[{"id":500,"main":"Rain"}]',
    ' [ { "id" : -5.25e-2 , "icon" : null } ,\n{ "a" : true , "b" : false } ]\r',
    '[{"tags": ["a", 1, null], "none": []}]',
    r'[{"a": "\"\\\/\b\f\n\r\t\u0041\u00e9\uffff\ud83c\udf00"}]',
    '[{"": "naïve \U0001f600 \x7f"}]',
]
NO_OBJECTS = [
    "{}",
    "Rain",
    "500",
    "null",
    "[",
    "[{]",
    '[{"a":1},]',
    '[{"a":1,}]',
    '[{"a" 1}]',
    "[{a:1}]",
    "['a']",
    '["a"]',
    "[1]",
    '[{"a":01}]',
    '[{"a":.5}]',
    '[{"a":NaN}]',
    '[{"a":1e400}]',
    '[{"a":"\n"}]',
    '[{"a":"\x01"}]',
    r'[{"a":"\x"}]',
    # NUL and half a character cannot be held; deeper nesting than the promise is refused, not guessed at.
    r'[{"a":"\u0000"}]',
    r'[{"a":"\ud83c"}]',
    r'[{"a":"\udf00\ud83c"}]',
    '[{"a":{"b":1}}]',
    '[{"a":[[1]]}]',
    '[{"a":"b}]',
    "[]x",
]

TEXTS: dict[str, str | None] = {
    "007": "007",
    " 12": " 12",
    "1e3": "1e3",
    "N/A": "N/A",
    "-": "-",
    "=cmd|' /C calc'!A0": "=cmd|' /C calc'!A0",
    "naïve \U0001f600 \u202eRTL": "naïve \U0001f600 \u202eRTL",
    "": None,
    "  ": None,
    "\t\n": None,
}

TABLES: list[tuple[str, dict[str, Any]]] = [
    ("integer", INTEGERS),
    ("decimal", {text: None if value is None else Decimal(value) for text, value in DECIMALS.items()}),
    ("date", DATES),
    ("instant", INSTANTS),
    ("london", LONDON),
    ("winnipeg", WINNIPEG),
    ("boolean", BOOLEANS),
    ("epoch", EPOCHS),
    ("objects", {**{text: text for text in OBJECTS}, **dict.fromkeys(NO_OBJECTS)}),
    ("comma", {text: None if value is None else Decimal(value) for text, value in COMMAS.items()}),
    ("local_stamp", LOCAL_STAMPS),
    ("text", TEXTS),
]


@pytest.mark.parametrize(("parse", "truth"), TABLES, ids=[name for name, _ in TABLES])
def test_each_text_has_one_meaning(engine: Engine, parse: str, truth: dict[str, Any]) -> None:
    found = {text: row[parse] for text, row in zip(truth, engine.evaluate(list(truth)), strict=True)}
    assert found == truth


@pytest.mark.parametrize("parse", [name for name, _ in TABLES if name != "text"])
def test_the_listed_words_for_nothing_are_null_and_no_failure(engine: Engine, parse: str) -> None:
    for row in engine.evaluate(NOTHING):
        assert row[parse] is None
        assert not row["says_something"]


def test_other_words_for_nothing_are_failures(engine: Engine) -> None:
    words = ["n/a", "null", "None", "--", "nil", "?", "NaN", "\u00a0"]
    assert [row["says_something"] for row in engine.evaluate(words)] == [True] * len(words)


def test_a_day_alone_is_an_instant_only_where_it_may_be(engine: Engine) -> None:
    (row,) = engine.evaluate(["2021-03-31"])
    assert row["instant"] is None
    assert row["day_or_instant"] == datetime(2021, 3, 31)


def test_money_rounds_to_the_cent_half_away_from_zero(engine: Engine) -> None:
    texts = ["0.005", "-0.005", "0.0049", "1234567.894", "1234567.895", "9999999.994", "9999999.995", "-9999999.995"]
    expected = ["0.01", "-0.01", "0.00", "1234567.89", "1234567.90", "9999999.99", None, None]
    found = [row["money"] for row in engine.evaluate(texts)]
    assert found == [None if text is None else Decimal(text) for text in expected]


def test_a_stamp_knows_whether_it_says_its_offset(engine: Engine) -> None:
    with_offset = [
        "2021-03-28 00:30:00 UTC",
        "2021-03-28T00:30:00Z",
        "2021-03-28 00:30:00+00",
        "2021-07-01 00:30:00-03:30",
    ]
    without = ["2021-03-28 00:30:00", "2021-03-28T00:30:00.250"]
    found = [row["lacks_offset"] for row in engine.evaluate([*with_offset, *without])]
    assert found == [False] * 4 + [True] * 2
