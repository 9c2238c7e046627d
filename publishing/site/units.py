"""The unit of a column: as its YAML says, else as its name ends."""

from __future__ import annotations

import re

ENDINGS = {
    "kwh": "kWh",
    "m3": "m3",
    "cad": "CAD",
    "dth": "dth",
    "celsius": "°C",
    "hpa": "hPa",
    "mm": "mm",
    "mps": "m/s",
    "lps": "L/s",
    "bar": "bar",
    "kva": "kVA",
    "pct": "%",
    "ratio": "ratio",
    "score": "score 0 to 1",
    "deg": "degrees",
    "m": "m",
    "s": "s",
    "seconds": "s",
    "minutes": "minutes",
    "hours": "h",
    "days": "days",
    "degree_days": "K d",
    "bytes": "bytes",
    "count": "count",
}
"""Unit by the last word of a name, or the last two."""
SAME = {"percent": "%"}
"""Units that are written in two ways."""
COUNTED = {
    "bills",
    "files",
    "meters",
    "models",
    "premises",
    "problems",
    "rows",
    "shares",
    "tables",
    "tests",
    "values",
}
"""What is counted where a name begins or ends with it, such as `rows_landed` and `late_tables`."""
_WHOLE = re.compile(r"(big|small|tiny|huge|u)?int(eger)?\d*\b")
_EXACT = re.compile(r"(numeric|decimal|double|float|real)")
# Numbers that name, order or encode: nothing can be added up.
_NAMES = re.compile(r"(^|_)(id|number|order|row|bits|code)$")


def unit(name: str, kind: str, declared: object = None) -> str:
    """Empty where a column has none. An instant's unit is its zone: UTC, or local where the name says so."""
    if declared:
        return SAME.get(str(declared), str(declared))
    kind = kind.lower()
    if kind.startswith("timestamp"):
        return "local time" if name.endswith("_local") else "UTC"
    if not is_number(kind):
        return ""
    if found := of_ending(name):
        return found
    words = name.strip("_").split("_")
    return next((word for word in (words[-1], words[0]) if word in COUNTED), "")


def of_ending(name: str) -> str | None:
    words = name.split("_")
    return ENDINGS.get("_".join(words[-2:])) or ENDINGS.get(words[-1])


def is_number(kind: str) -> bool:
    return bool(_WHOLE.match(kind.lower()) or _EXACT.match(kind.lower()))


def is_quantity(name: str, kind: str) -> bool:
    """Whether a number measures or counts, and so needs a unit."""
    return is_number(kind) and not _NAMES.search(name)
