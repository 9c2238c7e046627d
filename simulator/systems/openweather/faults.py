"""The fault set of the weather: an archive of answers that are broken, or odd, or hold odd values.

`outcome` of a file is `landed`, `rejected` (the file is named, the rest lands) or `unchanged` (its content was landed
before); `day` is the one it is kept under where that is the question. `values` are raw columns of the one row: `text`
is what raw must hold (None: null), `outcome` what it is as a number in metric units (None: null without a failure,
`fails`: null and a row of the parse ledger).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simulator.systems.openweather.climate import PLACES, Climate
from simulator.systems.openweather.payload import payload

DAY = "2021/03/01"
# raw column -> JSON as sent, text in raw, outcome
VALUES: tuple[tuple[str, str, str | None, str | None], ...] = (
    ("main_temp", "21.50", "21.50", "21.5"),
    ("main_temp_min", "-0", "-0", "0"),
    ("main_temp_max", "2.2e1", "2.2e1", "22"),
    ("main_feels_like", '"n/a"', "n/a", None),
    ("main_pressure", "1012.125", "1012.125", "1012.125"),
    ("main_humidity", "null", None, None),
    ("wind_speed", '"3.6"', "3.6", "3.6"),
    ("wind_deg", '"north"', "north", "fails"),
    ("wind_gust", '""', "", None),
    ("rain_1h", "0", "0", "0"),
    ("visibility", '"1e400"', "1e400", "fails"),
    ("id", "9007199254740993", "9007199254740993", "9007199254740993"),
    ("name", '"Syd\\u0000ney"', None, None),
)


def write_faults(folder: Path) -> dict[str, Any]:
    """Writes `archive`; returns its cases and the units it is in."""
    archive = folder / "archive"
    cases: list[dict[str, Any]] = []

    def put(name: str, content: str | bytes, outcome: str, fault: str, folder: str = DAY, **more: object) -> None:
        path = archive / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        file = path.relative_to(archive).as_posix()
        cases.append({"file": file, "fault": fault, "outcome": outcome, **more})

    climate = Climate(1, datetime(2021, 2, 27, tzinfo=UTC))

    def good(number: int, **changes: object) -> dict[str, Any]:
        """An answer of Sydney at the minute of that number: every case has a `dt` of its own."""
        seen = climate.observe(PLACES[0], datetime(2021, 3, 1, number // 60, number % 60, tzinfo=UTC))
        return {**payload(seen, "metric"), **changes}

    plain = json.dumps(good(0))
    put("plain.json", plain, "landed", "none: the answer the others are compared with")
    put("repeated.json", plain, "unchanged", "the bytes of plain.json under another name: one of the two")
    put("pretty.json", json.dumps(good(1), indent=2).replace("\n", "\r\n"), "landed", "pretty-printed with CRLF")
    put("bom.json", b"\xef\xbb\xbf" + json.dumps(good(2)).encode(), "landed", "a byte-order mark")
    put("truncated.json", json.dumps(good(3))[:200], "rejected", "cut in the middle")
    put("empty.json", b"", "rejected", "zero bytes")
    put("login_page.json", "<html><body>Please sign in</body></html>", "rejected", "HTML under a .json name")
    put("list.json", json.dumps([good(4)]), "rejected", "a list, not an object")
    put("not_utf8.json", json.dumps(good(5)).encode().replace(b"Sydney", b"Sydn\xffy"), "rejected", "not UTF-8")
    put(
        "not_found.json",
        json.dumps({"cod": "404", "message": "city not found"}),
        "rejected",
        "an error body; cod is text",
    )
    put("denied.json", json.dumps({"cod": 401, "message": "Invalid API key."}), "rejected", "an error body; cod is int")
    put("text_cod.json", json.dumps(good(6, cod="200")), "landed", "cod is the text 200: a good answer all the same")
    without = good(7)
    del without["dt"]
    put("no_dt.json", json.dumps(without), "rejected", "no dt: a key of the observation is missing")
    put("no_weather.json", json.dumps(good(8, weather=[])), "landed", "an empty weather list")
    bare = {name: value for name, value in good(9).items() if name in ("coord", "dt", "timezone", "id", "cod")}
    put("bare.json", json.dumps(bare), "landed", "no measurements at all: every one of them is null")
    new = good(10, uvi=4.2, air={"pm2_5": 7.1})
    put("new_keys.json", json.dumps(new), "landed", "keys nobody knew", columns={"uvi": "4.2", "air_pm2_5": "7.1"})
    restated = good(0)
    restated["main"]["temp"] = 33.25
    put("restated.json", json.dumps(restated), "landed", "the dt of plain.json with another temperature, a day later",
        "2021/03/02", restates="plain.json")  # fmt: skip
    put("weather_Sydney_20210303.json", json.dumps(good(11)), "landed", "the day in the name", "", day="2021-03-03")
    put("weather_Sydney.json", json.dumps(good(12)), "landed", "no day in folders or name: that of dt",
        "unknown_date", day="2021-03-01")  # fmt: skip
    put("weather_Sydney_20210230.json", json.dumps(good(13)), "landed", "the 30th of February: the day of dt", "",
        day="2021-03-01")  # fmt: skip
    for number, (column, sent, text, outcome) in enumerate(VALUES, 20):
        put(
            f"value_{number}.json",
            _with(good(number), column, sent),
            "rejected" if column == "name" else "landed",
            f"{column} is {sent}",
            values=[] if column == "name" else [{"column": column, "text": text, "outcome": outcome}],
        )
    return {"units": "metric", "place": str(PLACES[0].city_id), "archive": cases}


def _with(found: dict[str, Any], column: str, sent: str) -> str:
    """The answer with one value written exactly as given."""
    mark = "@@"
    parent, _, child = column.partition("_")
    if child and parent in ("main", "wind", "rain"):
        found[parent] = {**found.get(parent, {}), child: mark}
    else:
        found[column] = mark
    return json.dumps(found).replace(f'"{mark}"', sent)
