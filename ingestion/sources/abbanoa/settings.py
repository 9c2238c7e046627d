"""Where the sensors' files, node lists and table lie, and how far behind a reading may come."""

from __future__ import annotations

import codecs
import re
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from ingestion.settings import Settings, absolute

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class AbbanoaSettings(Settings):
    """`ABBANOA_*`; any of the three addresses may be left out."""

    abbanoa_readings: str | None = None
    """Folder, glob, file or `s3://bucket/prefix` of `.csv`, `.csv.gz` and `.parquet`; S3 is reached by `AWS_*`."""
    abbanoa_nodes: str | None = None
    """The same for node lists (`.csv`, `.csv.gz`)."""
    abbanoa_encoding: str = "cp1252"
    """Encoding of the files that are neither UTF-8 nor marked by a byte-order mark; `utf-8` refuses them."""
    abbanoa_late_days: int = Field(default=3, ge=0)
    """A reading older than this before the newest is late: it lands and is told of. BigQuery is asked so far back."""
    abbanoa_bigquery_table: str | None = None
    """`project.dataset.table` of sensor readings; needs the extra `bigquery`."""
    abbanoa_bigquery_project: str | None = None
    """Project that the reading is billed to; default: the table's."""
    abbanoa_bigquery_from: date | None = None
    """First day to read into a warehouse that has none of the table yet; default: the table's first."""
    abbanoa_bigquery_url: str | None = None
    """REST address of an emulator on this machine, `http://127.0.0.1:PORT`; default: Google's, over TLS."""
    abbanoa_bigquery_storage_url: str | None = None
    """The emulator's gRPC address, `http://127.0.0.1:PORT`."""

    @field_validator("abbanoa_encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            info = codecs.lookup(name)
        except LookupError:
            raise ValueError("is no text encoding that is known here, like cp1252 or utf-8") from None
        if not info._is_text_encoding:
            raise ValueError("is no text encoding")
        return info.name

    @field_validator("abbanoa_bigquery_table")
    @classmethod
    def _whole_table(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[\w:.-]+\.\w+\.[\w$-]+", name):
            raise ValueError("is not project.dataset.table")
        return name

    @field_validator("abbanoa_bigquery_url", "abbanoa_bigquery_storage_url")
    @classmethod
    def _on_this_machine(cls, url: str | None) -> str | None:
        # Without TLS and credentials, a reading must not leave the machine.
        if url is not None and (urlsplit(url).scheme != "http" or urlsplit(url).hostname not in _LOOPBACK):
            raise ValueError("is not http://127.0.0.1:PORT")
        return url

    @property
    def readings(self) -> str | None:
        """Address of the readings, absolute when local."""
        return _absolute(self.abbanoa_readings)

    @property
    def nodes(self) -> str | None:
        """Address of the node lists, absolute when local."""
        return _absolute(self.abbanoa_nodes)


def _absolute(where: str | None) -> str | None:
    return where if where is None or "://" in where else str(absolute(Path(where)))
