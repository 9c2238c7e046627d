"""dbt over hand-written postings, load by load, on both engines: every number was worked out by hand."""

# ruff: noqa: DTZ001 -- instants in the warehouse are UTC and bear no zone
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.capacity.postings import LOADS, TIMELY, TIMELY_AGAIN
from tests.conftest import TestWarehouse, duckdb_warehouse, postgres_warehouse
from tests.metering.raw_meters import create_raw, dbt
from tests.postgres_server import fresh_database
from tests.raw_rows import land

Rows = list[tuple[Any, ...]]
SELECT = "+path:models/marts/capacity +conservation_energy_transfer"
BARE = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
MARTS = (
    "marts.fct_operational_capacity", "marts.capacity_best_available", "marts.capacity_revisions",
    "marts.capacity_utilisation", "marts.dim_locations", "intermediate.conservation_energy_transfer",
)  # fmt: skip
MARCH, NOVEMBER = date(2021, 3, 15), date(2021, 11, 6)


@dataclass
class Told:
    """One engine's warehouse after all loads, and every mart after each build."""

    warehouse: TestWarehouse
    folder: Path
    after: list[dict[str, Rows]]

    def ask(self, sql: str) -> Rows:
        return self.warehouse.query(sql)


def run(warehouse: TestWarehouse, folder: Path, *arguments: str, **variables: str) -> None:
    dbt(warehouse, folder, *arguments, "--indirect-selection", "cautious", variables=variables, select=SELECT)


def marts(warehouse: TestWarehouse) -> dict[str, Rows]:
    """Every mart, rows sorted, values as text. Loads are left out: they say how this warehouse came to hold a row."""
    found = {}
    for table in MARTS:
        schema, name = table.split(".")
        columns = warehouse.query(
            "select column_name from information_schema.columns where column_name <> '_dlt_load_id' "
            f"and table_schema = '{schema}' and table_name = '{name}' order by ordinal_position"
        )
        listed = ", ".join(str(column) for (column,) in columns)
        found[table] = sorted(tuple(map(str, row)) for row in warehouse.query(f"select {listed} from {table}"))
    return found


def tell(warehouse: TestWarehouse, folder: Path) -> Told:
    create_raw(warehouse)
    told = Told(warehouse, folder, [])
    for number, files in enumerate(LOADS, 1):
        land(warehouse, number, "energy_transfer", "operational_capacity", files)
        if number != 2:  # one build finds two new loads
            # The data tests of the models run once, over everything.
            run(warehouse, folder, "build", *(() if number == len(LOADS) else BARE))
            told.after.append(marts(warehouse))
    return told


TOLD: dict[str, Told] = {}


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_session: dict[str, str]
) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp(request.param)
    with fresh_database(postgres_session) as settings:
        duckdb = request.param == "duckdb"
        TOLD[request.param] = tell(duckdb_warehouse(folder) if duckdb else postgres_warehouse(folder, settings), folder)
        yield TOLD[request.param]


def dth(*values: str | None) -> tuple[Decimal | None, ...]:
    return tuple(None if value is None else Decimal(value) for value in values)


def test_the_latest_posting_of_each_cycle_stands(told: Told) -> None:
    found = told.ask(
        "select cycle_name, posting_number, loc, flow_direction, location_name, design_capacity_dth, "
        "operating_capacity_dth, scheduled_quantity_dth, available_capacity_dth from marts.fct_operational_capacity "
        f"where gas_day = '{MARCH}' order by cycle_order, loc, flow_direction"
    )
    hub, mesa = "NORTH  HUB", "MESA"
    assert found == [
        ("Timely", 2, "1001", "delivery", hub, *dth("1000", "900", "650", "250")),
        ("Timely", 2, "1001", "receipt", hub, *dth("500", "500", "500", "0")),
        ("Timely", 2, "2002", "delivery", mesa, *dth("70", None, None, None)),
        ("Timely", 2, "3003", "delivery", "CLOSED", *dth("40", "0", "5", "0")),
        ("Evening", 1, "1001", "delivery", hub, *dth("1000", "1100", "1150", "0")),
        ("Evening", 1, "1001", "receipt", hub, *dth("500", "500", "400", "100")),
        ("Evening", 1, "2002", "delivery", mesa, *dth("70", "60", "10", "50")),
        ("Evening", 1, "4004", "receipt", "NEW", *dth("2000", "1234", "1200", "34")),
        # Of the line that stands twice the later one.
        ("Final", 1, "1001", "delivery", hub, *dth("1000", "900", "700", "200")),
        ("Final", 1, "1001", "receipt", hub, *dth("500", "500", "450", "50")),
        ("Final", 1, "2002", "delivery", mesa, *dth("70", "60", "10", "50")),
        ("Final", 1, "3003", "delivery", "CLOSED", *dth("40", "0", "0", "0")),
    ]


def test_gas_days_of_clock_changes_have_23_and_25_hours(told: Told) -> None:
    found = told.ask("select distinct gas_day, starts_at, ends_at from marts.fct_operational_capacity order by 1")
    assert found == [
        (date(2021, 3, 13), datetime(2021, 3, 13, 15), datetime(2021, 3, 14, 14)),
        (MARCH, datetime(2021, 3, 15, 14), datetime(2021, 3, 16, 14)),
        (NOVEMBER, datetime(2021, 11, 6, 14), datetime(2021, 11, 7, 15)),
    ]


def test_a_location_that_the_best_cycle_leaves_out_is_counted_without_quantities(told: Told) -> None:
    found = told.ask(
        "select cycle_name, loc, flow_direction, last_posted_cycle_id, is_posted, operating_capacity_dth, "
        f"scheduled_quantity_dth from marts.capacity_best_available where gas_day = '{MARCH}' order by loc, 3"
    )
    assert found == [
        ("Final", "1001", "delivery", "5", True, *dth("900", "700")),
        ("Final", "1001", "receipt", "5", True, *dth("500", "450")),
        ("Final", "2002", "delivery", "5", True, *dth("60", "10")),
        ("Final", "3003", "delivery", "5", True, *dth("0", "0")),
        # Evening was the last to have it.
        ("Final", "4004", "receipt", "1", False, None, None),
    ]


def test_steps_follow_the_timetable_and_a_repost_is_one_of_its_own(told: Told) -> None:
    def steps(loc: str, flow: str) -> Rows:
        return told.ask(
            "select step_number, cycle_name, is_repost, change, previous_scheduled_quantity_dth, "
            "scheduled_quantity_dth, scheduled_change_dth from marts.capacity_revisions "
            f"where gas_day = '{MARCH}' and loc = '{loc}' and flow_direction = '{flow}' order by step_number"
        )

    assert steps("1001", "delivery") == [
        (1, "Timely", False, "first", *dth(None, "600", None)),
        (2, "Timely", True, "changed", *dth("600", "650", "50")),
        (3, "Evening", False, "changed", *dth("650", "1150", "500")),
        (4, "Final", False, "changed", *dth("1150", "700", "-450")),
    ]
    assert [step[3] for step in steps("1001", "receipt")] == ["first", "unchanged", "changed", "changed"]
    assert steps("2002", "delivery")[1:] == [
        (2, "Timely", True, "unknown", *dth(None, None, None)),
        (3, "Evening", False, "unknown", *dth(None, "10", None)),
        (4, "Final", False, "unchanged", *dth("10", "10", "0")),
    ]
    assert steps("3003", "delivery")[1:] == [
        (2, "Timely", True, "changed", *dth("0", "5", "5")),
        (3, "Evening", False, "disappeared", *dth("5", None, None)),
        (4, "Final", False, "appeared", *dth(None, "0", None)),
    ]
    assert steps("4004", "receipt") == [
        (3, "Evening", False, "appeared", *dth(None, "1200", None)),
        (4, "Final", False, "disappeared", *dth("1200", None, None)),
    ]


def test_utilisation_is_never_infinite_and_constraint_follows_its_rule(told: Told) -> None:
    found = told.ask(
        "select gas_day, cycle_name, loc, flow_direction, utilisation_ratio, is_constrained, is_best_available "
        "from marts.capacity_utilisation order by 1, 2, 3, 4"
    )
    ratio = Decimal
    assert found == [
        (date(2021, 3, 13), "Final", "1001", "delivery", ratio("0.125"), False, True),
        (date(2021, 3, 13), "Final", "3003", "delivery", None, False, True),
        (MARCH, "Evening", "1001", "delivery", ratio("1.045455"), True, False),
        (MARCH, "Evening", "1001", "receipt", ratio("0.8"), False, False),
        (MARCH, "Evening", "2002", "delivery", ratio("0.166667"), False, False),
        (MARCH, "Evening", "4004", "receipt", ratio("0.972447"), False, False),
        (MARCH, "Final", "1001", "delivery", ratio("0.777778"), False, True),
        (MARCH, "Final", "1001", "receipt", ratio("0.9"), False, True),
        (MARCH, "Final", "2002", "delivery", ratio("0.166667"), False, True),
        (MARCH, "Final", "3003", "delivery", None, False, True),
        (MARCH, "Timely", "1001", "delivery", ratio("0.722222"), False, False),
        # All of it is scheduled and nothing left; nothing is known; more is scheduled than a closed location can take.
        (MARCH, "Timely", "1001", "receipt", ratio("1"), True, False),
        (MARCH, "Timely", "2002", "delivery", None, None, False),
        (MARCH, "Timely", "3003", "delivery", None, True, False),
        # Room is left, but more was nominated than there is.
        (NOVEMBER, "Timely", "1001", "delivery", ratio("0.666667"), True, True),
    ]


def test_locations_have_a_history_though_an_earlier_gas_day_was_landed_later(told: Told) -> None:
    found = told.ask(
        "select loc, flow_direction, version_number, location_name, design_capacity_dth, operating_capacity_dth, "
        "valid_from, valid_until, is_current from marts.dim_locations order by 1, 2, 3"
    )
    first = date(2021, 3, 13)
    assert found == [
        ("1001", "delivery", 1, "NORTH HUB OLD", *dth("800", "800"), first, MARCH, False),
        ("1001", "delivery", 2, "NORTH  HUB", *dth("1000", "900"), MARCH, None, True),
        # Gas days that nobody landed end nothing; 6 November was landed, without these.
        ("1001", "receipt", 1, "NORTH  HUB", *dth("500", "500"), MARCH, NOVEMBER, False),
        ("2002", "delivery", 1, "MESA", *dth("70", "60"), MARCH, NOVEMBER, False),
        ("3003", "delivery", 1, "CLOSED", *dth("40", "0"), first, NOVEMBER, False),
        ("4004", "receipt", 1, "NEW", *dth("2000", "1234"), MARCH, NOVEMBER, False),
    ]


def test_every_line_and_every_dth_is_accounted_for(told: Told) -> None:
    # Landed: 4 + 4, 4 + 2, 6 + 4, 1 lines. Of Final one line is replaced by the next (1 dth) and one rejected (9 dth).
    # dth: Timely 1100, then 1155; Evening 2760, twice; 13 March 100; Final 1160; November 600.
    found = told.ask(
        "select hop, measure, amount_in, kept, superseded, rejected, unmapped "
        "from intermediate.conservation_energy_transfer"
    )
    lines, standing = "raw operational_capacity to lines", "lines to fct_operational_capacity"
    steps, best = "lines to capacity_revisions", "fct_operational_capacity to capacity_best_available"
    assert sorted(found) == sorted(
        [
            (lines, "rows", 25, 23, 1, 1, 0),
            (lines, "dth", 9645, 9635, 1, 9, 0),
            # The first Timely, and Evening's repeat.
            (standing, "rows", 23, 15, 8, 0, 0),
            (standing, "dth", 9635, 5775, 3860, 0, 0),
            (steps, "rows", 23, 19, 4, 0, 0),
            (steps, "dth", 9635, 6875, 2760, 0, 0),
            (best, "rows", 15, 7, 8, 0, 0),
            (best, "dth", 5775, 1860, 3915, 0, 0),
            ("locations of gas days to capacity_best_available", "rows", 8, 7, 0, 0, 1),
        ]
    )


def test_what_was_known_before_the_repost_can_be_built_again_and_the_next_build_catches_up(told: Told) -> None:
    run(told.warehouse, told.folder, "run", known_at="2026-01-01T01:30:00Z")
    assert marts(told.warehouse) == told.after[0]
    assert told.ask(
        "select cycle_name, posting_number, scheduled_quantity_dth from marts.fct_operational_capacity "
        "where loc = '1001' and flow_direction = 'delivery' order by cycle_order"
    ) == [("Timely", 1, Decimal(600)), ("Evening", 1, Decimal(1150))]
    run(told.warehouse, told.folder, "run")
    assert marts(told.warehouse) == told.after[-1]


def test_engines_say_the_same_after_each_load(told: Told) -> None:
    if told.warehouse.engine == "postgres":
        for ours, theirs in zip(TOLD["duckdb"].after, told.after, strict=True):
            assert ours == theirs


def test_postings_landed_in_another_order_and_other_loads_end_in_the_same_marts(told: Told, tmp_path: Path) -> None:
    if told.warehouse.engine == "postgres":
        return  # once is enough: that both engines say the same is tested above
    files = {name: rows for load in LOADS for name, rows in load.items()}
    warehouse = duckdb_warehouse(tmp_path)
    create_raw(warehouse)
    for number, names in enumerate((("november", "timely-again", "final"), ("timely", "final-13", "evening")), 1):
        part = {name: files[name] for name in names}
        land(warehouse, number, "energy_transfer", "operational_capacity", part)
        run(warehouse, tmp_path, "build", *BARE)
    shuffled = marts(warehouse)
    # The ledger counts loads as they came: the repeat of Evening was not landed here.
    expected = {table: rows for table, rows in told.after[-1].items() if table.startswith("marts.")}
    assert {table: shuffled[table] for table in expected} == expected
    run(warehouse, tmp_path, "run", "--full-refresh")
    assert marts(warehouse) == shuffled


def test_a_posting_landed_after_the_one_that_replaced_it_is_numbered_before_it(tmp_path: Path) -> None:
    warehouse = duckdb_warehouse(tmp_path)
    create_raw(warehouse)
    found = []
    for number, files in enumerate(({"timely-again": TIMELY_AGAIN}, {"timely": TIMELY}), 1):
        land(warehouse, number, "energy_transfer", "operational_capacity", files)
        run(warehouse, tmp_path, "build", *BARE)
        found += warehouse.query("select distinct posting_number from marts.capacity_best_available")
    assert found == [(1,), (2,)]
