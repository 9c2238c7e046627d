"""From the service to the lake: the current answer of each place, and those that an archive or the lake already has.

The lake's label of an answer is `<place>_<units>`, which the bytes do not say; so a lake can be landed again without a
request. `_kept` reads what `_label` wrote.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_args

from ingestion.clients.content import BadContent, check_depth, check_text, inflate
from ingestion.clients.http import Again, Answer, Expects, HttpClient, Pacer
from ingestion.clients.places import Place, name_of, place
from ingestion.errors import ConfigurationError
from ingestion.source import Problem, Run, SourceError, StoredFile, Unchanged, source_file
from ingestion.sources.openweather.settings import Units, WeatherSettings

log = logging.getLogger(__name__)

TABLE = "weather_observations"
STORING, CHUNK = 16, 256
"""Threads that store an archive, and how many files they are given at once."""
GIVE_UP_AFTER = 3
"""So many places in a row without any answer, and the rest is left for another run."""

_LABEL = re.compile(r"(-?[\dp]+(?:x-?[\dp]+)?)_(" + "|".join(get_args(Units)) + ")")
_NAMED = re.compile(r"(?:/(\d{4})/(\d\d)/(\d\d)/[^/]*|_(\d{4})(\d\d)(\d\d)\.json(?:\.gz)?)$", re.IGNORECASE)
_BOM = b"\xef\xbb\xbf"
_LARGEST = 1 << 20


@dataclass(frozen=True)
class Kept:
    """One answer: verbatim in the lake, and as plain JSON text in a local file that DuckDB can read."""

    uri: str
    place: str
    units: str
    stored: StoredFile
    text: Path
    content: bytes
    """The plain JSON text. Let go of after inspection."""
    version: str | None = None
    delivered_at: str | None = None

    @property
    def day(self) -> date:
        """The day it is kept under: the run's logical date, or the archive's."""
        year, month, day = self.stored.key.split("/")[3:6]
        return date(int(year), int(month), int(day))


@dataclass(frozen=True)
class _Read:
    """One file of an archive that is new, before it is stored."""

    uri: str
    place: str
    units: str
    content: bytes
    text: bytes
    sha256: str
    day: date
    version: str | None
    delivered_at: str | None


Found = Iterator[Kept | Problem | Unchanged]


class Weather:
    """One run's answers. Each content of a place and units is new once, wherever it lies."""

    def __init__(self, run: Run, settings: WeatherSettings) -> None:
        self.run, self.settings = run, settings
        self.folder = run.scratch / "openweather"
        self.folder.mkdir(parents=True, exist_ok=True)
        landed = run.query(
            "select uri, version, sha256, source_file from raw.landed_files "
            f"where source = 'openweather' and table_name = '{TABLE}' order by _dlt_load_id"
        )
        self._versions = {str(uri): version for uri, version, _, _ in landed}
        self._known = {(str(sha), str(name).partition("@")[2]) for _, _, sha, name in landed}
        self._names = {str(name) for _, _, _, name in landed}

    # What the service says now

    def current(self) -> Found:
        """The answer of each configured place; one that is refused or unknown does not stop the others."""
        settings, refused = self.settings, list[Problem]()
        if settings.openweather_api_key is None:
            raise ConfigurationError("CONFIG_SETTING", "OPENWEATHER_PLACES is set and OPENWEATHER_API_KEY is not")
        pacer = Pacer(settings.openweather_calls_per_minute, 60)
        key = {"appid": settings.openweather_api_key.get_secret_value()}
        with HttpClient(self.folder, settings.patience, _OPENWEATHER, secrets=key, pacer=pacer) as client:
            silent = 0
            for number, where in enumerate(settings.places, 1):
                self.run.progress(number, len(settings.places), "places")
                try:
                    answer = client.get(f"{settings.openweather_url}/data/2.5/weather", self._request(where), _accept)
                    silent = 0
                    yield self._answered(answer, where)
                except SourceError as error:
                    problem = Problem(error.code, f"place {where}: {error.message}", TABLE, error.uri)
                    silent = silent + 1 if error.code in ("SOURCE_UNREACHABLE", "SOURCE_TIMEOUT", "SOURCE_TLS") else 0
                    if error.code == "DENIED_SOURCE":
                        refused.append(problem)
                    else:
                        yield problem
                    if silent >= GIVE_UP_AFTER and number < len(settings.places):
                        left = ", ".join(settings.places[number:])
                        message = f"no answer for {silent} places in a row; not asked for: {left}. Run again later"
                        yield Problem("SOURCE_GIVEN_UP", message, TABLE, settings.openweather_url)
                        break
        if refused and len(refused) == len(settings.places):
            message = f"the key is refused for each of {len(refused)} places; correct OPENWEATHER_API_KEY"
            yield Problem("DENIED_SOURCE", message, TABLE, settings.openweather_url)
        else:
            yield from refused

    def _request(self, where: str) -> dict[str, str]:
        latitude, colon, longitude = where.partition(":")
        place = {"lat": latitude, "lon": longitude} if colon else {"id": where}
        return {**place, "units": self.settings.openweather_units}

    def _answered(self, answer: Answer, where: str) -> Kept | Unchanged:
        content, units = answer.path.read_bytes(), self.settings.openweather_units
        if not self._is_new(answer.sha256, where, units):
            return Unchanged(TABLE, answer.uri)
        stored = self.run.store(TABLE, "answer.json", answer.path, answer.sha256, label=_label(where, units))
        return Kept(answer.uri, where, units, stored, stored.path, content, delivered_at=_iso(self.run.logical_at))

    # What was kept earlier

    def archive(self, where: str) -> Found:
        """Files of an archive, each under the day that its folder or name tells, else under that of its observation."""
        try:
            archive = place(where, "OPENWEATHER_ARCHIVE", (".json", ".json.gz"))
            uris = archive.uris()
        except BadContent as error:
            yield Problem(error.code, error.message, TABLE, where)
            return
        listed = list(uris.items())
        with ThreadPoolExecutor(STORING, thread_name_prefix="lake") as pool:
            for start in range(0, len(listed), CHUNK):
                self.run.progress(start, len(listed), "answers kept earlier")
                looked = [self._look(archive, uri, version) for uri, version in listed[start : start + CHUNK]]
                yield from pool.map(self._keep, looked)
        self.run.progress(len(listed), len(listed), "answers kept earlier")

    def _look(self, archive: Place, uri: str, listed: str | None) -> _Read | Problem | Unchanged:
        """One file of the archive as far as it is read; not stored yet."""
        if listed is not None and listed == self._versions.get(uri):
            return Unchanged(TABLE, uri)
        units = self.settings.archive_units
        try:
            content, version, delivered_at = archive.read(uri)
            text = _plain(name_of(uri), content)
            told = _told(text)
            where, day = _place_of(told), _day_of(uri) or _observed(told)
            if day is None:
                raise BadContent("DATA_NO_DATE", "neither its folder nor its name nor dt gives a day")
        except BadContent as error:
            return Problem(error.code, error.message, TABLE, uri, error.row, error.column)
        sha256 = hashlib.sha256(content).hexdigest()
        if not self._is_new(sha256, where, units):
            return Unchanged(TABLE, uri)
        return _Read(uri, where, units, content, text, sha256, day, version, delivered_at)

    def _keep(self, found: _Read | Problem | Unchanged) -> Kept | Problem | Unchanged:
        if not isinstance(found, _Read):
            return found
        label = _label(found.place, found.units)
        stored = self.run.store(TABLE, name_of(found.uri), found.content, found.sha256, label=label, day=found.day)
        local = self._local(stored, found.text)
        return Kept(
            found.uri, found.place, found.units, stored, local, found.text, found.version, found.delivered_at
        )  # fmt: skip

    def lake(self) -> Found:
        """Everything the lake has between the run's days and raw has not; nobody is asked."""
        entries = self.run.stored(TABLE, self.run.since, self.run.until)
        for number, entry in enumerate(entries, 1):
            self.run.progress(number, len(entries), "answers in the lake")
            uri, kept = f"lake:{entry.key}", _LABEL.fullmatch(entry.label)
            if source_file(entry.key) in self._names:
                yield Unchanged(TABLE, uri)
                continue
            try:
                if kept is None:
                    raise BadContent("DATA_NO_PLACE", f"the lake's name tells no place and units: {entry.label!r}")
                stored = self.run.open(entry)
                text = _plain(entry.key, stored.path.read_bytes())
                where = kept[1].replace("p", ".").replace("x", ":")
                yield Kept(uri, where, kept[2], stored, self._local(stored, text), text)
            except BadContent as error:
                yield Problem(error.code, error.message, TABLE, uri, error.row, error.column)

    def _local(self, stored: StoredFile, text: bytes) -> Path:
        """The file in the lake when it is plain text, else a copy that is."""
        if stored.bytes == len(text):
            return stored.path
        path = self.folder / f"{stored.source_file}.json"
        path.write_bytes(text)
        return path

    def _is_new(self, sha256: str, where: str, units: str) -> bool:
        """Whether these bytes have not been landed for the place; the second time within a run they have."""
        known = (sha256, _label(where, units))
        is_new = known not in self._known
        self._known.add(known)
        return is_new


def _label(where: str, units: str) -> str:
    """Place and units in the letters that the lake keeps: `-33.87:151.21` becomes `-33p87x151p21`."""
    return f"{where.replace('.', 'p').replace(':', 'x')}_{units}"


def _plain(name: str, content: bytes) -> bytes:
    """The JSON text in the bytes: unpacked, without BOM, of a size and depth that is harmless."""
    packed = name.lower().endswith(".gz")
    text = (b"".join(inflate([content], _LARGEST)) if packed else content).removeprefix(_BOM)
    if not text.strip():
        raise BadContent("DATA_EMPTY_FILE", "nothing in it: an answer that was not kept")
    if len(text) > _LARGEST:
        raise BadContent("DATA_TOO_LARGE", f"{len(text)} bytes are no answer about one place")
    check_text(text)
    check_depth(text, 0)
    return text


def _told(text: bytes) -> dict[str, Any]:
    """The answer as far as it is one; inspection says later what is wrong with it."""
    with suppress(ValueError, RecursionError):
        found = json.loads(text, parse_float=str)
        if isinstance(found, dict):
            return found
    return {}


def _place_of(told: dict[str, Any]) -> str:
    """The city id, or the coordinates where the service knows no city."""
    if re.fullmatch(r"[1-9]\d{0,9}", str(told.get("id"))):
        return str(told["id"])
    coordinates = told.get("coord")
    if isinstance(coordinates, dict):
        where = f"{coordinates.get('lat')}:{coordinates.get('lon')}"
        if _LABEL.fullmatch(_label(where, "metric")):
            return where
    raise BadContent("DATA_NO_PLACE", "names no place: neither id nor coord; it is no answer about current weather")


def _day_of(uri: str) -> date | None:
    found = _NAMED.search(uri)
    with suppress(ValueError):
        if found:
            return date(*(int(part) for part in found.groups() if part))
    return None


def _observed(told: dict[str, Any]) -> date | None:
    with suppress(ValueError, TypeError, OverflowError, OSError):
        return datetime.fromtimestamp(int(str(told.get("dt"))), UTC).date()
    return None


def _accept(answer: Answer) -> None:
    """Raises what an answer with status 200 says against it: `cod` is a number or a text, and anything but 200."""
    if answer.first != b"{":
        raise SourceError("PROTOCOL_NOT_AN_OBJECT", f"body begins with {answer.first!r}", answer.uri)
    if answer.last != b"}":
        raise Again("SOURCE_CUT_BODY", f"the answer ended early, after {answer.size} bytes", answer.uri)
    if answer.size > _LARGEST:
        raise SourceError("DATA_TOO_LARGE", f"{answer.size} bytes are no answer about one place", answer.uri)
    content = answer.path.read_bytes()
    try:
        check_text(content)
        check_depth(content, 0)
    except BadContent as error:
        raise SourceError(error.code, error.message, answer.uri) from None
    cod = str(_told(content).get("cod", "200"))
    if cod == "200":
        return
    said = f"status 200 with an error in the body{_said(content)}"
    status = int(cod) if re.fullmatch(r"[1-5]\d\d", cod) else 0
    if advice := _ADVICE.get(status):
        said += f"; {advice}"
    if status == 429 or status >= 500:
        raise Again("SOURCE_RATE_LIMITED" if status == 429 else "SOURCE_UNAVAILABLE", said, answer.uri)
    raise SourceError(_CODES.get(status, "PROTOCOL_ERROR_BODY"), said, answer.uri)


def _said(body: bytes) -> str:
    """The `cod` of an error body; its free text stays out of our messages."""
    cod = str(_told(body[:65536]).get("cod", ""))
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
_OPENWEATHER = Expects("JSON", r"application/(?:[\w.+-]+\+)?json", _CODES, _ADVICE, _said)
