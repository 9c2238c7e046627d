"""An observation as the JSON object of the wire, in the units asked for."""

from __future__ import annotations

import json
from datetime import UTC
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from simulator.systems.openweather.climate import ZERO_CELSIUS, Observation

UNITS = ("standard", "metric", "imperial")
_MPH = Decimal("2.23694")


def temperature(hundredths_of_kelvin: int, units: str) -> Decimal:
    """K, °C or °F, two decimals."""
    if units == "standard":
        return Decimal(hundredths_of_kelvin).scaleb(-2)
    celsius = Decimal(hundredths_of_kelvin - ZERO_CELSIUS).scaleb(-2)
    return celsius if units == "metric" else _cents(celsius * 9 / 5 + 32)


def speed(hundredths: int, units: str) -> Decimal:
    """m/s, or miles per hour with imperial units, two decimals."""
    metres = Decimal(hundredths).scaleb(-2)
    return _cents(metres * _MPH) if units == "imperial" else metres


def _cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _number(value: Decimal) -> int | float:
    """As JSON shows it: no decimals that say nothing."""
    return int(value) if value == value.to_integral_value() else float(value)


def payload(seen: Observation, units: str, coordinates: tuple[float, float] | None = None) -> dict[str, Any]:
    """The answer's object; `coordinates` (latitude, longitude) are echoed when a client asked by them."""
    place = seen.place
    latitude, longitude = coordinates or (place.latitude, place.longitude)
    at = int(seen.at.astimezone(UTC).timestamp())
    icon = "d" if seen.sunrise <= at < seen.sunset else "n"

    def hundredths(value: int) -> int | float:
        return _number(Decimal(value).scaleb(-2))

    def degrees(value: int) -> int | float:
        return _number(temperature(value, units))

    main: dict[str, Any] = {"temp": degrees(seen.temperature)}
    if seen.feels_like is not None:
        main["feels_like"] = degrees(seen.feels_like)
    main |= {"temp_min": degrees(seen.least), "temp_max": degrees(seen.greatest)}
    main |= {"pressure": hundredths(seen.pressure), "humidity": seen.humidity}
    if seen.sea_level is not None:
        main |= {"sea_level": seen.sea_level, "grnd_level": seen.ground_level}
    wind: dict[str, Any] = {"speed": _number(speed(seen.wind, units)), "deg": hundredths(seen.direction)}
    if seen.gust is not None:
        wind["gust"] = _number(speed(seen.gust, units))
    system: dict[str, Any] = {}
    if seen.internals is not None:
        system = {"type": seen.internals[0], "id": seen.internals[1]}
    if seen.message is not None:
        system["message"] = _number(Decimal(seen.message).scaleb(-4))
    system |= {"country": place.country, "sunrise": seen.sunrise, "sunset": seen.sunset}
    found: dict[str, Any] = {
        "coord": {"lon": longitude, "lat": latitude},
        "weather": [
            {"id": item.code, "main": item.main, "description": item.description, "icon": item.icon + icon}
            for item in seen.items
        ],
        "base": "stations",
        "main": main,
    }
    if seen.visibility is not None:
        found["visibility"] = seen.visibility
    found["wind"] = wind
    for name, fallen in (("rain", seen.rain), ("snow", seen.snow)):
        if fallen is not None:
            found[name] = {fallen[0]: hundredths(fallen[1])}
    return {
        **found,
        "clouds": {"all": seen.clouds},
        "dt": at,
        "sys": system,
        "timezone": seen.offset,
        "id": place.city_id,
        "name": place.name,
        "cod": 200,
    }


def text(found: dict[str, Any]) -> bytes:
    """Compact, as the service writes it."""
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()
