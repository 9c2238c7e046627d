"""Texts that nobody thought of: both engines answer, and answer the same."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dialects.conftest import Engine

near_numbers = st.text(alphabet="0123456789+-.,eE_ \t", max_size=24)
plain_numbers = st.from_regex(r"[+-]?(?:[0-9]{1,14}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})", fullmatch=True)
scientific_numbers = st.from_regex(r"[+-]?[0-9]\.[0-9]{0,18}[eE][+-]?[0-9]{1,3}", fullmatch=True)
near_stamps = st.builds(
    lambda year, month, day, mark, hour, minute, rest: f"{year}-{month}-{day}{mark}{hour}:{minute}{rest}",
    st.sampled_from(["2020", "2021", "1900", "2000", "0000", "0001", "9999", "221", "20211"]),
    st.sampled_from(["00", "01", "02", "03", "04", "10", "12", "13", "2"]),
    st.sampled_from(["00", "01", "28", "29", "30", "31", "32", "9"]),
    st.sampled_from(["T", " ", "  ", "", "t"]),
    st.sampled_from(["00", "01", "02", "12", "23", "24", "1"]),
    st.sampled_from(["00", "30", "59", "60", "5"]),
    st.sampled_from(
        ["", ":00", ":59", ":60", ":00.000", ":00.1234567", "Z", ":00Z", ":00z", ":00+01:00", ":00-0330", ":00+01",
         ":00+14:59", ":00+15:00", ":00+24:00", ":00 UTC", " ", "x"]
    ),
)  # fmt: skip
# No NUL: PostgreSQL cannot hold one, and landing rejects the file by name.
any_text = st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=30)
batches = st.lists(
    st.one_of(near_numbers, plain_numbers, scientific_numbers, near_stamps, any_text), min_size=1, max_size=300
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=batches)
def test_engines_agree_on_any_text(duckdb_engine: Engine, postgres_engine: Engine, texts: list[str]) -> None:
    ours = duckdb_engine.evaluate(texts)
    theirs = postgres_engine.evaluate(texts)
    assert [row for row in zip(texts, ours, theirs, strict=True) if row[1] != row[2]] == []


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(st.one_of(plain_numbers, scientific_numbers), min_size=1, max_size=200))
def test_numbers_are_what_arithmetic_says(duckdb_engine: Engine, texts: list[str]) -> None:
    found = [row["decimal"] for row in duckdb_engine.evaluate(texts)]
    assert found == [by_arithmetic(text) for text in texts]


def by_arithmetic(text: str) -> Decimal | None:
    """decimal(18, 6) of a plain or scientific number; null where the promise of parse_decimal says so."""
    mantissa, _, exponent = re.sub("E", "e", text).partition("e")
    digits = mantissa.lstrip("+-")
    if exponent and (len(digits) > 18 or not -9 <= int(exponent) <= 12 or len(exponent.lstrip("+-")) > 2):
        return None
    value = Decimal(text).quantize(Decimal("0.000001"), ROUND_HALF_UP)
    return value if abs(value) < 10**12 else None
