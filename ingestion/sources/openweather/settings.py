"""Which places, in which units, and how patient to be with the service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from ingestion.clients.http import Patience, base_url
from ingestion.errors import ConfigurationError
from ingestion.settings import Settings, absolute

Units = Literal["standard", "metric", "imperial"]

_ID = re.compile(r"\d{1,10}")
_COORDINATES = re.compile(r"(-?\d{1,2}(?:\.\d{1,10})?):(-?\d{1,3}(?:\.\d{1,10})?)")


class WeatherSettings(Settings):
    """`OPENWEATHER_*`. Seconds are those of a patient, polite client; tests shorten them."""

    openweather_url: str = "https://api.openweathermap.org"
    """`http://127.0.0.1:PORT` is for loopback only, as the key travels with each request."""
    openweather_api_key: SecretStr | None = None
    openweather_places: str | None = None
    """City ids, or `latitude:longitude` in degrees; separated by commas or blanks."""
    openweather_units: Units = "metric"
    openweather_archive: str | None = None
    """Folder, glob or `s3://bucket/prefix` of answers kept earlier, in `YYYY/MM/DD/` or named `..._YYYYMMDD.json`."""
    openweather_archive_units: Units | None = None
    """What the archive was asked in; default as `openweather_units`."""
    openweather_calls_per_minute: int = Field(default=60, ge=1)
    """60 is what the free plan allows."""
    openweather_connect_seconds: float = Field(default=10, gt=0)
    openweather_read_seconds: float = Field(default=30, gt=0)
    openweather_answer_seconds: float = Field(default=60, gt=0)
    openweather_tries: int = Field(default=5, ge=1, le=20)
    openweather_wait_seconds: float = Field(default=1, ge=0)
    openweather_wait_cap_seconds: float = Field(default=120, ge=0)

    @field_validator("openweather_url")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        return base_url(value)

    @field_validator("openweather_places")
    @classmethod
    def _are_places(cls, value: str | None) -> str | None:
        for place in _split(value):
            found = _COORDINATES.fullmatch(place)
            if not _ID.fullmatch(place) and not (found and abs(float(found[1])) <= 90 and abs(float(found[2])) <= 180):
                raise ValueError("give city ids such as 2147714, or latitude:longitude such as -33.87:151.21")
        return value

    @property
    def places(self) -> tuple[str, ...]:
        """Each place once, as it is written."""
        return tuple(dict.fromkeys(_split(self.openweather_places)))

    @property
    def secrets(self) -> dict[str, str]:
        """What each request needs and nothing else may know. Raises ConfigurationError when there is no key."""
        if self.openweather_api_key is None:
            message = "OPENWEATHER_PLACES is set and OPENWEATHER_API_KEY is not; set it in the environment"
            raise ConfigurationError("CONFIG_SETTING", message)
        return {"appid": self.openweather_api_key.get_secret_value()}

    @property
    def archive(self) -> str | None:
        """Address of the archive, absolute when local."""
        given = self.openweather_archive
        return given if given is None or "://" in given else str(absolute(Path(given)))

    @property
    def archive_units(self) -> Units:
        return self.openweather_archive_units or self.openweather_units

    @property
    def patience(self) -> Patience:
        """For one request."""
        return Patience(
            self.openweather_connect_seconds,
            self.openweather_read_seconds,
            self.openweather_answer_seconds,
            self.openweather_tries,
            self.openweather_wait_seconds,
            self.openweather_wait_cap_seconds,
        )


def _split(places: str | None) -> list[str]:
    return [place for place in re.split(r"[,\s]+", places or "") if place]
