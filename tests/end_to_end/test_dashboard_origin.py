"""From a row of any mart back to the delivered file, on a whole house and both engines."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from serving import dictionary
from serving.dashboard.parts import origin
from serving.dashboard.queries import tables
from serving.inspection import Where
from tests.end_to_end.conftest import House

TRIED = 12
# How many rows a row says it was made from, and which quantity of theirs it says it holds.
SAID = {
    "half_hourly_consumption": ("meterpoint_count", "consumption_kwh"),
    "daily_meterpoint_consumption": ("reading_count", "consumption_kwh"),
    "daily_product_consumption": ("meterpoint_count", "consumption_kwh"),
    "monthly_billing": ("bill_shares", None),
    "dim_billing_accounts": ("bills", "amount_due_cad"),
    "fct_weather_daily": ("observation_count", None),
    "computed_metrics": ("reading_count", None),
    "data_quality_daily": ("reading_count", None),
}


pytestmark = pytest.mark.usefixtures("page_of")


@pytest.fixture
def page(page_of: Callable[..., AppTest]) -> Callable[..., AppTest]:
    return lambda **query: page_of("tables", **query)


def some(name: str, *where: Where) -> list[dict[str, Any]]:
    """Rows of a table, spread over what the page shows of it."""
    found = tables.rows(name, where).table.to_pylist()
    return found[:: max(1, len(found) // TRIED)][:TRIED]


def below(name: str, row: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The rows that a row was made from, by table, looked up by what the address would carry."""
    written = origin.written(name, row)
    assert written is not None and origin.ROW.fullmatch(written), written
    values = dict(parse_qsl(written.partition("?")[2], keep_blank_values=True))
    steps = dictionary.tables()[name].made_from
    return [(step.table, tables.beneath(name, step, values).table.to_pylist()) for step in steps]


def marts() -> list[str]:
    return [name for name, one in dictionary.tables().items() if one.layer == "marts"]


def places(name: str, row: dict[str, Any]) -> list[str]:
    """The place in a delivered file of a row, or of the first row with one among those it was made from."""
    written = origin.written(name, row)
    if written is None or origin.PLACE.fullmatch(written):
        return [written] if written else []
    return next((found for table, rows in below(name, row) for one in rows[:1] if (found := places(table, one))), [])


@pytest.mark.parametrize("name", marts())
def test_rows_of_every_mart_lead_to_a_delivered_file(name: str) -> None:
    followed = 0
    for row in some(name):
        for written in places(name, row):
            place = origin.PLACE.fullmatch(written)
            assert place is not None
            landed = tables.files(place["load"], place["file"]).to_pylist()
            assert len(landed) >= 1, written
            assert int(landed[0]["rows"]) >= int(place["row"]) >= 1
            followed += 1
    assert followed >= 1


@pytest.mark.parametrize("name", SAID)
def test_a_row_is_made_from_as_many_rows_and_as_much_as_it_says(name: str) -> None:
    count, quantity = SAID[name]
    tried = [row for row in some(f"marts.{name}") if row[count] < tables.SHOWN]
    assert len(tried) >= 3
    for row in tried:
        ((_, rows),) = below(f"marts.{name}", row)
        assert len(rows) == row[count] > 0, row
        if quantity:
            assert sum(one[quantity] or Decimal(0) for one in rows) == row[quantity], row


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("daily_product_consumption", "product_display_name", "unmapped"),
        ("monthly_billing", "period_bucket", "undated"),
    ],
)
def test_a_bucket_of_what_fits_nowhere_is_followed_too(name: str, column: str, value: str) -> None:
    tried = some(f"marts.{name}", Where(column, "=", value))
    assert len(tried) >= 1
    for row in tried:
        ((_, rows),) = below(f"marts.{name}", row)
        assert len(rows) == row[SAID[name][0]] > 0, row


def test_the_unmapped_days_are_those_of_the_meters_without_an_agreement(house: House) -> None:
    met = {
        one["meterpoint_id"]
        for row in some("marts.daily_product_consumption", Where("product_display_name", "=", "unmapped"))
        for _, rows in below("marts.daily_product_consumption", row)
        for one in rows
    }
    assert met and met <= set(house.truth["meters"]["unmapped"]["meterpoints"])


def test_a_gap_was_made_from_nothing_and_says_so(page: Callable[..., AppTest]) -> None:
    (row, *_) = some("marts.anomalies", Where("anomaly_type", "=", "gap"))
    shown = page(row=origin.written("marts.anomalies", row))
    assert list(shown.exception) == []
    assert "0 rows of marts.fct_sensor_readings" in [one.value for one in shown.caption]


def test_a_day_of_a_product_is_followed_to_the_half_hour_in_its_file(
    house: House, page: Callable[..., AppTest]
) -> None:
    (row, *_) = some("marts.daily_product_consumption", Where("local_date", "=", "2021-03-28"))
    name, written = "marts.daily_product_consumption", ""
    for below_it in ("marts.daily_meterpoint_consumption", "marts.fct_meter_readings", "intermediate."):
        written = origin.written(name, row) or ""
        shown = page(row=written)
        assert [list(shown.exception), list(shown.warning)] == [[], []]
        assert any(f"rows of {below_it}" in one.value for one in shown.caption)
        ((name, rows),) = below(name, row)
        if name == "marts.fct_meter_readings":
            assert len(rows) == 46  # the clocks went forward
        row = rows[0]
    shown = page(row=origin.written(name, row))
    delivered = shown.dataframe[-1].value
    assert list(delivered["meterpoint_id"]) == [row["meterpoint_id"]]
    assert Decimal(delivered["consumption_delta"].iloc[0]) == row["consumption_kwh"]
    assert house.query("select count(*) from raw.meter_readings")[0][0] == house.truth["meters"]["rows"]


@pytest.mark.parametrize(
    "written",
    [
        "marts.daily_meterpoint_consumption?meterpoint_id=' or 1=1 --&local_date=2021-03-01",
        "marts.computed_metrics?node_id=%27%3B+drop+table+marts.anomalies&window_start=2021-03-01",
    ],
)
def test_a_value_in_the_address_is_a_value_and_no_sql(page: Callable[..., AppTest], written: str) -> None:
    shown = page(row=written)
    assert [list(shown.exception), list(shown.error)] == [[], []]
    assert any(one.value.startswith("0 rows of") for one in shown.caption)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("marts.daily_meterpoint_consumption?local_date=yesterday", "local_date is a date: write it as 2021-03-28"),
        ("marts.fct_utility_bills?bill_id=1", "cannot be followed"),
        ("raw.pseudonyms?original=a", "Write the row as"),
        ("nothing.here?a=b", "Write the row as"),
    ],
)
def test_a_row_that_cannot_be_followed_says_why(page: Callable[..., AppTest], written: str, said: str) -> None:
    shown = page(row=written)
    assert list(shown.exception) == []
    assert said in " ".join(one.value for one in shown.warning)
