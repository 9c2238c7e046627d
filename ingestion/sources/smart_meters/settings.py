"""Where smart-meter deliveries lie."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from ingestion.settings import Settings, absolute


class SmartMeterSettings(Settings):
    """`SMART_METERS_*`; one of the two addresses may be left out."""

    smart_meters_readings: str | None = None
    """Folder, glob or `s3://bucket/prefix` of `*.json` and `*.json.gz`; S3 is reached by the usual `AWS_*`."""
    smart_meters_database: Path | None = None
    """SQLite file; it may be in use by its writer."""
    smart_meters_lock_seconds: float = Field(default=30, ge=0)
    """How long to wait for a writer that holds the SQLite file."""

    @property
    def readings(self) -> str | None:
        """Address of the readings, absolute when local."""
        given = self.smart_meters_readings
        return given if given is None or "://" in given else str(absolute(Path(given)))

    @property
    def database(self) -> Path | None:
        given = self.smart_meters_database
        return None if given is None else absolute(given)
