"""The loopback Socrata says what sources.md says a Socrata says. Plain `requests`, no client of ours."""

from __future__ import annotations

import csv
import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from sodapy import Socrata

from simulator.systems.winnipeg_billing.portal import Portal, serve

DATA = "/resource/samp-1e00.json"


@pytest.fixture
def server(default_world: Path) -> Iterator[Portal]:
    with serve(default_world / "winnipeg_billing") as running:
        yield running


def get(server: Portal, path: str = DATA, **params: Any) -> requests.Response:
    return requests.get(
        server.domain + path, params={f"${name}": str(value) for name, value in params.items()}, timeout=10
    )


def every(server: Portal, page: int, **params: Any) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    while True:
        found = get(server, limit=page, offset=len(rows), **params).json()
        rows += found
        if len(found) < page:
            return rows


def test_ordered_pages_hold_every_row_once(server: Portal, default_world: Path) -> None:
    rows = every(server, 5000, select=":*,*", order=":id")
    assert rows == json.loads((default_world / "winnipeg_billing" / "generation_1.json").read_bytes())


def test_without_an_order_pages_overlap_although_the_total_is_right(server: Portal) -> None:
    rows = every(server, 1000)
    distinct = len({row["hydro_gas_id"] for row in rows})
    assert len(rows) == 12_000
    assert 9_000 < distinct < 11_800
    assert get(server, limit=50_000).json() != get(server, limit=50_000).json()


def test_the_last_page_of_a_multiple_is_empty_and_framed(server: Portal) -> None:
    assert len(get(server, order=":id", limit=4000, offset=8000).json()) == 4000
    last = get(server, order=":id", limit=4000, offset=12_000)
    assert (last.status_code, last.text) == (200, "[]\n")


def test_the_default_limit_is_a_thousand_and_large_ones_are_capped(server: Portal) -> None:
    assert len(get(server, order=":id").json()) == 1000
    server.limit_cap = 500
    assert len(get(server, order=":id", limit=50_000).json()) == 500


def test_one_row_per_line_joined_by_newline_and_comma(server: Portal) -> None:
    text = get(server, order=":id", limit=3).text
    assert text.startswith('[{"hydro_gas_id":"')
    assert text.count('"}\n,{"hydro_gas_id"') == 2
    assert text.endswith('"}]\n')


def test_system_fields_come_only_when_asked_for(server: Portal) -> None:
    plain = get(server, order=":id", limit=1).json()[0]
    assert not any(name.startswith(":") for name in plain)
    full = get(server, select=":*,*", order=":id", limit=1).json()[0]
    assert list(full)[:4] == [":id", ":created_at", ":updated_at", "hydro_gas_id"]
    assert {name: value for name, value in full.items() if name[0] != ":"} == plain
    assert get(server, select=":id", order=":id", limit=1).json() == [{":id": full[":id"]}]
    chosen = get(server, select=":id,town,frp_refund", order=":id", limit=1).json()[0]
    assert chosen == {":id": full[":id"], "town": "WINNIPEG"}


def test_orders(server: Portal) -> None:
    by_number = [int(row["hydro_gas_id"]) for row in get(server, order="hydro_gas_id", limit=12_000).json()]
    assert by_number == sorted(by_number)
    last = get(server, select=":id", order=":id DESC", limit=2).json()
    assert last[0][":id"] > last[1][":id"]
    pairs = get(server, select=":*", order=":updated_at desc, :id", limit=12_000).json()
    keys = [(row[":updated_at"], row[":id"]) for row in pairs]
    assert [key[0] for key in keys] == sorted((key[0] for key in keys), reverse=True)
    assert all(one[1] < two[1] for one, two in itertools.pairwise(keys) if one[0] == two[0])
    amounts = [float(row["amount_due"]) for row in get(server, order="amount_due", limit=12_000).json()]
    assert amounts == sorted(amounts)


def test_counts_and_maxima_are_strings(server: Portal) -> None:
    assert get(server, select="count(*)").json() == [{"count": "12000"}]
    newest = get(server, select="max(:updated_at) as newest, count(*) as rows").json()
    assert newest == [{"newest": "2021-04-04T07:03:02.417Z", "rows": "12000"}]
    assert get(server, select="max(:updated_at)").json() == [{"max_updated_at": "2021-04-04T07:03:02.417Z"}]
    assert get(server, select="count(*)", where=":updated_at > '2030-01-01'").status_code == 400


def test_filters_on_system_fields(server: Portal) -> None:
    newest = "2021-04-04T07:03:02.417Z"
    assert get(server, where=f":updated_at > '{newest}'", order=":id").json() == []
    at = get(server, select=":*", where=f":updated_at >= '{newest}'", order=":id", limit=50_000).json()
    assert {row[":updated_at"] for row in at} == {newest}
    assert len(at) > 100
    middle = at[50][":id"]
    rest = get(
        server, select=":id", where=f":updated_at >= '{newest}' AND :id > '{middle}'", order=":id", limit=50_000
    ).json()
    assert [row[":id"] for row in rest] == [row[":id"] for row in at[51:]]
    by_column = requests.get(
        server.domain + DATA, params={"town": "SAMPLE BEACH", "$limit": "50000"}, timeout=10
    ).json()
    assert {row["town"] for row in by_column} == {"SAMPLE BEACH"}


def test_the_second_edition_is_found_by_updated_at_and_by_the_missing_ids(
    server: Portal, truth: dict[str, Any]
) -> None:
    before = get(server, select=":id", order=":id", limit=50_000).json()
    moment = server.metadata()["rowsUpdatedAt"]
    server.advance()
    said = truth["bills"]["generations"]["2"]
    assert get(server, select="count(*)").json() == [{"count": str(said["rows"])}]
    assert server.metadata()["rowsUpdatedAt"] > moment
    fresh = get(
        server, select=":*,*", where=":updated_at > '2021-04-30T00:00:00.000'", order=":id", limit=50_000
    ).json()
    assert len(fresh) == truth["bills"]["changed"] + truth["bills"]["new"]
    after = get(server, select=":id", order=":id", limit=50_000).json()
    gone = {row[":id"] for row in before} - {row[":id"] for row in after}
    assert len(gone) == truth["bills"]["deleted"]
    assert [row[":id"] for row in after] == sorted(row[":id"] for row in after)
    with pytest.raises(ValueError, match="two editions"):
        server.advance()


def test_headers_name_fields_and_types(server: Portal) -> None:
    answer = get(server, select=":*,*", order=":id", limit=1)
    fields, types = (json.loads(answer.headers[name]) for name in ("X-SODA2-Fields", "X-SODA2-Types"))
    assert len(fields) == len(types) == 38
    assert types[fields.index("service_from_date")] == "floating_timestamp"
    assert types[fields.index("amount_due")] == "number"
    assert answer.headers["Last-Modified"] == "Tue, 06 Apr 2021 05:00:00 GMT"
    assert {"ETag", "X-SODA2-Truth-Last-Modified", "X-SODA2-Data-Out-Of-Date", "X-Socrata-RequestId"} <= set(
        answer.headers
    )
    assert answer.headers["Content-Type"].startswith("application/json")


def test_pages_are_packed_only_for_those_who_accept_it(server: Portal) -> None:
    packed = get(server, order=":id")
    plain = requests.get(
        server.domain + DATA, params={"$order": ":id"}, headers={"Accept-Encoding": "identity"}, timeout=10
    )
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.content == plain.content
    assert int(packed.headers["Content-Length"]) < len(packed.content) / 3


def test_metadata_describes_the_columns(server: Portal) -> None:
    view = get(server, "/api/views/samp-1e00.json").json()
    columns = view["columns"]
    assert len(columns) == 35
    assert columns[0]["id"] == view["rowIdentifierColumnId"]
    assert columns[0]["fieldName"] == "hydro_gas_id"
    assert {column["dataTypeName"] for column in columns} == {"number", "text", "calendar_date"}
    assert view["rowsUpdatedAt"] == 1617685200
    assert view["license"]["name"]
    assert "invented" in view["name"]


def test_columns_drift_when_told_to(server: Portal) -> None:
    server.renamed_columns = {"town": "municipality"}
    server.added_columns = {"invoice_number": "7"}
    names = [column["fieldName"] for column in get(server, "/api/views/samp-1e00.json").json()["columns"]]
    assert "municipality" in names
    assert "town" not in names
    assert names[-1] == "invoice_number"
    answer = get(server, select=":*,*", order=":id", limit=1)
    assert (answer.json()[0]["municipality"], answer.json()[0]["invoice_number"]) == ("WINNIPEG", "7")
    assert json.loads(answer.headers["X-SODA2-Fields"])[-1] == "invoice_number"


def test_errors_have_the_documented_bodies(server: Portal) -> None:
    column = get(server, select="nonsense")
    assert (column.status_code, column.json()["errorCode"]) == (400, "query.soql.no-such-column")
    where = get(server, where="town like '%'")
    assert (where.status_code, where.json()["code"], where.json()["error"]) == (400, "query.compiler.malformed", True)
    assert get(server, nonsense="1").json()["code"] == "invalid_request"
    missing = get(server, "/resource/none-none.json")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert get(server, limit="many").status_code == 400


def test_a_required_token_is_checked_and_every_token_is_recorded(server: Portal) -> None:
    server.required_token = "sesame"
    assert get(server).status_code == 403
    good = requests.get(server.domain + DATA, headers={"X-App-Token": "sesame"}, timeout=10)
    assert good.status_code == 200
    assert [request.header("X-App-Token") for request in server.log] == [None, "sesame"]
    assert server.log[1].path == DATA


def test_csv_has_a_header_and_every_column(server: Portal) -> None:
    text = get(server, "/resource/samp-1e00.csv", order=":id", limit=2).text
    header, *rows = list(csv.reader(text.splitlines()))
    assert (len(header), len(rows)) == (35, 2)
    assert header[0] == "hydro_gas_id"


def test_sodapy_reads_it(server: Portal) -> None:
    client = Socrata(server.host, "token", session_adapter={"prefix": "http://", "adapter": HTTPAdapter()}, timeout=30)
    assert client.get("samp-1e00", select="count(*)") == [{"count": "12000"}]
    assert len(list(client.get_all("samp-1e00", order=":id", limit=5000))) == 12_000
    assert client.get_metadata("samp-1e00")["id"] == "samp-1e00"
    assert all(request.header("X-App-Token") == "token" for request in server.log)
    client.close()


def test_rows_move_between_pages_when_told_to(server: Portal) -> None:
    first = get(server, select=":*,*", order=":id", limit=10).json()
    server.delete(first[0][":id"], first[1][":id"])
    second = get(server, select=":*,*", order=":id", limit=10, offset=10).json()
    unmoved = get(server, select=":*,*", order=":id", limit=12).json()
    assert second[0] == unmoved[10], "offset 10 now is what was at 12: two rows were skipped"
    server.upsert({**first[0], "town": "BACK AGAIN"})
    back = get(server, select=":*,*", order=":id", limit=1).json()[0]
    assert (back["town"], back[":created_at"]) == ("BACK AGAIN", first[0][":created_at"])
    assert back[":updated_at"] > first[0][":updated_at"]
    assert get(server, select="count(*)").json() == [{"count": "11999"}]


def test_a_republished_set_differs_only_in_its_stamps(server: Portal) -> None:
    before = get(server, select=":*,*", order=":id", limit=50_000).json()
    server.republish()
    after = get(server, select=":*,*", order=":id", limit=50_000).json()
    assert len({row[":updated_at"] for row in after}) == 1
    assert all({**one, ":updated_at": ""} == {**two, ":updated_at": ""} for one, two in zip(before, after, strict=True))


def test_many_clients_at_once(server: Portal) -> None:
    counts: list[int] = []

    def read(offset: int) -> None:
        counts.append(len(get(server, order=":id", limit=1500, offset=offset).json()))

    threads = [threading.Thread(target=read, args=(offset,)) for offset in range(0, 12_000, 1500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [1500] * 8


def test_the_fault_set_can_be_served_too(fault_set: Path) -> None:
    with serve(fault_set / "winnipeg_billing") as server:
        rows = get(server, select=":*,*", order=":id").json()
        assert get(server, select="count(*)").json() == [{"count": str(len(rows))}]
        assert any(row["customer_name"] == "two\n,lines" for row in rows)
        assert any(row["town"] == {"nested": "object"} for row in rows)
        server.advance()
        assert len(get(server, order=":id").json()) == len(rows)
