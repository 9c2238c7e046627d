"""What the service refuses and what goes wrong on the way: a problem of that place, by its name; the others land."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest

from ingestion.errors import ConfigurationError
from simulator import wire_faults as wire
from tests.ingestion.sources.openweather.conftest import COVE, KEY, PERTH, SYDNEY, WeatherStation
from tests.ingestion.sources.small_landing import SmallLanding


@pytest.fixture(autouse=True)
def no_key_in_the_log(landing: SmallLanding, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever goes wrong: the key is in no log line, even at DEBUG, in no message, no file of the lake and no row."""
    caplog.set_level(logging.DEBUG)
    yield
    assert "canary" not in caplog.text + str(landing.problems)
    assert "canary" not in str(landing.query("select * from raw.landed_files"))
    assert [path for path in landing.folder.rglob("*.json") if b"canary" in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("act", "code", "tries"),
    [
        (wire.status(401, body={"cod": 401, "message": f"Invalid API key {KEY}"}), "DENIED_SOURCE", 1),
        (wire.status(400, body={"cod": "400", "message": "Nothing to geocode"}), "CONFIG_PLACE", 1),
        (wire.status(404, body={"cod": "404", "message": "city not found"}), "CONFIG_PLACE", 1),
        (wire.status(429, body={"cod": 429, "message": "blocked"}), "SOURCE_RATE_LIMITED", 5),
        (wire.status(500, body={"cod": 500, "message": "Internal error"}), "SOURCE_UNAVAILABLE", 5),
        (wire.status(200, body={"cod": 401, "message": "Invalid API key"}), "DENIED_SOURCE", 1),
        (wire.status(200, body={"cod": "404", "message": "city not found"}), "CONFIG_PLACE", 1),
        (wire.status(200, body={"cod": "429", "message": "blocked"}), "SOURCE_RATE_LIMITED", 5),
        (wire.status(200, body={"cod": 500}), "SOURCE_UNAVAILABLE", 5),
        (wire.status(200, body={"cod": "oops"}), "PROTOCOL_ERROR_BODY", 1),
        (wire.status(200, body={"message": "no cod, no dt"}), "DATA_MISSING_COLUMN", 1),
        (wire.status(200, body=[]), "PROTOCOL_NOT_AN_OBJECT", 1),
        (wire.login_page(), "PROTOCOL_CONTENT_TYPE", 1),
        (wire.empty_body(), "PROTOCOL_EMPTY_BODY", 1),
        (wire.cut_short(), "SOURCE_CUT_BODY", 5),
        (wire.redirect("http://localhost:9/"), "PROTOCOL_REDIRECT", 1),
        (wire.redirect("http://localhost:9/\xe9"), "PROTOCOL_HEADER", 1),
        (wire.status(200, body={"dt": 1, "name": KEY}), "PROTOCOL_SECRET", 1),
        (wire.body(b'{"dt": 1, "said": "' + quote(KEY).encode() + b'"'), "SOURCE_CUT_BODY", 5),
        (wire.body(b'{"dt": 1 "asked": "/?appid=' + quote_plus(KEY).encode() + b'"}'), "PROTOCOL_SECRET", 1),
        (wire.body(b'{"dt": 1, "a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"), "DATA_JSON_DEPTH", 1),
        (wire.body(b'{"dt": 1, "name": "\xff"}'), "DATA_ENCODING", 1),
    ],
    ids=[
        "401", "400", "404", "429", "500", "200 with 401", "200 with 404", "200 with 429", "200 with 500",
        "200 with a word", "200 without dt", "list", "login page", "empty", "cut", "redirect", "redirect to no text",
        "key said", "key said and cut", "key said as it was asked", "deep", "latin-1",
    ],
)  # fmt: skip
def test_what_one_place_meets_is_its_own_problem(
    act: wire.Act, code: str, tries: int, station: WeatherStation, landing: SmallLanding
) -> None:
    station.fault(act, match=PERTH, times=None)
    assert landing.land() == 2
    (problem,) = landing.problems
    assert problem.code == code
    assert PERTH in f"{problem.message} {problem.uri}" and "appid" not in f"{problem.uri}"
    assert station.places.count(PERTH) == tries
    assert {row[0] for row in landing.rows("weather_observations", "place")} == {SYDNEY, COVE}


@pytest.mark.parametrize("act", [wire.status(429, retry_after=0), wire.status(503), wire.cut_short()])
def test_what_passes_is_tried_again(act: wire.Act, station: WeatherStation, landing: SmallLanding) -> None:
    station.fault(act, match=PERTH, times=2)
    assert landing.land() == 3


def test_a_key_that_is_refused_everywhere_is_said_once(station: WeatherStation, landing: SmallLanding) -> None:
    station.fault(wire.status(401, body={"cod": 401, "message": "Invalid API key"}), times=None)
    assert landing.land() == 0
    (problem,) = landing.problems
    assert problem.code == "DENIED_SOURCE" and "OPENWEATHER_API_KEY" in problem.message
    assert len(station.log) == 3


def test_a_service_that_is_not_there_is_given_up_with_the_places_left(
    station: WeatherStation, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENWEATHER_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("OPENWEATHER_PLACES", "1 2 3 4 5")
    monkeypatch.setenv("OPENWEATHER_TRIES", "2")
    assert landing.land() == 0
    assert landing.codes() == ["SOURCE_UNREACHABLE"] * 3 + ["SOURCE_GIVEN_UP"]
    assert "4, 5" in landing.problems[-1].message


def test_a_blocked_account_is_not_asked_for_every_place(
    station: WeatherStation, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENWEATHER_PLACES", "1 2 3 4 5")
    station.fault(wire.status(429, retry_after=0, body={"cod": 429}), times=None)
    assert landing.land() == 0
    assert landing.codes() == ["SOURCE_RATE_LIMITED"] * 3 + ["SOURCE_GIVEN_UP"]
    assert len(station.log) == 3 * 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENWEATHER_URL", "http://api.openweathermap.org"),
        ("OPENWEATHER_URL", "https://user:canary@api.openweathermap.org"),
        ("OPENWEATHER_PLACES", "Sydney"),
        ("OPENWEATHER_PLACES", "91:0"),
        ("OPENWEATHER_UNITS", "kelvin"),
        ("OPENWEATHER_API_KEY", ""),
    ],
)
def test_a_bad_setting_is_named_and_its_value_is_not(
    name: str, value: str, station: WeatherStation, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        landing.land()
    assert name in caught.value.message and (not value or value not in caught.value.message)
    assert station.log == []
