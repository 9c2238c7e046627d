"""From the service to the lake: the current answer of each place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote, quote_plus

from ingestion.clients.content import BadContent
from ingestion.clients.http import Again, Answer, Expects, HttpClient, Pacer
from ingestion.source import Problem, Run, SourceError, Unchanged
from ingestion.sources.openweather.answers import LARGEST_BYTES, TABLE, Found, Kept, Known, check, label, told
from ingestion.sources.openweather.settings import WeatherSettings

PATH = "/data/2.5/weather"
GIVE_UP_AFTER = 3
"""So many places in a row without any answer, and the rest is left for another run."""

_SILENT = ("SOURCE_UNREACHABLE", "SOURCE_TIMEOUT", "SOURCE_TLS", "SOURCE_UNAVAILABLE", "SOURCE_RATE_LIMITED")


def current(run: Run, settings: WeatherSettings, secrets: Mapping[str, str], known: Known, folder: Path) -> Found:
    """The answer of each configured place; one that is refused or unknown does not stop the others."""
    places, refused = settings.places, list[Problem]()
    for found in _asked(run, settings, secrets, known, folder):
        if isinstance(found, Problem) and found.code == "DENIED_SOURCE":
            refused.append(found)
        else:
            yield found
    if refused and len(refused) == len(places):
        message = f"the key is refused for each of {len(places)} places; correct OPENWEATHER_API_KEY"
        yield Problem("DENIED_SOURCE", message, TABLE, settings.openweather_url)
    else:
        yield from refused


def _asked(run: Run, settings: WeatherSettings, secrets: Mapping[str, str], known: Known, folder: Path) -> Found:
    places, units, silent = settings.places, settings.openweather_units, 0
    accept = partial(_accept, secrets=secrets)
    pacer = Pacer(settings.openweather_calls_per_minute, 60)
    with HttpClient(folder, settings.patience, _OPENWEATHER, secrets=secrets, pacer=pacer) as client:
        for number, where in enumerate(places, 1):
            run.progress(number, len(places), "places")
            try:
                answer = client.get(f"{settings.openweather_url}{PATH}", {**_place(where), "units": units}, accept)
            except SourceError as error:
                yield Problem(error.code, f"place {where}: {error.message}", TABLE, error.uri)
                silent = silent + 1 if error.code in _SILENT else 0
                if silent == GIVE_UP_AFTER and number < len(places):
                    left = ", ".join(places[number:])
                    message = f"no answer for {silent} places in a row; not asked for: {left}. Run again later"
                    yield Problem("SOURCE_GIVEN_UP", message, TABLE, settings.openweather_url)
                    return
                continue
            silent = 0
            if not known.is_new(answer.sha256, where, units):
                yield Unchanged(TABLE, answer.uri)
                continue
            content = answer.path.read_bytes()
            stored = run.store(TABLE, "answer.json", answer.path, answer.sha256, label=label(where, units))
            yield Kept(
                answer.uri, where, units, stored, stored.path, content, delivered_at=_iso(run.logical_at)
            )  # fmt: skip


def _place(where: str) -> dict[str, str]:
    latitude, colon, longitude = where.partition(":")
    return {"lat": latitude, "lon": longitude} if colon else {"id": where}


def _accept(answer: Answer, secrets: Mapping[str, str]) -> None:
    """Raises what an answer with status 200 says against it: `cod` is a number or a text, and anything but 200."""
    if answer.first != b"{":
        raise SourceError("PROTOCOL_NOT_AN_OBJECT", f"body begins with {answer.first!r}", answer.uri)
    if answer.last != b"}":
        raise Again("SOURCE_CUT_BODY", f"the answer ended early, after {answer.size} bytes", answer.uri)
    content = answer.path.read_bytes()
    if any(written in content for secret in secrets.values() for written in _writings(secret)):
        raise SourceError("PROTOCOL_SECRET", "the answer repeats the key, so it is kept nowhere", answer.uri)
    try:
        check(content)
    except BadContent as error:
        raise SourceError(error.code, error.message, answer.uri) from None
    cod = str(told(content).get("cod", "200"))
    if cod == "200":
        return
    said = f"status 200 with an error in the body{_said(content)}"
    status = int(cod) if re.fullmatch(r"[1-5]\d\d", cod) else 0
    if advice := _ADVICE.get(status):
        said += f"; {advice}"
    if status == 429 or status >= 500:
        raise Again("SOURCE_RATE_LIMITED" if status == 429 else "SOURCE_UNAVAILABLE", said, answer.uri)
    raise SourceError(_CODES.get(status, "PROTOCOL_ERROR_BODY"), said, answer.uri)


def _writings(secret: str) -> tuple[bytes, ...]:
    """How an answer may repeat it: as it is, within JSON, as it stood in the address."""
    return tuple(text.encode() for text in (secret, json.dumps(secret)[1:-1], quote(secret), quote_plus(secret)))


def _said(body: bytes) -> str:
    """The `cod` of an error body; its free text stays out of our messages."""
    cod = str(told(body).get("cod", ""))
    return f" (cod {cod})" if re.fullmatch(r"\w{1,20}", cod) else ""


def _iso(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


_PLACE = "correct it in OPENWEATHER_PLACES"
_CODES = {400: "CONFIG_PLACE", 401: "DENIED_SOURCE", 403: "DENIED_SOURCE", 404: "CONFIG_PLACE"}
_ADVICE = {
    300: "correct OPENWEATHER_URL",
    400: _PLACE,
    401: "check OPENWEATHER_API_KEY",
    403: "check OPENWEATHER_API_KEY",
    404: _PLACE,
    429: "the plan's limit of calls is used up; lower OPENWEATHER_CALLS_PER_MINUTE or come back later",
}
_OPENWEATHER = Expects("JSON", r"application/(?:[\w.+-]+\+)?json", _CODES, _ADVICE, _said, LARGEST_BYTES)
