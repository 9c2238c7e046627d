"""What is read of the data set, and what of it is new."""

from __future__ import annotations

import json

import pytest

from ingestion.sources.winnipeg_billing import SOURCE
from simulator.systems.winnipeg_billing.bills import COLUMNS
from simulator.systems.winnipeg_billing.portal import Portal
from simulator.wire_faults import afterwards, short_page
from tests.ingestion.sources.small_landing import SmallLanding


def rows_asked_for(server: Portal) -> list[str]:
    return [request.text for request in server.log if request.path.startswith("/resource/")]


def test_the_declared_columns_are_the_publishers_35_and_three_of_socrata() -> None:
    assert SOURCE.table("utility_billing").columns == ("_id", "_created_at", "_updated_at", *(n for n, _ in COLUMNS))


def test_every_row_lands_as_it_was_sent(server: Portal, landing: SmallLanding) -> None:
    assert landing.land() == len(server.rows)
    names = ["_id", "_updated_at", *(name for name, _ in COLUMNS)]
    landed = {row[0]: row for row in landing.rows("utility_billing", *names)}
    assert len(landed) == len(server.rows)
    for position in range(len(server.rows)):
        sent = server.row(position)
        values = [sent[":id"], sent[":updated_at"], *(sent.get(name) for name, _ in COLUMNS)]
        assert landed[sent[":id"]] == tuple(values)


def test_pages_lie_in_the_lake_as_they_came_and_rows_point_into_them(server: Portal, landing: SmallLanding) -> None:
    landing.land()
    for name, row, identifier in landing.query("select _source_file, _source_row, _id from raw.utility_billing"):
        assert json.loads(landing.lake_file(name).read_bytes())[row - 1][":id"] == identifier
    pages = landing.batches[0].files
    assert [file.rows for file in pages] == [150, 150, len(server.rows) - 300]
    assert {file.read_kind for file in pages} == {"full"}


def test_second_landing_asks_for_no_row_and_lands_nothing(server: Portal, landing: SmallLanding) -> None:
    landing.land()
    server.log.clear()
    assert landing.land() == 0
    assert [u.table for u in landing.unchanged] == ["utility_billing"]
    assert rows_asked_for(server) == []


def test_the_next_edition_is_read_incrementally_and_its_deletions_are_found(
    server: Portal, landing: SmallLanding
) -> None:
    landing.land()
    before = {row[0] for row in landing.rows("utility_billing", "_id")}
    latest = max(row[0] for row in landing.rows("utility_billing", "_updated_at"))
    server.advance()
    server.delete(server.row(3)[":id"], server.row(200)[":id"])
    now = {server.row(position)[":id"]: server.row(position)[":updated_at"] for position in range(len(server.rows))}
    landing.land()
    again = {row[0] for row in landing.query("select _id from raw.utility_billing where _dlt_load_id = '0002'")}
    assert again == {identifier for identifier, updated in now.items() if updated >= latest}
    assert {file.read_kind for batch in landing.batches for file in batch.files} == {"incremental", "id listing"}
    gone = before - set(now)
    assert len(gone) >= 2 and {row[0] for row in landing.rows("utility_billing_deletions", "_id")} == gone
    assert landing.land() == 0


def test_a_deleted_row_that_comes_back_is_landed_again_though_it_is_old(server: Portal, landing: SmallLanding) -> None:
    landing.land()
    row = server.row(7)
    everything = server.rows
    server.delete(row[":id"])
    landing.land()
    assert landing.rows("utility_billing_deletions", "_id") == [(row[":id"],)]
    server._replace(everything, server._later())  # as it was, its old :updated_at included
    landing.land()
    landed = landing.query(f"select _dlt_load_id from raw.utility_billing where _id = '{row[':id']}' order by 1")
    assert [load for (load,) in landed] == ["0001", "0003"]
    server.delete(row[":id"])
    landing.land()
    assert landing.count("utility_billing_deletions") == 2


def test_a_republished_set_is_read_once_more_and_then_left_alone(server: Portal, landing: SmallLanding) -> None:
    landing.land()
    server.republish()
    assert landing.land() == len(server.rows)
    assert landing.land() == 0


def test_a_full_reading_can_be_asked_for(server: Portal, landing: SmallLanding) -> None:
    landing.land()
    assert landing.land({"full": "true"}) == len(server.rows)
    assert landing.count("utility_billing_deletions") == 0


def test_a_short_page_is_not_the_last_page(server: Portal, landing: SmallLanding) -> None:
    server.fault(short_page(40), match="$offset=150")
    assert landing.land() == len(server.rows)
    assert [file.rows for file in landing.batches[0].files][:2] == [150, 40]


@pytest.mark.parametrize("cap", [7, 100, 400], ids=["few rows", "no remainder", "exactly the set"])
def test_a_server_that_caps_the_limit_is_read_whole(
    cap: int, server: Portal, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCRATA_PAGE_SIZE", "50000")
    server.limit_cap = cap
    assert landing.land() == len(server.rows)


def test_every_request_for_rows_is_ordered(server: Portal, landing: SmallLanding) -> None:
    landing.land()
    server.advance()
    landing.land()
    asked = [text for text in rows_asked_for(server) if "count(" not in text]
    assert asked and all("$order=:id" in text for text in asked)


def test_a_new_column_lands_for_every_row(server: Portal, landing: SmallLanding) -> None:
    landing.land()
    server.added_columns["heat_pump"] = "no"
    assert landing.land() == len(server.rows)
    assert {
        row[0] for row in landing.query("select heat_pump from raw.utility_billing where _dlt_load_id = '0002'")
    } == {"no"}
    assert "heat_pump" in landing.batches[0].files[0].columns


def test_a_renamed_column_lands_under_its_new_name(server: Portal, landing: SmallLanding) -> None:
    server.renamed_columns["town"] = "municipality"
    landing.land()
    assert landing.query("select count(municipality), count(town) from raw.utility_billing")[0][1] == 0
    assert "town" not in landing.batches[0].files[0].columns


def test_a_renamed_key_is_refused_by_name(server: Portal, landing: SmallLanding) -> None:
    server.renamed_columns["hydro_gas_id"] = "line_id"
    error = landing.refusal()
    assert error.code == "DATA_MISSING_COLUMN"
    assert "hydro_gas_id" in error.message and "line_id" in error.message


def test_rows_that_vanish_while_paging_cause_one_more_reading(server: Portal, landing: SmallLanding) -> None:
    first = server.row(0)[":id"]
    server.fault(afterwards(lambda: server.delete(first)), match="$offset=150")
    assert landing.land() == len(server.rows) == 399
    assert (first,) not in landing.rows("utility_billing", "_id")


def test_rows_that_appear_while_paging_are_all_there(server: Portal, landing: SmallLanding) -> None:
    template = server.row(0)
    new = {**template, ":id": "row-0000-0000-0000", "hydro_gas_id": "1"}
    server.fault(afterwards(lambda: server.upsert(new)), match="$offset=150")
    assert landing.land() == len(server.rows) == 401
    assert ("row-0000-0000-0000",) in landing.rows("utility_billing", "_id")


def test_a_set_that_never_rests_is_refused_and_its_pages_stay_in_the_lake(
    server: Portal, landing: SmallLanding
) -> None:
    server.fault(afterwards(server.republish), match="$offset=150", times=None)
    assert landing.refusal().code == "DATA_SOURCE_MOVED"
    assert list((landing.folder / "raw" / "winnipeg_billing" / "utility_billing").rglob("*.json"))


def test_an_empty_set_is_refused_unless_said_to_be_right(server: Portal, landing: SmallLanding) -> None:
    landing.land()
    server.delete(*(server.row(position)[":id"] for position in range(len(server.rows))))
    assert landing.refusal().code == "DATA_EMPTY"
    landing.land({"accept_shrink": "true"})
    assert landing.count("utility_billing_deletions") == 400


def test_a_set_that_lost_more_than_a_tenth_is_refused_unless_said_to_be_right(
    server: Portal, landing: SmallLanding
) -> None:
    landing.land()
    server.delete(*(server.row(position)[":id"] for position in range(41)))
    assert landing.refusal().code == "DATA_SHRUNK"
    landing.land({"accept_shrink": "true"})
    assert landing.count("utility_billing_deletions") == 41


def test_a_lost_tenth_is_no_accident(server: Portal, landing: SmallLanding) -> None:
    landing.land()
    server.delete(*(server.row(position)[":id"] for position in range(40)))
    landing.land()
    assert landing.count("utility_billing_deletions") == 40
