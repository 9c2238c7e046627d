"""How values are written: plain decimals with a point, or European ones with a comma and dots between thousands."""

from __future__ import annotations

from datetime import UTC, datetime


def _plain(value: int, places: int, at_least: int) -> str:
    whole, part = divmod(abs(value), 10**places)
    digits = f"{part:0{places}d}"
    while len(digits) > at_least and digits[-1] == "0":
        digits = digits[:-1]
    return f"{'-' if value < 0 else ''}{whole}.{digits}"


def lps(value: int) -> str:
    """Hundredths of a litre per second as L/s."""
    return _plain(value, 2, 2)


def m3(litres: int) -> str:
    """Litres as exact m3 with three places."""
    return _plain(litres, 3, 3)


def bar(value: int) -> str:
    """Hundred-thousandths of a bar as bar, with two places or as many as it needs."""
    return _plain(value, 5, 2)


def degrees(value: int) -> str:
    """Tenths of a degree as °C."""
    return _plain(value, 1, 1)


def european(text: str, thousands: bool = True) -> str:
    """`1234.5` as `1.234,5`, or as `1234,5` without dots between thousands."""
    whole, _, part = text.partition(".")
    if thousands and len(whole) > 3:
        whole = f"{int(whole):,}".replace(",", ".")
    return f"{whole},{part}" if part else whole


def utc_text(instant: int) -> str:
    """`2021-03-28 00:30:00`."""
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%d %H:%M:%S}"
