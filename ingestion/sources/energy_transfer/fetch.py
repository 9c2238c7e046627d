"""From the publisher to checked postings: asked for in parallel, within a politeness bound."""

from __future__ import annotations

import logging
import re
import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from ingestion.clients.content import BadContent
from ingestion.clients.http import Again, Answer, Expects, HttpClient, Pacer
from ingestion.source import Problem, SourceError
from ingestion.sources.energy_transfer.plan import TABLE, Wanted
from ingestion.sources.energy_transfer.posting import Posting, parse
from ingestion.sources.energy_transfer.settings import CapacitySettings
from ingestion.sources.energy_transfer.timetable import cycle_of

log = logging.getLogger(__name__)

SEARCH_TYPE = "ALL"
"""Every active location; `NOM` would leave out those with nothing scheduled."""
GIVE_UP_AFTER = 8
"""So many postings of a host in a row without any answer, and the rest of that host is left for another run."""

_FILE_NAME = re.compile(r"OAC_([A-Za-z0-9]+)_(\d+)_(\d\d)-(\d\d)-(\d{4})_(.+)\.csv", re.IGNORECASE)
_SILENT = ("SOURCE_UNREACHABLE", "SOURCE_TIMEOUT", "SOURCE_TLS", "SOURCE_UNAVAILABLE", "SOURCE_RATE_LIMITED")


Answered = tuple[Wanted, Posting | Problem | None]
"""What came of one request; None when it was not made, as its host had gone silent."""


class Stopped(Exception):
    """The run ends while a request waits for its turn."""


class Desk:
    """Asks for many postings. A host that does not answer any more is left in peace, which is said once."""

    def __init__(self, settings: CapacitySettings, folder: Path) -> None:
        self._stop = threading.Event()
        self._failed: dict[str, int] = {}
        self._lock = threading.Lock()
        self._parallel = settings.energy_transfer_parallel
        pacer = Pacer.of_rate(settings.energy_transfer_requests_per_second, self._sleep)
        self._client = HttpClient(
            folder, settings.patience, _CAPACITY, pacer=pacer, connections=self._parallel, sleep=self._sleep
        )

    def ask(self, postings: Sequence[Wanted]) -> Generator[Answered, None, None]:
        """What came of each, in the given order. To be closed: requests that wait for their turn end then."""
        pool = ThreadPoolExecutor(self._parallel, thread_name_prefix="energy_transfer")
        try:
            waiting: deque[Future[Posting | Problem | None]] = deque(pool.submit(self._one, one) for one in postings)
            for one in postings:
                yield one, waiting.popleft().result()  # and let go of: years of history do not fit into memory
        finally:
            self._stop.set()
            self._client.end()
            pool.shutdown(cancel_futures=True)
            self._client.session.close()

    def _one(self, one: Wanted) -> Posting | Problem | None:
        host = urlsplit(one.asset.url).netloc
        with self._lock:
            if self._failed.get(host, 0) >= GIVE_UP_AFTER:
                return None
        try:
            answer = self._client.get(f"{one.asset.url}{one.asset.path}", _parameters(one), _accept)
            found = parse(answer)
            if found.rows:
                _check_name(answer, one)
        except SourceError as error:
            with self._lock:
                self._failed[host] = self._failed.get(host, 0) + 1 if error.code in _SILENT else 0
            return Problem(error.code, f"{one}: {error.message}", TABLE, error.uri)
        except BadContent as error:
            return Problem(error.code, f"{one}: {error.message}", TABLE, answer.uri, error.row, error.column)
        with self._lock:
            self._failed[host] = 0
        return found

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped


def downloaded_at(answer: Answer, logical_at: datetime) -> datetime:
    """When it was answered by the server's clock; the run's instant where that clock is a day off or silent."""
    said = answer.date
    return said if said and abs((said - logical_at).total_seconds()) <= 86_400 else logical_at


def _parameters(one: Wanted) -> dict[str, str]:
    return {
        "f": "csv", "extension": "csv", "asset": one.asset.name, "gasDay": f"{one.gas_day:%m/%d/%Y}",
        "cycle": one.cycle.id, "searchType": SEARCH_TYPE, "searchString": "", "locType": "ALL", "locZone": "ALL",
    }  # fmt: skip


def _accept(answer: Answer) -> None:
    """Raises SourceError for a page instead of a table; Again for a body that ends where a row does not."""
    if answer.first == b"<":
        raise SourceError("PROTOCOL_NOT_CSV", "an HTML page came instead of CSV", answer.uri)
    with answer.path.open("rb") as file:
        file.seek(-1, 2)
        ends_a_line = file.read(1) in b"\r\n"
    if not answer.is_delimited and not ends_a_line:
        raise Again("SOURCE_CUT_BODY", f"the answer ended early, after {answer.size} bytes", answer.uri)


def _check_name(answer: Answer, one: Wanted) -> None:
    """Holds the answer's file name against the request. The file itself does not say what it is about."""
    given = answer.file_name or ""
    found = _FILE_NAME.fullmatch(given)
    if found is None:
        told = f"the answer's file name {given[:80]!r} does not say asset, gas day and cycle, and nothing else does"
        raise SourceError("PROTOCOL_FILE_NAME", told, answer.uri)
    asset, _, month, day, year, cycle = found.groups()
    if (asset.upper(), f"{year}-{month}-{day}", cycle_of(cycle)) != (
        one.asset.name.upper(), one.gas_day.isoformat(), one.cycle,
    ):  # fmt: skip
        raise SourceError("DATA_OTHER_POSTING", f"the answer is another posting: {given[:80]}", answer.uri)


_CAPACITY = Expects(
    kind="CSV",
    content_types=r"text/(?:csv|plain)|application/(?:csv|octet-stream|vnd\.ms-excel|x-download|force-download)",
    codes={404: "CONFIG_ENDPOINT", 410: "CONFIG_ENDPOINT"},
    advice={
        300: "correct ENERGY_TRANSFER_URL",
        404: "check ENERGY_TRANSFER_URL and the path in ENERGY_TRANSFER_CONFIG",
        410: "check ENERGY_TRANSFER_URL and the path in ENERGY_TRANSFER_CONFIG",
        429: "lower ENERGY_TRANSFER_REQUESTS_PER_SECOND",
    },
    most_bytes=64 << 20,  # a thousand times the largest known
)
