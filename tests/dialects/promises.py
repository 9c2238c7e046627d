"""The macro calls that the tests of this room ask, and what each must give. dbt renders all of them in one go."""

# ruff: noqa: DTZ001 -- instants in the warehouse are UTC and bear no zone
from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

PARSES = {
    "text": "parse_text('input')",
    "integer": "parse_integer('input')",
    "decimal": "parse_decimal('input', 18, 6)",
    "money": "parse_decimal('input', 9, 2)",
    "date": "parse_date('input')",
    "instant": "parse_timestamp('input')",
    "london": "parse_timestamp('input', 'Europe/London')",
    "winnipeg": "parse_timestamp('input', 'America/Winnipeg')",
    "day_or_instant": "parse_timestamp('input', 'UTC', true)",
    "boolean": "parse_boolean('input')",
    "epoch": "parse_epoch('input')",
    "objects": "parse_json_objects('input')",
    "comma": "parse_decimal_comma('input', 18, 6)",
    "local_stamp": "parse_local_stamp('input')",
    "lacks_offset": "lacks_offset('input')",
    "says_something": "says_something('input')",
}
"""Each parses the column `input`."""

STAMP = "cast('{}' as timestamp)"


def instant(text: str) -> str:
    return f'"{STAMP.format(text)}"'


WEATHER = json.dumps(r"""'[{"id": 500, "main": "Rain"}, {"id": 701}, {"main": "\"Mi\u00e9\ud83c\udf00"}]'""")
"""A jinja literal of an SQL literal of a JSON list."""

SCALARS: dict[str, tuple[str, Any]] = {
    # A London summer evening belongs to the next local day; the winter one does not.
    "summer": (f"local_date({instant('2021-07-01 23:30:00')}, 'Europe/London')", date(2021, 7, 2)),
    "winter": (f"local_date({instant('2021-01-01 23:30:00')}, 'Europe/London')", date(2021, 1, 1)),
    "repeated_hour_first": (
        f"utc_to_local({instant('2021-10-31 00:30:00')}, 'Europe/London')", datetime(2021, 10, 31, 1, 30),
    ),
    "repeated_hour_second": (
        f"utc_to_local({instant('2021-10-31 01:30:00')}, 'Europe/London')", datetime(2021, 10, 31, 1, 30),
    ),
    "utc_of_utc": (f"local_to_utc({instant('2021-03-28 01:30:00')}, 'UTC')", datetime(2021, 3, 28, 1, 30)),
    "utc_of_skipped_hour": (f"local_to_utc({instant('2021-03-28 01:30:00')}, 'Europe/London')", None),
    "days": ("days_between(\"'2020-02-01'\", \"'2020-03-01'\")", 29),
    "days_back": ("days_between(\"'2020-03-01'\", \"'2020-02-28'\")", -2),
    "day_after": ("add_days(\"'2021-02-28'\", 1)", date(2021, 3, 1)),
    "day_before": ("add_days(\"'2021-03-01'\", -1)", date(2021, 2, 28)),
    "month": ("month_of(\"'2021-12-31'\")", date(2021, 12, 1)),
    "next_month": ("month_after(\"cast('2021-12-01' as date)\")", date(2022, 1, 1)),
    "seconds": (
        f"seconds_between({instant('2021-01-01 00:00:00')}, {instant('2021-01-01 00:02:00.500001')})",
        Decimal("120.500001"),
    ),
    # 7 / 2 is 3.5, a tie goes away from zero, nothing is divided by zero.
    "half": ("ratio('7', '2', 1)", Decimal("3.5")),
    "tie": ("ratio('1', '8', 2)", Decimal("0.13")),
    "negative_tie": ("ratio('-1', '8', 2)", Decimal("-0.13")),
    "no_tie_for_a_double": ("ratio('1.005', '1', 2)", Decimal("1.01")),
    "third": ("ratio('2', '3', 6)", Decimal("0.666667")),
    "negative_denominator": ("ratio('2', '-3', 6)", Decimal("-0.666667")),
    "large": ("ratio('1234567890123456789', '1', 0)", Decimal("1234567890123456789")),
    "by_zero": ("ratio('1', '0', 6)", None),
    "of_null": ("ratio('null', '2', 6)", None),
    "share_tie": ("share(\"cast(0.01 as numeric(18, 2))\", '1', '2', 18, 2)", Decimal("0.01")),
    "share_negative_tie": ("share(\"cast(-0.01 as numeric(18, 2))\", '1', '2', 18, 2)", Decimal("-0.01")),
    "share_below_tie": ("share(\"cast(0.05 as numeric(18, 2))\", '13', '31', 18, 2)", Decimal("0.02")),
    "share_of_units": ("share(\"cast(0.000001 as numeric(18, 6))\", '15', '31', 18, 6)", Decimal("0.000000")),
    "share_of_much": (
        "share(\"cast(9999999999999999.99 as numeric(18, 2))\", '1', '400', 18, 2)", Decimal("25000000000000.00"),
    ),
    "share_of_a_million": (
        "share(\"cast(-999999999.99 as numeric(18, 2))\", '399', '400', 18, 2)", Decimal("-997499999.99"),
    ),
    "share_of_many_units": (
        "share(\"cast(999999999.999999 as numeric(18, 6))\", '399', '400', 18, 6)", Decimal("997499999.999999"),
    ),
    "share_of_null": ("share(\"cast(null as numeric(18, 2))\", '1', '2', 18, 2)", None),
    "objects_counted": (f"json_count({WEATHER})", 3),
    "first_text": (f"json_text({WEATHER}, 1, 'main')", "Rain"),
    "number_as_text": (f"json_text({WEATHER}, 2, 'id')", "701"),
    "second_lacks_it": (f"json_text({WEATHER}, 2, 'main')", None),
    "no_fourth": (f"json_text({WEATHER}, 4, 'main')", None),
    "texts_in_order": (f"json_texts({WEATHER}, 'main', \"', '\")", 'Rain, "Mié\U0001f300'),
    "texts_of_none": (f"json_texts({WEATHER}, 'icon', \"', '\")", None),
    "objects_of_empty_list": ("json_count(\"'[]'\")", 0),
    "no_first": ("json_text(\"'[]'\", 1, 'main')", None),
    "no_texts": ("json_texts(\"'[]'\", 'main', \"', '\")", None),
    "md5": ("md5_text(\"'007'\")", "9e94b15ed312fa42232fd87a55db0d39"),
    "trimmed": ("trimmed(\"' a' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)\")", "a"),
    "not_trimmed": ("trimmed('chr(160)')", "\u00a0"),
}  # fmt: skip
"""Macro call and value."""


def _local_days(zone: str) -> str:
    """Half-hours of each local day of 2021 that has not 48 of them."""
    return (
        "select d, count(*) from (select {{ local_date('i.instant', '" + zone + "') }} as d from ("
        "{{ instants(\"'2021-01-02'\", \"'2021-12-31'\", '30 minutes') }}) as i) as days "
        "where d between '2021-01-03' and '2021-12-29' group by d having count(*) <> 48 order by d"
    )


QUERIES = {
    "half_hours": "select * from ({{ instants(\"'2021-01-01'\", \"'2021-01-02'\", '30 minutes') }}) as i order by 1",
    "clock_changes_london": _local_days("Europe/London"),
    "clock_changes_winnipeg": _local_days("America/Winnipeg"),
    "split": "select unnest({{ split_text(\"'a|b||c'\", \"'|'\") }}) as item",
    "listed": 'select unnest({{ json_list(\'list\') }}) as item from (select \'["a", "b, c", "\u00e9"]\' as list) as t',
    "by_bytes": "select t from (values ('b'), ('B'), ('a'), ('_'), ('\u00e9')) as v (t) order by {{ by_bytes('t') }}",
}
