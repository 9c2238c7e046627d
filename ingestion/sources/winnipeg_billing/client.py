"""sodapy, made safe in one place.

sodapy builds the addresses and SoQL parameters; this subclass replaces its `_perform_request`, because as it stands
(2.2.0, unmaintained since 2022) it reads each answer whole and turns it into Python objects, never tries twice, takes
202 for success and an empty body for a result, sets one time-out for everything, and lets `X-App-token` follow a
redirect to any host. Here `clients/http.py` asks, and an answer is the page as it came, for the lake.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from requests.adapters import HTTPAdapter
from sodapy import Socrata

from ingestion.clients.http import Again, Answer, Expects, HttpClient
from ingestion.source import SourceError
from ingestion.sources.winnipeg_billing.settings import BillingSettings


class SodaClient(Socrata):  # type: ignore[misc]
    """`get` and `get_metadata` of sodapy, each returning an Answer in `folder`. Raises SourceError, nothing else."""

    def __init__(self, settings: BillingSettings, folder: Path, sleep: Callable[[float], None] = time.sleep) -> None:
        token = settings.socrata_app_token
        plain = {"prefix": "http://", "adapter": HTTPAdapter()} if settings.scheme == "http://" else None
        super().__init__(settings.host, token.get_secret_value() if token else None, session_adapter=plain)
        self.settings = settings
        self.http = HttpClient(folder, settings.patience, _SOCRATA, session=self.session, sleep=sleep)

    def _perform_request(self, request_type: str, resource: str, **kwargs: Any) -> Answer:
        if request_type != "get":
            raise ValueError("this client only reads")
        return self.http.get(f"{self.uri_prefix}{self.domain}{resource}", kwargs.get("params"), _check)


def _check(answer: Answer) -> None:
    """Raises SourceError for a body that is no list of rows, or no object; Again for one that was cut short."""
    is_rows = "/resource/" in answer.uri
    if answer.first != (b"[" if is_rows else b"{"):
        code = "PROTOCOL_NOT_A_LIST" if is_rows else "PROTOCOL_NOT_AN_OBJECT"
        with answer.path.open("rb") as file:
            said = _said(file.read(65536))
        raise SourceError(code, f"body begins with {answer.first!r}{said}", answer.uri)
    if answer.last != (b"]" if is_rows else b"}"):
        raise Again("SOURCE_CUT_BODY", f"the answer ended early, after {answer.size} bytes", answer.uri)


def _said(body: bytes) -> str:
    """The error code of a Socrata error body, in its current or older form; its free text stays out of our messages."""
    with suppress(ValueError, RecursionError):
        told = json.loads(body)
        code = str((told.get("errorCode") or told.get("code") or "") if isinstance(told, dict) else "")
        if re.fullmatch(r"[\w.:-]{1,80}", code):
            return f" ({code})"
    return ""


def fields(answer: Answer) -> tuple[str, ...]:
    """The field names that the answer's header gives; empty when it gives none."""
    with suppress(ValueError, RecursionError):
        found = json.loads(answer.headers.get("X-SODA2-Fields") or "[]")
        if isinstance(found, list):
            return tuple(str(name) for name in found)
    return ()


_SOCRATA = Expects(
    kind="JSON",
    content_types=r"application/(?:[\w.+-]+\+)?json|text/plain",
    codes={404: "CONFIG_DATASET_NOT_FOUND", 410: "CONFIG_DATASET_NOT_FOUND"},
    advice={
        300: "correct SOCRATA_DOMAIN",
        401: "check SOCRATA_APP_TOKEN",
        403: "check SOCRATA_APP_TOKEN",
        404: "check SOCRATA_DOMAIN and SOCRATA_DATASET_ID",
        410: "check SOCRATA_DOMAIN and SOCRATA_DATASET_ID",
        429: "an app token in SOCRATA_APP_TOKEN gives a pool of its own",
    },
    said=_said,
)
