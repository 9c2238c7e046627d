"""What the API can be told by its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from ingestion.settings import LandingSettings, Settings, absolute, read


class ApiSettings(Settings):
    """Everything has a default that suits one machine."""

    api_keys_file: Path | None = None
    """Names, roles and hashes of the API's keys; default `<METERHOUSE_DATA>/api/keys.json`."""
    api_calls_per_minute: int = Field(default=600, ge=1)
    """Calls that one key, or one address without a key, may make in a minute."""
    redis_url: SecretStr | None = None
    """Where answers and counts of calls are kept for several processes; default: in this process."""
    airflow_url: str | None = None
    """The Airflow that runs landings and builds (http://host:8080); default: this machine runs them."""
    airflow_user: str | None = None
    airflow_password: SecretStr | None = None

    @property
    def folder(self) -> Path:
        """Keys, jobs and the journal of calls."""
        return read(LandingSettings).data / "api"

    @property
    def keys(self) -> Path:
        return absolute(self.api_keys_file) if self.api_keys_file else self.folder / "keys.json"
