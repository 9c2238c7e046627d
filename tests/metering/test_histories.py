"""Type 2 histories of what comes as full snapshots: every version was worked out by hand, load n lands at hour n.

load 1  p1 Fixed, p2 Flexible; agreement 11 of account 1 on p1, 12 twice; meter points m1, m2
load 2  the same products again: no news; agreement 11 gets an end; an agreement without a number
load 3  p1 gets a name, p2 is gone, p3 is new; agreement 12 is gone
load 4  p2 returns as it was, p3 is gone; agreement 12 returns on another product; m2 moves
load 5  two files of products; the one whose name sorts last was delivered first
load 6  p2 twice, with the numbers 102 and 104: the higher one stands; all agreements are gone
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TestWarehouse, duckdb_warehouse, postgres_warehouse
from tests.metering.raw_meters import Load, create_raw, dbt, deliver, land, load_id
from tests.postgres_server import fresh_database

HISTORIES = "+product_history +agreement_history +meterpoint_history"
FIXED, FLEXIBLE = ("Fixed", "0", "101", "p1"), ("Flexible", "1", "102", "p2")
NAMED, THIRD = ("Fixed 12M", "0", "101", "p1"), ("Third", "0", "103", "p3")
A11 = ("11", "2020-01-01", None, "p1", "m1", "account 1")
A11_ENDED = ("11", "2020-01-01", "2021-06-01", "p1", "m1", "account 1")
A12 = ("12", "2020-01-01", None, "p1", "m2", "account 2")
A12_OTHER = ("12", "2020-01-01", None, "p2", "m2", "account 2")
NUMBERLESS = ("none", "2020-01-01", None, "p1", "m1", "account 1")

LOADS = [
    Load(products=[FIXED, FLEXIBLE], agreements=[A11, A12, A12], meterpoints=[("London", "m1"), ("London", "m2")]),
    Load(products=[FIXED, FLEXIBLE], agreements=[A11_ENDED, A12, NUMBERLESS]),
    Load(products=[NAMED, THIRD], agreements=[A11_ENDED]),
    Load(
        products=[NAMED, FLEXIBLE], agreements=[A11_ENDED, A12_OTHER],
        meterpoints=[("London", "m1"), ("Yorkshire", "m2")],
    ),
    Load(),
    Load(products=[("Last", "0", "101", "p1"), FLEXIBLE, ("Flexible", "1", "104", "p2")], agreements=[]),
]  # fmt: skip

TIMES = "extract(hour from valid_from), extract(hour from valid_until)"
PRODUCTS = (
    "select product_id, version_number, change, display_name, product_number, delivered_rows, is_delivered, "
    f"is_current, {TIMES}, _source_row from marts.product_history order by 1, 2"
)
Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_session: dict[str, str]
) -> Iterator[tuple[TestWarehouse, Path]]:
    folder = tmp_path_factory.mktemp(request.param)
    with fresh_database(postgres_session) as settings:
        duckdb = request.param == "duckdb"
        warehouse = duckdb_warehouse(folder) if duckdb else postgres_warehouse(folder, settings)
        create_raw(warehouse)
        for number, load in enumerate(LOADS, 1):
            land(warehouse, number, load)
        between = [("Between", "0", "101", "p1"), FLEXIBLE]
        deliver(warehouse, 5, "products", "a-later.db", [("Last", "0", "101", "p1"), FLEXIBLE], "2026-01-01T04:30:00Z")
        deliver(warehouse, 5, "products", "z-earlier.db", between, "2026-01-01T04:20:00Z")
        for account in ("account 1", "account 2"):
            warehouse.query(f"insert into raw.pseudonyms values ('{account}', 'key of {account}', 'k', '{load_id(1)}')")
        # The data tests of the histories run with it: nothing overlaps, nothing is missing.
        dbt(warehouse, folder, "build", "--indirect-selection", "cautious", select=HISTORIES)
        yield warehouse, folder


def hours(rows: Rows) -> Rows:
    """Rows with their hours as whole numbers: one engine extracts another type than the other."""
    return [tuple(int(v) if v is not None and not isinstance(v, str | bool) else v for v in row) for row in rows]


P1_UNTIL_4 = [
    ("p1", 1, "added", "Fixed", 101, 1, True, False, 1, 3, 1),
    ("p1", 2, "changed", "Fixed 12M", 101, 1, True, False, 3, 5, 1),
]
P2 = [
    ("p2", 1, "added", "Flexible", 102, 1, True, False, 1, 3, 2),
    ("p2", 2, "removed", "Flexible", 102, 0, False, False, 3, 4, None),
    ("p2", 3, "returned", "Flexible", 102, 1, True, False, 4, 6, 2),
    ("p2", 4, "changed", "Flexible", 104, 2, True, True, 6, None, 3),
]


def test_change_removal_and_return_are_versions_and_a_redelivery_is_none(told: tuple[TestWarehouse, Path]) -> None:
    assert hours(told[0].query(PRODUCTS)) == [
        *P1_UNTIL_4,
        # Known for no time at all: the file delivered later came in the same load.
        ("p1", 3, "changed", "Between", 101, 1, True, False, 5, 5, 1),
        ("p1", 4, "changed", "Last", 101, 1, True, True, 5, None, 1),
        *P2,
        ("p3", 1, "added", "Third", 103, 1, True, False, 3, 4, 2),
        ("p3", 2, "removed", "Third", 103, 0, False, True, 4, None, None),
    ]


def test_agreements_keep_their_own_time_and_a_pseudonym(told: tuple[TestWarehouse, Path]) -> None:
    found = told[0].query(
        "select agreement_id, version_number, change, account_key, product_id, cast(agreement_valid_to as varchar), "
        f"delivered_rows, {TIMES}, _source_file "
        "from marts.agreement_history order by 1, 2"
    )
    one, two = "key of account 1", "key of account 2"
    assert [row[:-1] for row in hours(found)] == [
        (11, 1, "added", one, "p1", None, 1, 1, 2),
        (11, 2, "changed", one, "p1", "2021-06-01", 1, 2, 6),
        (11, 3, "removed", one, "p1", "2021-06-01", 0, 6, None),
        (12, 1, "added", two, "p1", None, 2, 1, 3),
        (12, 2, "removed", two, "p1", None, 0, 3, 4),
        (12, 3, "returned", two, "p2", None, 1, 4, 6),
        # An empty snapshot is a delivery like any other.
        (12, 4, "removed", two, "p2", None, 0, 6, None),
    ]
    # A removal leads to the delivery that lacked it.
    assert found[2][-1] == "smart_meters/database/0006.db"


def test_meter_points_move(told: tuple[TestWarehouse, Path]) -> None:
    assert hours(told[0].query(
        f"select meterpoint_id, change, region, is_current, {TIMES} from marts.meterpoint_history "
        "order by meterpoint_id, version_number"
    )) == [
        ("m1", "added", "London", True, 1, None),
        ("m2", "added", "London", False, 1, 4),
        ("m2", "changed", "Yorkshire", True, 4, None),
    ]  # fmt: skip


def test_an_earlier_knowledge_has_the_versions_of_then(told: tuple[TestWarehouse, Path]) -> None:
    warehouse, folder = told
    dbt(warehouse, folder, "run", variables={"known_at": "2026-01-01T03:30:00Z"}, select=HISTORIES)
    found = hours(warehouse.query(PRODUCTS))
    dbt(warehouse, folder, "run", select=HISTORIES)
    assert found == [
        P1_UNTIL_4[0],
        (*P1_UNTIL_4[1][:7], True, 3, None, 1),
        P2[0],
        (*P2[1][:7], True, 3, None, None),
        ("p3", 1, "added", "Third", 103, 1, True, True, 3, None, 2),
    ]
