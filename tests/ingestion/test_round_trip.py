"""Any text in, the same text in raw, on both engines."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ingestion.house import House

AWKWARD = [
    "", None, "\\N", "\\.", '"', '""', "'", "\\", ",", "\n", "\r", "\r\n", "\t", " leading", "trailing ", "a\nb", 'a"b',
    '"quoted"', "\\\\N", "NULL", "null", "NaN", "007", "-0", "1e400", "12345.0", "2021-02-30", "1,234.5", "é",
    "e\u0301", "😀", "مرحبا", "\u202eabc", "\ufeffbom", "\u2028", "\x01\x1f\x7f", "{}", "[1]", "=1+1", "%s",
    "%(x)s", ":p", "$$", "\\x41", "0x1F", "x" * 70_000, "\ud7ff\ue000\U0010ffff", "\n\\.\n", "a\n\\.\nb", "\\.\n",
]  # fmt: skip

TEXT = st.one_of(
    st.none(),
    st.sampled_from(AWKWARD),
    # PostgreSQL has no NUL, which readers refuse by name; a lone surrogate is no text at all.
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40),
)


def test_awkward_texts_land_as_they_were_sent(house: House) -> None:
    rows = [
        (f"m{number}", text, other) for number, (text, other) in enumerate(zip(AWKWARD, reversed(AWKWARD), strict=True))
    ]
    house.deliver("awkward", rows)
    outcome = house.land()
    assert (outcome.status, outcome.rows) == ("ok", len(AWKWARD))
    assert house.rows() == rows


def test_five_megabytes_of_text_land_whole(house: House) -> None:
    text = "".join(chr(0x20 + number % 0x2000) for number in range(5_000_000 // 3)).replace("\x7f", "-")
    text = "".join(character for character in text if not "\ud800" <= character <= "\udfff")
    house.deliver("large", [("m1", text, "after")])
    house.land()
    assert house.rows() == [("m1", text, "after")]


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(rows=st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=60))
def test_any_text_in_is_the_same_text_in_raw(house: House, rows: list[tuple[str | None, ...]]) -> None:
    before = house.count("fake_readings") if house.warehouse.query(EXISTS)[0][0] else 0
    for path in house.folder.glob("*/*.json"):
        path.unlink()
    house.deliver("drawn", rows)
    outcome = house.land()
    if outcome.status == "unchanged":  # the same rows were drawn before
        return
    assert outcome.problems == []
    landed = house.warehouse.query(
        "select meterpoint_id, interval_start, consumption_delta from raw.fake_readings "
        "where _dlt_load_id = (select max(_dlt_load_id) from raw.fake_readings) order by _source_row"
    )
    assert landed == rows
    assert house.count("fake_readings") == before + len(rows)


EXISTS = "select count(*) from information_schema.tables where table_schema = 'raw' and table_name = 'fake_readings'"


@pytest.mark.parametrize("size", [1, 3000])
def test_row_numbers_are_positions_in_the_file(house: House, size: int) -> None:
    house.deliver("positions", [(f"m{number}", "", None) for number in range(1, size + 1)])
    house.land()
    found = house.rows(columns="meterpoint_id, _source_row")
    assert found == [(f"m{number}", number) for number in range(1, size + 1)]
