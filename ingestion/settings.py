"""Settings: environment over the `.env` file at the repository's root, one typed class per room that needs some.

`read(Class)` turns a bad value into a `ConfigurationError` that names the variable and never repeats the value, which
may be a secret. An empty variable counts as unset, as `docker compose` passes unset ones on as empty.
"""

from __future__ import annotations

import os
import subprocess
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import AwareDatetime, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingestion.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[1]
ENV_FILE = ROOT / ".env"


class Settings(BaseSettings):
    """Base of every settings class: field `pghost` is the variable PGHOST."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )


class LandingSettings(Settings):
    """Folders and secrets of landing itself."""

    meterhouse_data: Path = Path("data")
    """Working folder: dlt's packages, files of the current run, and by default the lake and the pseudonym key."""
    lake_url: str | None = None
    """Where delivered bytes are kept: a folder or `s3://bucket/prefix`; default `<METERHOUSE_DATA>/lake`."""
    pseudonym_key: str | None = None
    """Key of the pseudonyms; when unset a key file is made once under METERHOUSE_DATA."""

    meterhouse_logical_at: AwareDatetime | None = None
    """The instant that landings are for (ISO 8601 with offset) where `--logical-at` is not given; default: now."""

    @field_validator("meterhouse_logical_at")
    @classmethod
    def _is_of_our_times(cls, value: datetime | None) -> datetime | None:
        if value is not None and not 1900 <= value.year < 2200:
            raise ValueError("is an instant between the years 1900 and 2199")
        return value

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """How much the log lines say."""

    @property
    def data(self) -> Path:
        return absolute(self.meterhouse_data)

    @property
    def key_file(self) -> Path:
        """Where the pseudonym key is kept when PSEUDONYM_KEY is unset."""
        return self.data / "pseudonym.key"

    @property
    def lake(self) -> str:
        url = self.lake_url or str(self.data / "lake")
        return url if "://" in url else str(absolute(Path(url)))


def absolute(path: Path) -> Path:
    """Relative paths in settings count from the repository's root, never from the caller's folder."""
    return Path(os.path.normpath(ROOT / path.expanduser()))


AnySettings = TypeVar("AnySettings", bound=BaseSettings)


def read(kind: type[AnySettings]) -> AnySettings:
    """One settings object; raises ConfigurationError naming each variable that is missing or bad."""
    try:
        return kind()
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise ConfigurationError("CONFIG_SETTING", f"{wrong}. Set it in the environment or in {ENV_FILE}.") from None


@lru_cache(maxsize=1)
def _env_file() -> dict[str, str | None]:
    from dotenv import dotenv_values

    return {name.upper(): value for name, value in dotenv_values(ENV_FILE).items()}


def value(name: str) -> str | None:
    """The raw text of one variable, environment over `.env`; None when unset or empty."""
    return os.environ.get(name) or _env_file().get(name.upper()) or None


def git_sha() -> str | None:
    """The commit of this checkout, with `-dirty` when files differ from it; None where there is no git."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None if found.returncode == 0 else None
