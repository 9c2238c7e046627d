"""Pages of a house in which something is not there yet: each says in words what, and shows the rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from publishing.publish import published_path
from serving.dashboard.queries import water
from tests.end_to_end.conftest import House
from tests.end_to_end.dashboard_pages import captions, metrics, opened, reader, shown

TABLES = "select schema_name, table_name from duckdb_tables() where schema_name in ('marts', 'ledger')"


@pytest.fixture
def own_house(new_house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    yield from reader(new_house, monkeypatch)


def _change(house: House, *statements: str) -> None:
    """Changes the published copy itself: what a young or partial house publishes."""
    with duckdb.connect(str(published_path(Path(house.warehouse.env["WAREHOUSE_PATH"])))) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_house_without_any_source_says_which_has_not_landed(own_house: House) -> None:
    with duckdb.connect(str(published_path(Path(own_house.warehouse.env["WAREHOUSE_PATH"])))) as connection:
        tables = connection.execute(TABLES).fetchall()
    _change(own_house, *(f"delete from {schema}.{table}" for schema, table in tables))
    found = {
        name: [info.value for info in opened(name).info]
        for name in ("consumption", "bills", "weather", "capacity", "water")
    }
    assert found == {
        "consumption": ["No meter reads are published: the source smart_meters has not landed any."],
        "bills": ["No bills are published: the source winnipeg_billing has not landed any."],
        "weather": ["No weather is published: the source openweather has not landed any."],
        "capacity": ["No capacity is published: the source energy_transfer has not landed any."],
        "water": ["No sensor readings are published: the source abbanoa has not landed any."],
    }


def test_reads_without_agreements_are_shown_and_the_lack_is_said(own_house: House) -> None:
    _change(own_house, "delete from marts.dim_agreements", "delete from marts.active_agreements")
    page = opened("consumption")
    assert "No agreement that reads can match was delivered." in [info.value for info in page.info]
    assert metrics(page)["kWh metered"] != "0"


def test_without_an_agreement_in_force_the_last_change_is_the_reference_date(own_house: House) -> None:
    ((day,),) = own_house.ask(
        "select max(greatest(valid_from, coalesce(valid_to, valid_from))) from {marts}.dim_agreements "
        "where is_matchable"
    )
    _change(own_house, "delete from marts.active_agreements")
    assert f"Agreements in force on {day}" in metrics(opened("consumption"))


def test_bills_that_all_lack_a_date_stand_in_no_month(own_house: House) -> None:
    _change(own_house, "delete from marts.monthly_billing where month is not null")
    page = opened("bills")
    assert "No dated bill line in these months for what is chosen." in [info.value for info in page.info]
    assert set(shown(page, "period_bucket")["period_bucket"]) == {"undated"}
    assert metrics(page)["% of lines estimated"] == "no data"


def test_sensors_without_a_node_list_are_shown_without_zones(own_house: House) -> None:
    _change(
        own_house,
        "update marts.dim_nodes set district_id = null, district_name = null, expected_interval_minutes = null, "
        "is_listed = false",
        "delete from marts.network_efficiency",
        "delete from marts.night_flow",
    )
    page = opened("water")
    assert page.selectbox(key="water_zone").options == ["Whole network"]
    words = [info.value for info in page.info]
    assert any(one.startswith("No balance of Whole network") for one in words)
    assert any(one.startswith("No night") for one in words)
    assert shown(page, "avg_flow_lps")["node_id"].nunique() == water.NODES
    assert "Quality of" in captions(page)
