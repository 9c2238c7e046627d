"""What goes wrong with one posting is a problem of that posting, by asset, gas day, cycle and row; the others land."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from ingestion.settings import read
from ingestion.sources.energy_transfer.fetch import Desk
from ingestion.sources.energy_transfer.plan import Wanted
from ingestion.sources.energy_transfer.settings import CapacitySettings
from ingestion.sources.energy_transfer.timetable import CYCLES
from simulator import wire_faults as wire
from tests.ingestion.sources.energy_transfer.conftest import CapacityStation, csv, rows
from tests.ingestion.sources.small_landing import SmallLanding

KEY = ("TW", "2021-04-05", "4")
MATCH = "gasDay=04/05/2021&cycle=4"
GOOD = csv(rows(7))
LINES = GOOD.split(b"\r\n")


def lines(*chosen: bytes) -> bytes:
    return b"\r\n".join(chosen) + b"\r\n"


@pytest.mark.parametrize(
    ("content", "code", "row"),
    [
        (lines(LINES[0], LINES[1], LINES[2][:-3], LINES[3]), "DATA_RAGGED_ROW", 2),
        (lines(LINES[0], LINES[1] + b',"more"', LINES[2]), "DATA_RAGGED_ROW", 1),
        (lines(LINES[0], LINES[1], LINES[2][:-1], LINES[3]), "DATA_CSV_SYNTAX", 2),
        (lines(LINES[0], LINES[1], LINES[2], LINES[3][:-1]), "DATA_CSV_SYNTAX", 3),
        (lines(LINES[0], LINES[1], LINES[2].replace(b'"R"', b'"R"R'), LINES[3].replace(b'"D"', b'"D"D')),
         "DATA_CSV_SYNTAX", 3),
        (lines(LINES[0].replace(b"Loc Zn", b"Loc"), *LINES[1:4]), "DATA_DUPLICATE_COLUMN", None),
        (lines(LINES[0].replace(b"Loc Zn", b"loc_name"), *LINES[1:4]), "DATA_DUPLICATE_COLUMN", None),
        (lines(LINES[0].replace(b"Loc Zn", b"Cycle"), *LINES[1:4]), "DATA_DUPLICATE_COLUMN", None),
        (lines(LINES[0].replace(b"Flow Ind", b"Direction"), *LINES[1:4]), "DATA_MISSING_COLUMN", None),
        (GOOD.replace(b",", b";"), "DATA_CSV_SYNTAX", None),
        (GOOD.replace(b"NO & WHERE", b"NO \xa0WHERE"), "DATA_ENCODING", 3),
        (GOOD.replace(b"NO & WHERE", b"NO \0WHERE"), "DATA_NUL_BYTE", 3),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "PROTOCOL_NOT_CSV", None),
        (b"No records found.", "DATA_MISSING_COLUMN", None),
        (b"", "PROTOCOL_EMPTY_BODY", None),
    ],
    ids=[
        "short row", "long row", "open quote in the middle", "open quote at the end", "text after a quote", "two equal",
        "two alike", "one of ours", "no key", "semicolons", "latin-1", "NUL", "page as CSV", "a sentence", "no byte",
    ],
)  # fmt: skip
def test_a_file_that_is_not_sound_is_refused_with_its_row(
    content: bytes, code: str, row: int | None, station: CapacityStation, landing: SmallLanding
) -> None:
    station.posted[KEY] = content
    assert landing.land() == 19 * 3
    (problem,) = landing.problems
    assert (problem.code, problem.row) == (code, row)
    assert "TW, gas day 2021-04-05, Intraday 2" in problem.message
    assert "cycle=4" in (problem.uri or "")
    assert not list(landing.folder.rglob("*@TW_2021-04-05_4*"))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("OAC_FEP_000000001_04-05-2021_Intraday 2.csv", "DATA_OTHER_POSTING"),
        ("OAC_TW_000000001_04-06-2021_Intraday 2.csv", "DATA_OTHER_POSTING"),
        ("OAC_TW_000000001_04-05-2021_Intraday 1.csv", "DATA_OTHER_POSTING"),
        ("OAC_TW_000000001_04-05-2021_Best.csv", "DATA_OTHER_POSTING"),
        ("export.csv", "PROTOCOL_FILE_NAME"),
        (None, "PROTOCOL_FILE_NAME"),
        ("OAC_TW_000000009_04-05-2021_Intraday_2.csv", None),
    ],
    ids=["asset", "gas day", "cycle", "no cycle", "another name", "no name", "spelled otherwise"],
)
def test_the_file_name_is_held_against_the_request(
    name: str | None, code: str | None, station: CapacityStation, landing: SmallLanding
) -> None:
    station.named[KEY] = name
    assert landing.land() == (19 if code else 20) * 3
    assert landing.codes() == ([code] if code else [])


@pytest.mark.parametrize(
    ("act", "code", "tries"),
    [
        (wire.status(429, retry_after=0), "SOURCE_RATE_LIMITED", 5),
        (wire.status(503), "SOURCE_UNAVAILABLE", 5),
        (wire.cut_short(), "SOURCE_CUT_BODY", 5),
        (wire.truncated_gzip(), "SOURCE_CUT_BODY", 5),
        (wire.status(400), "PROTOCOL_STATUS", 1),
        (wire.status(403), "DENIED_SOURCE", 1),
        (wire.status(404), "CONFIG_ENDPOINT", 1),
        (wire.login_page(), "PROTOCOL_CONTENT_TYPE", 1),
        (wire.without_content_type(), "PROTOCOL_CONTENT_TYPE", 1),
        (wire.redirect("http://localhost:9/"), "PROTOCOL_REDIRECT", 1),
    ],
    ids=["429", "503", "cut", "gzip cut", "400", "403", "404", "login page", "no type", "redirect"],
)
def test_what_one_request_meets_stops_no_other(
    act: wire.Act, code: str, tries: int, station: CapacityStation, landing: SmallLanding
) -> None:
    station.fault(act, match=MATCH, times=None)
    assert landing.land() == 19 * 3
    assert landing.codes() == [code]
    assert station.asked.count(KEY) == tries
    station.clear_faults()
    assert landing.land() == 3  # the next run asks again


def test_a_body_without_a_declared_end_must_end_with_a_line(station: CapacityStation, landing: SmallLanding) -> None:
    def act(exchange: wire.Exchange) -> None:
        answer = exchange.answer()
        exchange.send(wire.Answer(200, answer.body[:-30], answer.headers, content_length=-1), close=True)

    station.gzip_level = 0
    station.fault(act, match=MATCH)
    assert landing.land() == 60
    assert station.asked.count(KEY) == 2


def test_a_site_that_is_silent_is_left_in_peace_and_said_so_once(
    station: CapacityStation, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENERGY_TRANSFER_TRIES", "1")
    monkeypatch.setenv("ENERGY_TRANSFER_PARALLEL", "2")
    station.fault(wire.status(503), times=None)
    assert landing.land() == 0
    assert landing.codes()[-1] == "SOURCE_GIVEN_UP" and landing.codes().count("SOURCE_GIVEN_UP") == 1
    assert 8 <= len(station.log) <= 9 and len(landing.codes()) == len(station.log) + 1
    assert f"{20 - len(station.log)} postings were not asked for" in landing.problems[-1].message


def test_a_run_that_is_stopped_waits_for_no_answer(
    station: CapacityStation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENERGY_TRANSFER_READ_SECONDS", "600")
    settings = read(CapacitySettings)
    (asset,) = settings.assets()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mute = replace(asset, url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        postings = [Wanted(found, date(2021, 4, 5), CYCLES[0]) for found in (asset, mute, mute)]
        answers = Desk(settings, tmp_path).ask(postings)
        assert next(answers)[0] == postings[0]
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(1)  # it has asked, and would wait for ten minutes
            stopping = threading.Thread(target=answers.close, daemon=True)
            stopping.start()
            stopping.join(30)
            assert not stopping.is_alive()
