"""The gas capacity: its truth adds up from what the page answers, and time passes on it. Plain `requests`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from simulator.systems import energy_transfer
from simulator.systems.energy_transfer.server import (
    PATH,
    CapacityStation,
    changed_columns,
    header_only,
    truncated,
    without_file_name,
    wrong_file_name,
)
from simulator.systems.energy_transfer.timetable import CYCLES
from simulator.world import Size

ORDER = (0, 1, 3, 4, 7, 5)


@pytest.fixture
def server(default_world: Path) -> Iterator[CapacityStation]:
    with energy_transfer.serve(default_world / "energy_transfer", Size().now) as running:
        yield running


def ask(
    server: CapacityStation, asset: str, gas_day: date, cycle: int, search: str = "ALL", path: str = PATH
) -> requests.Response:
    params = {
        "f": "csv", "extension": "csv", "asset": asset, "gasDay": f"{gas_day:%m/%d/%Y}", "cycle": str(cycle),
        "searchType": search, "searchString": "", "locType": "ALL", "locZone": "ALL",
    }  # fmt: skip
    return requests.get(server.domain + path, params=params, timeout=10)


def rows(response: requests.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(response.content.decode(), newline="")))


def table(world: Path, name: str) -> list[dict[str, str]]:
    with (world / f"truth_capacity_{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def everything(server: CapacityStation) -> dict[tuple[str, date, int], list[dict[str, str]]]:
    """What the page answers for every gas day and cycle that it could hold."""
    found = {}
    for asset in ("TW", "FEP"):
        for number in range(28):
            for cycle in ORDER:
                gas_day = server.history_from + timedelta(days=number)
                if answered := rows(ask(server, asset, gas_day, cycle)):
                    found[asset, gas_day, cycle] = answered
    return found


def test_the_truth_is_what_the_page_adds_up_to(
    server: CapacityStation, default_world: Path, truth: dict[str, Any]
) -> None:
    def total(found: list[dict[str, str]], column: str) -> int:
        return sum(int(row[column]) for row in found if row[column])

    answered = everything(server)
    every = [row for found in answered.values() for row in found]
    said = truth["energy_transfer"]["postings"]
    assert said == {
        "count": len(answered),
        "rows": len(every),
        "tsq_dth": total(every, "TSQ"),
        "oac_dth": total(every, "OAC"),
    }
    # 26 gas days and six cycles of two assets, less four cycles of the last day and a Final that is late.
    assert len(answered) == 26 * 6 * 2 - 4 * 2 - 1
    for row in every:
        assert (row["All Qty Avail"] == "N") == bool(row["Qty Reason"])
        if row["OPC"]:
            assert int(row["OAC"]) == max(0, int(row["OPC"]) - int(row["TSQ"]))
        else:
            assert (row["TSQ"], row["OAC"], "Operating Capacity unavailable" in row["Qty Reason"]) == ("", "", True)
    last = {(asset, gas_day): found for (asset, gas_day, _), found in answered.items()}
    best = {(row["asset"], date.fromisoformat(row["gas_day"])): row for row in table(default_world, "best_available")}
    assert best.keys() == last.keys()
    for key, found in last.items():
        assert (int(best[key]["row_count"]), int(best[key]["tsq_dth"])) == (len(found), total(found, "TSQ"))
    visible = [
        row
        for row in table(default_world, "postings")
        if row["posted_at"] <= "2021-04-06 15:30:00" and not "" < row["replaced_at"] <= "2021-04-06 15:30:00"
    ]
    assert {(row["asset"], date.fromisoformat(row["gas_day"]), int(row["cycle"])) for row in visible} == answered.keys()
    moved = {(row["asset"], row["gas_day"], row["cycle"]): row for row in table(default_world, "revisions")}
    steps = 0
    for asset, gas_day, cycle in answered:
        earlier = [c for c in ORDER[: ORDER.index(cycle)] if (asset, gas_day, c) in answered]
        if earlier:
            steps += 1
            row = moved[asset, str(gas_day), str(cycle)]
            change = total(answered[asset, gas_day, cycle], "TSQ") - total(answered[asset, gas_day, earlier[-1]], "TSQ")
            assert (row["previous_cycle"], int(row["change_dth"])) == (str(earlier[-1]), change)
    assert steps == len(moved)


def test_locations_change_slowly_and_the_truth_knows_when(server: CapacityStation, default_world: Path) -> None:
    """Replays the validity of each version against the best posting of each gas day."""
    versions = table(default_world, "locations")
    for asset in ("TW", "FEP"):
        for number in range(26):
            gas_day = server.history_from + timedelta(days=number)
            cycle = next(c for c in reversed(ORDER) if server.posted(asset, gas_day, c))
            posted = {
                (row["Loc"], row["Flow Ind"], row["Loc Name"], row["Loc Zn"], row["DC"], row["OPC"])
                for row in rows(ask(server, asset, gas_day, cycle))
            }
            valid = {
                (row["loc"], row["flow_ind"], row["loc_name"], row["loc_zn"], row["dc"], row["opc"])
                for row in versions
                if row["asset"] == asset
                and row["valid_from_gas_day"] <= str(gas_day)
                and (not row["valid_to_gas_day"] or str(gas_day) < row["valid_to_gas_day"])
            }
            assert posted == valid
    spans: dict[tuple[str, ...], int] = {}
    for row in versions:
        key = row["asset"], row["loc"], row["flow_ind"]
        spans[key] = spans.get(key, 0) + 1
    assert sorted(count for count in spans.values() if count > 1) == [2, 2, 2, 2, 2, 3]


def test_what_is_odd_in_the_postings(server: CapacityStation, default_world: Path) -> None:
    found = rows(ask(server, "TW", date(2021, 3, 24), 5))
    by_loc: dict[str, set[str]] = {}
    for row in found:
        by_loc.setdefault(row["Loc"], set()).add(row["Flow Ind"])
    assert len(found) == len({(row["Loc"], row["Flow Ind"]) for row in found}) > len(by_loc)
    assert sum(flows == {"R", "D"} for flows in by_loc.values()) / len(by_loc) == pytest.approx(0.15, abs=0.05)
    assert any(row["Loc Name"].startswith(" ") for row in found)
    assert any("  " in row["Loc Name"] for row in found)
    assert any(row["OPC"] and row["DC"] and int(row["OPC"]) > int(row["DC"]) for row in found)
    over = [row for row in found if row["OPC"] and int(row["TSQ"]) > int(row["OPC"])]
    assert {(row["OAC"], row["Nom Cap Exceed Ind"]) for row in over} == {("0", "Y")}
    assert any(row["DC"] == "" and row["Qty Reason"] == "Design Capacity unavailable" for row in found)
    assert "," not in "".join(row["TSQ"] + row["OPC"] + row["DC"] for row in found)
    assert [row["Loc Name"] for row in found] == sorted(row["Loc Name"] for row in found)
    tied = {(row["Flow Ind"], row["Loc Purp Desc"], row["Loc/QTI"]) for row in found}
    assert tied == {("D", "MQ", "DPQ"), ("R", "M2", "RPQ")}


def test_the_wire_format(server: CapacityStation) -> None:
    answer = ask(server, "TW", date(2021, 3, 14), 3)
    assert answer.headers["Content-Type"] == "text/csv;charset=UTF-8"
    said = answer.headers["Content-Disposition"]
    assert said == 'attachment; filename="OAC_TW_007933047_03-14-2021_Intraday 1.csv"'
    assert answer.headers["Date"] == "Tue, 06 Apr 2021 15:30:00 GMT"
    lines = answer.content.split(b"\r\n")
    assert lines[0].startswith(b'"Loc","Loc Zn","Loc Name",')
    assert lines[-1] == b""
    assert all(line.startswith(b'"') and line.endswith(b'"') for line in lines[:-1])
    assert b"\n" not in answer.content.replace(b"\r\n", b"")
    other = ask(server, "FEP", date(2021, 3, 14), 3)
    assert other.content.startswith(b'"Loc Name","Loc","Loc Zn","Flow Ind",')
    assert set(rows(other)[0]) == set(rows(answer)[0])
    assert ask(server, "TW", date(2021, 3, 14), 3, path=f"/ipost/TW{PATH[6:]}").content == answer.content
    assert requests.get(server.domain + PATH, timeout=10).text.startswith("<!DOCTYPE html>")


def test_only_nominated_locations_on_request(server: CapacityStation) -> None:
    every = rows(ask(server, "TW", date(2021, 4, 1), 0))
    nominated = rows(ask(server, "TW", date(2021, 4, 1), 0, search="NOM"))
    assert nominated == [row for row in every if row["TSQ"] not in ("", "0")]
    assert 10 < len(nominated) < len(every) / 2


def test_what_is_not_posted_is_a_header_and_no_row(server: CapacityStation) -> None:
    for asset, gas_day, cycle in (
        ("TW", date(2021, 4, 6), 3),
        ("TW", date(2021, 4, 7), 0),
        ("TW", date(2021, 4, 1), 2),
        ("TW", date(2020, 1, 1), 0),
        ("FEP", date(2021, 4, 5), 5),
    ):
        answer = ask(server, asset, gas_day, cycle)
        assert (answer.status_code, answer.content.count(b"\r\n"), len(answer.content) < 200) == (200, 1, True)
    server.advance(hours=1)
    late = ask(server, "FEP", date(2021, 4, 5), 5)
    assert len(rows(late)) > 20
    assert late.headers["Date"] == "Tue, 06 Apr 2021 16:30:00 GMT"


def test_cycles_are_posted_by_the_timetable_also_around_the_clock_change(server: CapacityStation) -> None:
    due = {cycle.name: cycle for cycle in CYCLES}
    # Central time is six hours behind UTC until 2021-03-14 02:00, then five.
    assert due["Timely"].due_at(date(2021, 3, 14)) == datetime(2021, 3, 13, 23, tzinfo=UTC)
    assert due["Final"].due_at(date(2021, 3, 12)) == datetime(2021, 3, 13, 15, tzinfo=UTC)
    assert due["Final"].due_at(date(2021, 3, 13)) == datetime(2021, 3, 14, 14, tzinfo=UTC)
    assert due["Intraday 2"].due_at(date(2021, 3, 14)) == datetime(2021, 3, 14, 22, 30, tzinfo=UTC)
    assert [cycle.id for cycle in CYCLES] == list(ORDER)
    by_id = {cycle.id: cycle for cycle in CYCLES}
    firsts = [posting for posting in server.postings if posting.version == 1]
    delays = [posting.posted_at - by_id[posting.cycle].due_at(posting.gas_day) for posting in firsts]
    assert min(delays) >= timedelta(0)
    assert sum(delay >= timedelta(minutes=10) for delay in delays) == 1


def test_a_repost_has_other_quantities(server: CapacityStation, truth: dict[str, Any]) -> None:
    key = ("TW", date(2021, 4, 4), 5)
    before = rows(ask(server, *key))
    untouched = ask(server, "TW", date(2021, 4, 4), 7).content
    server.advance(hours=3)
    after = rows(ask(server, *key))
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert changed
    assert {name for old, new in changed for name in old if old[name] != new[name]} <= {
        "TSQ", "OAC", "Nom Cap Exceed Ind",
    }  # fmt: skip
    assert ask(server, "TW", date(2021, 4, 4), 7).content == untouched
    server.advance(hours=21)
    said = truth["energy_transfer"]["postings_a_day_later"]
    found = everything(server)
    assert (len(found), sum(map(len, found.values()))) == (said["count"], said["rows"])
    assert sum(int(row["TSQ"] or 0) for page in found.values() for row in page) == said["tsq_dth"]


def test_knobs_make_answers_that_do_not_hold_what_was_asked_for(server: CapacityStation) -> None:
    key = ("TW", date(2021, 4, 1), 0)
    good = ask(server, *key)
    server.fault(wrong_file_name(cycle="Evening", gas_day="03-31-2021"))
    wrong = ask(server, *key)
    assert wrong.content == good.content
    assert wrong.headers["Content-Disposition"].endswith('"OAC_TW_007933047_03-31-2021_Evening.csv"')
    server.fault(without_file_name())
    assert "Content-Disposition" not in ask(server, *key).headers
    server.fault(truncated(0.4))
    cut = ask(server, *key).content
    assert good.content.startswith(cut) and not cut.endswith((b'"', b"\n"))
    server.fault(header_only())
    assert rows(ask(server, *key)) == []
    server.fault(changed_columns({"OPC": "OP Cap", "IT": ""}, {"Note": "n"}))
    drifted = rows(ask(server, *key))
    assert {"OP Cap", "Note"} <= set(drifted[0]) and not {"OPC", "IT"} & set(drifted[0])
    assert [row["TSQ"] for row in drifted] == [row["TSQ"] for row in rows(good)]
    assert ask(server, *key).content == good.content


def test_the_fault_set_is_served_case_by_case(fault_set: Path) -> None:
    told = json.loads((fault_set / "truth.json").read_text())["energy_transfer"]
    with energy_transfer.serve(fault_set / "energy_transfer", Size().now) as server:
        for case in told["cases"]:
            answer = ask(server, told["asset"], date.fromisoformat(case["gas_day"]), told["cycle"])
            if case["outcome"] == "landed":
                text = answer.content.decode("utf-8-sig")
                found = list(csv.DictReader(io.StringIO(text, newline="")))
                assert len(found) == case["rows"], case["fault"]
                for value in case.get("values", []):
                    assert found[0][value["column"].upper() if value["column"] != "loc" else "Loc"] == value["text"]
        assert any(value["text"] == "1,234" for case in told["cases"] for value in case.get("values", []))
