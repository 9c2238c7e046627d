"""Where the Socrata data set is, and how patient to be with it."""

from __future__ import annotations

import re

from pydantic import Field, SecretStr, field_validator

from ingestion.clients.http import LOOPBACK, Patience
from ingestion.settings import Settings

_DOMAIN = re.compile(r"(?:(https?)://)?([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?/?")


class BillingSettings(Settings):
    """`SOCRATA_*`. Seconds are those of a patient, polite client; tests shorten them."""

    socrata_domain: str
    """A host, or `http://127.0.0.1:PORT`; plain http is for loopback only, as the token travels in a header."""
    socrata_dataset_id: str = Field(pattern=r"^[a-z0-9]{4}-[a-z0-9]{4}$")
    socrata_app_token: SecretStr | None = None
    socrata_page_size: int = Field(default=50_000, ge=1, le=1_000_000)
    socrata_connect_seconds: float = Field(default=10, gt=0)
    socrata_read_seconds: float = Field(default=60, gt=0)
    socrata_page_seconds: float = Field(default=300, gt=0)
    """For one answer as a whole: a server that drips never meets the limit for a single read."""
    socrata_tries: int = Field(default=5, ge=1, le=20)
    socrata_wait_seconds: float = Field(default=1, ge=0)
    """First pause between tries; later ones double, with jitter."""
    socrata_wait_cap_seconds: float = Field(default=120, ge=0)

    @field_validator("socrata_domain")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        found = _DOMAIN.fullmatch(value.strip())
        if not found:
            raise ValueError("give a host such as data.winnipeg.ca, without path, user or password")
        if found[1] == "http" and found[2] not in LOOPBACK:
            raise ValueError("plain http is for 127.0.0.1 and localhost only")
        return value.strip().rstrip("/")

    @property
    def scheme(self) -> str:
        return "http://" if self.socrata_domain.startswith("http://") else "https://"

    @property
    def host(self) -> str:
        """Host, with port where one is given."""
        return self.socrata_domain.split("://", 1)[-1]

    @property
    def patience(self) -> Patience:
        """For one request."""
        return Patience(
            self.socrata_connect_seconds,
            self.socrata_read_seconds,
            self.socrata_page_seconds,
            self.socrata_tries,
            self.socrata_wait_seconds,
            self.socrata_wait_cap_seconds,
        )
