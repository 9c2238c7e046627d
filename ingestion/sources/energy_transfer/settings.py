"""Which assets, where, how far back and how politely. The environment wins over the file of `ENERGY_TRANSFER_CONFIG`:

    url = "https://twtransfer.energytransfer.com"
    path = "/ipost/capacity/operationally-available"
    history_from = 2024-01-01

    [assets.TW]

    [assets.FEP]
    url = "https://feptransfer.energytransfer.com"

What stands above the assets is for all of them; each may have its own.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from ingestion.clients.http import Patience, base_url
from ingestion.errors import ConfigurationError
from ingestion.settings import Settings, absolute

DEFAULT_URL = "https://twtransfer.energytransfer.com"
DEFAULT_PATH = "/ipost/capacity/operationally-available"

_ASSET = re.compile(r"[A-Za-z0-9]{1,20}")
_EARLIEST = date(1990, 1, 1)
"""No nomination cycle is older; Python's calendar ends in the year 1."""
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")


@dataclass(frozen=True)
class Asset:
    """One pipeline: the short name that the publisher knows it by, and where to ask for it."""

    name: str
    url: str
    path: str
    history_from: date | None


class CapacitySettings(Settings):
    """`ENERGY_TRANSFER_*`. Seconds are those of a patient, polite client; tests shorten them."""

    energy_transfer_url: str | None = None
    """`http://127.0.0.1:PORT` is for loopback only."""
    energy_transfer_assets: str | None = None
    """Such as `TW,FEP`; separated by commas or blanks."""
    energy_transfer_config: Path | None = None
    energy_transfer_history_from: date | None = Field(default=None, ge=_EARLIEST)
    """Gas day with which an asset begins of which nothing has landed yet."""
    energy_transfer_requests_per_second: float = Field(default=4, gt=0)
    """Of all that run at once, tries included."""
    energy_transfer_parallel: int = Field(default=4, ge=1, le=32)
    energy_transfer_connect_seconds: float = Field(default=10, gt=0)
    energy_transfer_read_seconds: float = Field(default=60, gt=0)
    energy_transfer_answer_seconds: float = Field(default=300, gt=0)
    energy_transfer_tries: int = Field(default=5, ge=1, le=20)
    energy_transfer_wait_seconds: float = Field(default=1, ge=0)
    energy_transfer_wait_cap_seconds: float = Field(default=120, ge=0)

    @field_validator("energy_transfer_url")
    @classmethod
    def _is_a_host(cls, value: str | None) -> str | None:
        return None if value is None else base_url(value)

    @field_validator("energy_transfer_assets")
    @classmethod
    def _are_assets(cls, value: str | None) -> str | None:
        if bad := [name for name in split(value) if not _ASSET.fullmatch(name)]:
            raise ValueError(f"{len(bad)} of the assets are no short names such as TW")
        return value

    @property
    def patience(self) -> Patience:
        """For one request."""
        return Patience(
            self.energy_transfer_connect_seconds,
            self.energy_transfer_read_seconds,
            self.energy_transfer_answer_seconds,
            self.energy_transfer_tries,
            self.energy_transfer_wait_seconds,
            self.energy_transfer_wait_cap_seconds,
        )

    def assets(self) -> tuple[Asset, ...]:
        """Each asset once. Raises ConfigurationError that names what is wrong in the file."""
        told = _file(self.energy_transfer_config)
        by_asset: Mapping[str, Mapping[str, Any]] = told.get("assets", {})
        names = split(self.energy_transfer_assets) or list(by_asset) or ["TW"]
        return tuple(self._asset(name, told, by_asset.get(name, {})) for name in dict.fromkeys(names))

    def _asset(self, name: str, told: Mapping[str, Any], own: Mapping[str, Any]) -> Asset:
        return Asset(
            name,
            self.energy_transfer_url or own.get("url") or told.get("url") or DEFAULT_URL,
            own.get("path") or told.get("path") or DEFAULT_PATH,
            self.energy_transfer_history_from or own.get("history_from") or told.get("history_from"),
        )


def split(names: str | None) -> list[str]:
    """Names between commas or blanks."""
    return [name for name in re.split(r"[,\s]+", names or "") if name]


def _file(path: Path | None) -> dict[str, Any]:
    """The file's content, checked. Messages name keys, never values."""
    if path is None:
        return {}
    where = absolute(path)
    try:
        told = tomllib.loads(where.read_text(encoding="utf-8"))
    except OSError as error:
        raise _wrong(f"{where} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _wrong(f"{where} is not TOML: {error}") from None
    assets = told.get("assets", {})
    if not isinstance(assets, dict):
        raise _wrong(f"{where}: assets are tables, such as [assets.TW]")
    for name, own in assets.items():
        if not _ASSET.fullmatch(name) or not isinstance(own, dict):
            raise _wrong(f"{where}: [assets.{name[:40]}] is no asset")
        assets[name] = _checked(where, f"assets.{name}.", own)
    return {**_checked(where, "", {key: value for key, value in told.items() if key != "assets"}), "assets": assets}


def _checked(where: Path, prefix: str, told: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in told.items():
        try:
            if key == "url" and isinstance(value, str):
                found[key] = base_url(value)
            elif (key == "path" and isinstance(value, str) and _PATH.fullmatch(value)) or (
                key == "history_from" and type(value) is date and value >= _EARLIEST
            ):
                found[key] = value
            else:
                raise ValueError(
                    f"there are url, path (such as /ipost/...) and history_from (a date, from {_EARLIEST} on)"
                )
        except ValueError as error:
            raise _wrong(f"{where}: {prefix}{key}: {error}") from None
    return found


def _wrong(message: str) -> ConfigurationError:
    return ConfigurationError("CONFIG_SETTING", f"ENERGY_TRANSFER_CONFIG: {message}")
