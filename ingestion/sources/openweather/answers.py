"""What the source knows of one answer: whose it is, in which units, what its text says, and whether it is new.

The bytes do not say for which place and in which units they were asked for. The lake's label does: `<place>_<units>`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, get_args

from ingestion.clients.content import BadContent, check_depth, check_text
from ingestion.source import Problem, Run, StoredFile, Unchanged
from ingestion.sources.openweather.settings import Units

TABLE = "weather_observations"
LARGEST_BYTES = 1 << 20
"""An answer about one place has hardly a thousandth of it."""

_LABEL = re.compile(r"(-?[\dp]+(?:x-?[\dp]+)?)_(" + "|".join(get_args(Units)) + ")")


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


Found = Iterator[Kept | Problem | Unchanged]


class Known:
    """What raw holds of answers. Each content of a place and units is new once, wherever it lies."""

    def __init__(self, run: Run) -> None:
        landed = run.query(
            "select uri, version, sha256, source_file from raw.landed_files "
            f"where source = 'openweather' and table_name = '{TABLE}' order by _dlt_load_id"
        )
        self.versions = {str(uri): version for uri, version, _, _ in landed}
        """What was landed last from an address, as its place calls it."""
        self.names = {str(name) for _, _, _, name in landed}
        """Of files in the lake, as rows have them."""
        self._contents = {(str(sha), str(name).partition("@")[2]) for _, _, sha, name in landed}

    def is_new(self, sha256: str, where: str, units: str) -> bool:
        """Whether these bytes have not been landed for the place; the second time within a run they have."""
        content = (sha256, label(where, units))
        is_new = content not in self._contents
        self._contents.add(content)
        return is_new


def label(where: str, units: str) -> str:
    """Place and units in the letters that the lake keeps: `-33.87:151.21` becomes `-33p87x151p21`."""
    return f"{where.replace('.', 'p').replace(':', 'x')}_{units}"


def asked_for(text: str) -> tuple[str, str]:
    """Place and units of a label. Raises BadContent `DATA_NO_PLACE`."""
    found = _LABEL.fullmatch(text)
    if found is None:
        raise BadContent("DATA_NO_PLACE", f"the lake's name tells no place and units: {text!r}")
    return found[1].replace("p", ".").replace("x", ":"), found[2]


def check(text: bytes) -> None:
    """Raises BadContent for what no engine should be given: too long, too deep, not UTF-8, a NUL."""
    if len(text) > LARGEST_BYTES:
        raise BadContent("DATA_TOO_LARGE", f"{len(text)} bytes are no answer about one place")
    check_text(text)
    check_depth(text, 0)


def told(text: bytes) -> dict[str, Any]:
    """The answer as far as it is one; inspection says later what is wrong with it."""
    with suppress(ValueError, RecursionError):
        found = json.loads(text, parse_float=str)
        if isinstance(found, dict):
            return found
    return {}


def place_of(said: dict[str, Any]) -> str:
    """The city id, or the coordinates where the service knows no city."""
    if re.fullmatch(r"[1-9]\d{0,9}", str(said.get("id"))):
        return str(said["id"])
    coordinates = said.get("coord")
    if isinstance(coordinates, dict):
        where = f"{coordinates.get('lat')}:{coordinates.get('lon')}"
        if _LABEL.fullmatch(label(where, "metric")):
            return where
    raise BadContent("DATA_NO_PLACE", "names no place: neither id nor coord; it is no answer about current weather")
