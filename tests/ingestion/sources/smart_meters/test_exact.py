"""Raw holds what was sent: any text letter by letter, any number with its exact value."""

from __future__ import annotations

import json
import tempfile
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.clients.content import raw_names
from ingestion.source import StoredFile
from ingestion.sources.smart_meters import exact
from ingestion.sources.smart_meters.fetch import Delivered
from ingestion.sources.smart_meters.read import _batch, _item
from ingestion.sources.smart_meters.shapes import Inspected, inspect
from tests.ingestion.sources.small_landing import SmallLanding
from tests.ingestion.sources.smart_meters.conftest import deliver, split


@pytest.mark.parametrize(
    ("sent", "landed"),
    [
        ('"007"', "007"),
        ('" 12"', " 12"),
        ('"1e3"', "1e3"),
        ('""', ""),
        ("null", None),
        ('"null"', "null"),
        ("true", "true"),
        ("0", "0"),
        ("1.5", "1.5"),
        ("1.10", "1.1"),  # reprinted, same value: the lake has its letters
        ("1e5", "100000.0"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("-Infinity", "-Infinity"),
        ("1e400", "1e400"),
        ("1e-400", "1e-400"),
        ("5E-324", "5E-324"),
        ("0.1234567890123456789", "0.1234567890123456789"),
        ("9007199254740993", "9007199254740993"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("1" * 5000, "1" * 5000),
        ('"0.1234567890123456789"', "0.1234567890123456789"),
        ('"2021-02-30 00:00:00"', "2021-02-30 00:00:00"),
        ('"1,234.5"', "1,234.5"),
        ('"\\u00e9\\ud83e\\uddea \\u202e \\n\\r\\t\\"\\\\"', 'é🧪 \u202e \n\r\t"\\'),
        ('[1.10, "a"]', '[1.1,"a"]'),
        ('[0.1234567890123456789,"a"]', '[0.1234567890123456789,"a"]'),
        ('{"a":{"b":null}}', '{"a":{"b":null}}'),
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", ["split", "records", "results"])
def test_a_value_lands_as_it_was_sent(
    shape: str, sent: str, landed: str | None, inbox: Path, landing: SmallLanding
) -> None:
    record = f'{{"interval_start":"x","consumption_delta":{sent}}}'
    content = {
        "split": f'{{"columns":["interval_start","consumption_delta"],"data":[["x",{sent}]]}}',
        "records": f"[{record}]",
        "results": f'{{"results":[{record}]}}',
    }[shape]
    deliver(inbox / "a.json", content)
    landing.land()
    assert landing.problems == []
    assert landing.rows("meter_readings", "meterpoint_id", "consumption_delta") == [("a", landed)]


def test_ids_of_digits_keep_their_zeros(inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / "a.json", split([("x", 1, "007"), ("y", 2, "0000000000000000000000000042")]))
    landing.land()
    assert landing.rows("meter_readings", "meterpoint_id") == [("007",), ("0000000000000000000000000042",)]


def test_one_exact_file_does_not_slow_its_neighbours(inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / "a.json", split([("x", 1.5, "m")]))
    deliver(inbox / "b.json", split([("y", 1.5, "m")]).replace("1.5", "1.50000000000000000001"))
    deliver(inbox / "c.json", split([("z", 1.5, "m")]))
    landing.land()
    assert [[len(batch.files), "parquet" in batch.query] for batch in landing.batches] == [[2, False], [1, True]]
    values = {row[0] for row in landing.rows("meter_readings", "consumption_delta")}
    assert values == {"1.5", "1.50000000000000000001"}


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
NUMBERS = st.one_of(
    st.integers().map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=6).map(lambda d: format(d, "f")),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
)


def _landed(folder: Path, shape: str, values: list[str]) -> list[str | None]:
    """The values, given as JSON, after inspection and the batch's own query."""
    rows = [f'{{"interval_start":"x","consumption_delta":{value}}}' for value in values]
    content = {
        "split": '{"columns":["interval_start","consumption_delta"],"data":['
        + ",".join(f'["x",{value}]' for value in values)
        + "]}",
        "records": f"[{','.join(rows)}]",
    }[shape].encode()
    path = folder / "a.json"
    path.write_bytes(content)
    stored = StoredFile("smart_meters/meter_readings/2026-01-01/a.json", path, "0" * 64, len(content))
    delivered = Delivered("file:///a", "a", None, "2021-01-01T00:00:00.000000Z", stored, path, content)

    class Scratch:
        scratch = folder

    (folder / "readings").mkdir(exist_ok=True)
    (found,) = inspect([delivered])
    assert isinstance(found, Inspected), found
    alike, item = _item(Scratch(), delivered, found)  # type: ignore[arg-type]
    query = _batch(alike, [item]).query
    return [row[0] for row in duckdb.sql(f"select consumption_delta from ({query}) order by _source_row").fetchall()]


@pytest.mark.parametrize("shape", ["split", "records"])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts=st.lists(TEXTS, min_size=1, max_size=20), escaped=st.booleans())
def test_any_text_in_is_the_same_text_out(shape: str, texts: list[str], escaped: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sent = [json.dumps(text, ensure_ascii=escaped) for text in texts]
        assert _landed(Path(folder), shape, sent) == texts


@pytest.mark.parametrize("shape", ["split", "records"])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(numbers=st.lists(NUMBERS, min_size=1, max_size=20))
def test_any_number_in_is_the_same_number_out(shape: str, numbers: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        landed = _landed(Path(folder), shape, numbers)
        assert [Decimal(str(value)) for value in landed] == [Decimal(number) for number in numbers]


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXTS, max_size=4))
def test_raw_names_are_what_dlt_makes_of_them(names: list[str]) -> None:
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    from ingestion.clients.content import BadContent

    try:
        given_names = raw_names(names)
    except BadContent:
        return
    for raw in given_names.values():
        assert NamingConvention().normalize_identifier(raw) == raw


@pytest.mark.parametrize(
    ("content", "needed"),
    [
        (split([("2021-01-01 00:30:00", 0.123, "0a1b2c3d4e")]), False),
        (split([("2021-01-01 00:30:00", 0.123, "1200023305967")]), False),
        (split([("2021-01-01 00:30:00", 0.123, "00277f-4754")]), False),
        ('[{"a":123456789.012345}]', False),
        ('[{"a":123456789.0123456}]', True),
        ('[{"a":1e-9}]', True),
        ('[{"a":1.5E-9}]', True),
    ],
)
def test_ordinary_files_do_not_take_the_slow_way(content: str, needed: bool) -> None:
    assert exact.is_needed(content.encode()) is needed
