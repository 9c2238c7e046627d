"""What is asked for, what of it lands, and how often."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.clients.http import Pacer
from ingestion.errors import ConfigurationError
from ingestion.landing import land
from ingestion.report import Outcome, Report
from ingestion.run import Options
from ingestion.source import SourceError
from ingestion.sources.energy_transfer import SOURCE
from simulator import wire_faults as wire
from tests.conftest import TestWarehouse
from tests.ingestion.sources.energy_transfer.conftest import (
    COLUMNS,
    DUE,
    NOW,
    CapacityStation,
    csv,
    number,
    rows,
)
from tests.ingestion.sources.small_landing import SmallLanding

TABLE = "operational_capacity"
RAW = ("loc", "loc_zn", "loc_name", "loc_purp_desc", "loc_qti", "flow_ind", "dc", "opc", "tsq", "oac", "it",
       "auth_overrun_ind", "nom_cap_exceed_ind", "all_qty_avail", "qty_reason")  # fmt: skip


def test_exactly_the_postings_that_are_due_are_asked_for(station: CapacityStation, landing: SmallLanding) -> None:
    assert landing.land() == 20 * 3
    assert landing.problems == []
    assert station.asked == sorted(("TW", day, cycle) for day, cycle in DUE)
    assert dict(station.log[0].params) | {"gasDay": "", "cycle": ""} == {
        "f": "csv", "extension": "csv", "asset": "TW", "gasDay": "", "cycle": "", "searchType": "ALL",
        "searchString": "", "locType": "ALL", "locZone": "ALL",
    }  # fmt: skip


def test_every_value_lands_as_it_was_sent_with_what_the_file_does_not_say(
    station: CapacityStation, landing: SmallLanding
) -> None:
    landing.land({"cycle": "Intraday 3"})
    ours = ("asset", "gas_day", "cycle", "search_type", "file_name", "downloaded_at")
    found = landing.query(f"select {', '.join(RAW + ours)} from raw.{TABLE} order by gas_day, _source_row")
    told = [
        ("TW", day, "7", "ALL", f"OAC_TW_000000001_{day[5:]}-{day[:4]}_Intraday 3.csv", "2021-04-06T15:30:00Z")
        for day in ("2021-04-03", "2021-04-04", "2021-04-05")
    ]
    assert found == [(*row, *more) for more in told for row in rows(number(more[1], "7"))]


def test_postings_lie_in_the_lake_under_their_gas_day_as_they_came(
    station: CapacityStation, landing: SmallLanding
) -> None:
    landing.land()
    (name,) = {row[0] for row in landing.query(
        f"select _source_file from raw.{TABLE} where gas_day = '2021-04-04' and cycle = '4'"
    )}  # fmt: skip
    assert landing.lake_file(name).read_bytes() == csv(rows(number("2021-04-04", "4")))
    where = str(landing.lake_file(name).relative_to(landing.folder))
    assert where.startswith("raw/energy_transfer/operational_capacity/2021/04/04/")
    assert where.endswith("@TW_2021-04-04_4.csv")


def test_what_has_landed_lands_again_only_when_it_was_posted_anew(
    station: CapacityStation, landing: SmallLanding
) -> None:
    """A, B and A again: three versions, the last of which is the first content."""
    key = ("TW", "2021-04-05", "3")
    landing.land()
    assert landing.land() == 0 and len(landing.unchanged) == 20
    station.posted[key] = csv(rows(4711))
    assert landing.land() == 3
    assert landing.land() == 0
    del station.posted[key]
    assert landing.land() == 3
    assert landing.land() == 0
    versions = landing.query(
        f"select tsq from raw.{TABLE} where gas_day = '2021-04-05' and cycle = '3' and flow_ind = 'R' "
        "order by _dlt_load_id"
    )
    assert versions == [("503",), ("4711",), ("503",)]


def test_a_header_alone_is_a_cycle_that_is_not_posted_yet(
    station: CapacityStation, landing: SmallLanding, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    key = ("TW", "2021-04-06", "1")
    station.posted[key] = csv([])
    assert landing.land() == 19 * 3
    assert landing.problems == []
    assert "not posted yet: 1 (TW, gas day 2021-04-06, Evening)" in caplog.text
    del station.posted[key]
    assert landing.land() == 3
    station.posted[key] = csv([])  # withdrawn: what was posted stays in raw
    assert landing.land() == 0
    assert "landed before and empty now: 1 " in caplog.text


def test_an_asset_that_the_site_does_not_know_is_told_of(
    station: CapacityStation, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The site answers with a header alone, as for a cycle that is not posted yet."""
    monkeypatch.setenv("ENERGY_TRANSFER_ASSETS", "TW,TV")
    station.posted = {("TV", day, cycle): csv([]) for day, cycle in DUE}
    assert landing.land() == 3 * len(DUE)
    assert [record.message[:3] for record in caplog.records if record.levelname == "WARNING"] == ["TV:"]
    station.posted[("TV", *DUE[0])] = csv(rows(1))
    caplog.clear()
    assert landing.land() == 3
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == []


def test_the_same_bytes_for_two_cycles_land_for_both(station: CapacityStation, landing: SmallLanding) -> None:
    for cycle in ("0", "1"):
        station.posted[("TW", "2021-04-06", cycle)] = csv(rows(0))
    landing.land()
    assert landing.query(
        f"select cycle, count(*) from raw.{TABLE} where gas_day = '2021-04-06' group by 1 order by 1"
    ) == [("0", 3), ("1", 3)]


def test_columns_are_taken_by_name_in_any_order_and_case_and_a_new_one_lands(
    station: CapacityStation, landing: SmallLanding
) -> None:
    turned = tuple(reversed(COLUMNS))
    sent = [tuple(reversed(row)) for row in rows(1)]
    station.posted[("TW", "2021-04-05", "0")] = csv(sent, turned)
    station.posted[("TW", "2021-04-05", "1")] = csv(
        [(*row[:8], "x", *row[8:]) for row in rows(2)], (*(c.upper() for c in COLUMNS[:8]), "Line Seg", *COLUMNS[8:])
    )
    assert landing.land() == 60
    found = landing.query(
        f"select {', '.join(RAW)}, line_seg from raw.{TABLE} where gas_day = '2021-04-05' and cycle in ('0', '1') "
        "order by cycle, _source_row"
    )
    assert found == [(*row, None) for row in rows(1)] + [(*row, "x") for row in rows(2)]


@pytest.mark.parametrize(
    "content",
    [
        csv(rows(7)).replace(b"\r\n", b"\n"),
        b"\xef\xbb\xbf" + csv(rows(7)),
        csv(rows(7))[:-2],
        csv(rows(7)) + b"\r\n",
        csv(rows(7)).replace(b"\r\n", b"\n", 1),
        csv(rows(7)).replace(b'"R"', b"R"),
    ],
    ids=["LF", "BOM", "no final line end", "blank line at the end", "mixed line ends", "not all quoted"],
)
def test_a_file_written_otherwise_lands_the_same_rows(
    content: bytes, station: CapacityStation, landing: SmallLanding
) -> None:
    station.posted[("TW", "2021-04-05", "0")] = content
    landing.land({"cycle": "0"})
    assert landing.problems == []
    assert landing.query(
        f"select {', '.join(RAW)} from raw.{TABLE} where gas_day = '2021-04-05' order by _source_row"
    ) == rows(7)


# Which days


@pytest.fixture
def one_a_day(station: CapacityStation, monkeypatch: pytest.MonkeyPatch) -> Iterator[CapacityStation]:
    """Every cycle of every day is posted."""
    monkeypatch.setattr(
        "tests.ingestion.sources.energy_transfer.conftest.DUE",
        [(str(date(2021, 1, 1) + timedelta(days=d)), c) for d in range(120) for c in "013475"],
    )
    yield station


def days(station: CapacityStation) -> list[str]:
    return sorted({day for _, day, _ in station.asked})


def test_since_until_asset_and_cycle_narrow_what_is_asked_for(
    one_a_day: CapacityStation, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENERGY_TRANSFER_ASSETS", "TW, FEP")
    landing.since, landing.until = date(2021, 3, 1), date(2021, 3, 3)
    landing.land({"asset": "FEP", "cycle": "1,Final"})
    assert one_a_day.asked == [("FEP", f"2021-03-0{day}", cycle) for day in (1, 2, 3) for cycle in ("1", "5")]


def test_history_begins_where_it_is_told_to_and_only_once(
    one_a_day: CapacityStation, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENERGY_TRANSFER_HISTORY_FROM", "2021-03-20")
    landing.land({"cycle": "0"})
    assert days(one_a_day)[0] == "2021-03-20" and len(one_a_day.log) == 18
    one_a_day.log.clear()
    landing.land({"cycle": "0"})
    assert days(one_a_day)[0] == "2021-04-03"


def test_after_a_pause_polling_takes_up_where_it_ended(
    one_a_day: CapacityStation, landing: SmallLanding, caplog: pytest.LogCaptureFixture
) -> None:
    landing.logical_at = NOW - timedelta(days=10)
    landing.land({"cycle": "0"})
    one_a_day.log.clear()
    landing.logical_at = NOW
    landing.land({"cycle": "0"})
    assert days(one_a_day)[0] == "2021-03-24" and len(days(one_a_day)) == 14
    one_a_day.log.clear()
    landing.logical_at = datetime(2021, 6, 1, 15, tzinfo=UTC)
    landing.land({"cycle": "0"})
    assert days(one_a_day)[0] == "2021-05-29"
    assert "--since 2021-04-06 --until 2021-05-29" in caplog.text


def test_a_past_run_can_be_repeated_as_it_was(one_a_day: CapacityStation, landing: SmallLanding) -> None:
    """In the evening of a day whose clocks had just gone forward: 17:00 in Chicago is 22:00 UTC."""
    landing.logical_at = datetime(2021, 3, 14, 22, 0, tzinfo=UTC)
    landing.land()
    of_today = [(day, cycle) for _, day, cycle in one_a_day.asked if day >= "2021-03-14"]
    assert of_today == [("2021-03-14", "0"), ("2021-03-14", "1"), ("2021-03-14", "3"), ("2021-03-15", "0")]


def test_the_server_clock_is_taken_where_it_is_sane(station: CapacityStation, landing: SmallLanding) -> None:
    station.now = NOW + timedelta(seconds=77)
    landing.land({"cycle": "0"})
    assert {row[0] for row in landing.rows(TABLE, "downloaded_at")} == {"2021-04-06T15:31:17Z"}
    station.now = datetime(2031, 1, 1, tzinfo=UTC)
    landing.land({"cycle": "1"})
    assert landing.query(f"select distinct downloaded_at from raw.{TABLE} where cycle = '1'") == [
        ("2021-04-06T15:30:00Z",)
    ]


# Settings


def test_the_environment_wins_over_the_file(
    station: CapacityStation, landing: SmallLanding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "capacity.toml"
    config.write_text(
        f'url = "https://nowhere.invalid"\nhistory_from = 2021-04-05\n[assets.FEP]\nurl = "{station.domain}"\n'
        'path = "/ipost/FEP/capacity/operationally-available"\nhistory_from = 2021-04-01\n[assets.TW]\n'
        f'url = "{station.domain}"\n'
    )
    monkeypatch.setenv("ENERGY_TRANSFER_CONFIG", str(config))
    monkeypatch.delenv("ENERGY_TRANSFER_URL")
    monkeypatch.delenv("ENERGY_TRANSFER_ASSETS")
    landing.land({"cycle": "0"})
    assert {(request.params["asset"], request.path) for request in station.log} == {
        ("TW", "/ipost/capacity/operationally-available"), ("FEP", "/ipost/FEP/capacity/operationally-available"),
    }  # fmt: skip
    assert len([one for one in station.asked if one[0] == "FEP"]) == 6
    station.log.clear()
    monkeypatch.setenv("ENERGY_TRANSFER_ASSETS", "TW")
    landing.land({"cycle": "0"})
    assert {request.params["asset"] for request in station.log} == {"TW"}


@pytest.mark.parametrize(
    "content",
    [
        "assets = 3",
        "[assets.TW]\nuser = 'canary'",
        "url = 'http://example.org/canary'",
        "path = '../canary'",
        "history_from = 0001-01-01",
        "[",
    ],
)
def test_a_bad_file_is_named_with_its_key_and_not_its_values(
    content: str, station: CapacityStation, landing: SmallLanding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "capacity.toml").write_text(content)
    monkeypatch.setenv("ENERGY_TRANSFER_CONFIG", str(tmp_path / "capacity.toml"))
    with pytest.raises(ConfigurationError, match="ENERGY_TRANSFER_CONFIG") as caught:
        landing.land()
    assert "canary" not in caught.value.message
    assert station.log == []


@pytest.mark.parametrize("params", [{"cycle": "2"}, {"cycle": "Best"}, {"asset": "TV"}])
def test_a_parameter_that_means_nothing_is_refused(
    params: dict[str, str], station: CapacityStation, landing: SmallLanding
) -> None:
    with pytest.raises(SourceError, match="CONFIG_PARAM"):
        landing.land(params)
    assert station.log == []


# Together


def test_requests_run_in_parallel_up_to_the_bound(
    station: CapacityStation, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENERGY_TRANSFER_PARALLEL", "3")
    at_once, most = 0, 0
    lock, three = threading.Lock(), threading.Barrier(3)

    def act(exchange: wire.Exchange) -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        try:
            three.wait(timeout=5)  # only passes when three are here together
        except threading.BrokenBarrierError:
            pass
        with lock:
            at_once -= 1
        exchange.send(exchange.answer())

    station.fault(act, times=18)
    assert landing.land() == 60
    assert most == 3 and not three.broken


def test_a_pacer_lets_no_more_pass_than_it_may() -> None:
    now, slept = [100.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pacer = Pacer(3, 60, sleep, lambda: now[0])
    passed = []
    for _ in range(7):
        pacer.wait()
        passed.append(now[0])
    assert passed == [100, 100, 100, 160, 160, 160, 220] and slept == [60, 60]
    slow = Pacer.of_rate(0.5, sleep)
    assert (slow.seconds, slow._turns.maxlen) == (2, 1)
    assert Pacer.of_rate(4).seconds == 1


def test_rows_land_on_either_engine_from_a_lake_on_s3(
    warehouse: TestWarehouse, station: CapacityStation, s3_bucket: str
) -> None:
    import boto3

    os.environ.update(warehouse.env | {"LAKE_URL": f"{s3_bucket}/lake"})

    def landed() -> Outcome:
        with Report() as report:
            return land([SOURCE], Options(params={"cycle": "1"}, logical_at=NOW), report)[0]

    assert (landed().rows, landed().rows) == (12, 0)
    station.posted[("TW", "2021-04-05", "1")] = csv(rows(99))
    again = landed()
    assert (again.rows, again.unchanged, again.status) == (3, 3, "ok")
    assert warehouse.query(
        f"select count(*), count(distinct _source_file), min(loc_name), min(dc) from raw.{TABLE}"
    ) == [(15, 5, " MESA  FICTION (HUB) #1", "")]
    objects = boto3.client("s3").list_objects_v2(Bucket=s3_bucket.removeprefix("s3://"))["Contents"]
    keys = {row[0] for row in warehouse.query("select lake_key from raw.landed_files")}
    assert {one["Key"] for one in objects} == {f"lake/{key}" for key in keys} and len(keys) == 5


@pytest.fixture
def s3_bucket() -> Iterator[str]:
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    boto3.client("s3").create_bucket(Bucket="capacity")
    yield "s3://capacity"
    server.stop()
