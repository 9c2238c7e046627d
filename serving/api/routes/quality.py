"""The ledgers: what was lost, changed, late or not understood."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from serving.api.answering import After, Asked, FirstDay, LastDay, Limit, Text, listed
from serving.api.door import Reader
from serving.api.listing import Listing

router = APIRouter(prefix="/quality", tags=["quality"])

CONSERVATION = Listing("conservation", ("source", "hop", "measure"))
PARSE_FAILURES = Listing(
    "parse_failures", ("source", "table_name", "column_name", "_source_file", "_source_row", "_dlt_load_id")
)
DRIFT = Listing("schema_drift", ("source", "table_name", "column_name", "kind"))
GAPS = Listing("interval_gaps", ("starts_at", "meterpoint_id"))
FRESHNESS = Listing("source_freshness", ("source", "table_name"))
PROBLEMS = Listing(
    "landing_problems", ("occurred_at", "run_id", "source", "table_name", "uri", "code", "source_column", "source_row")
)
SENSOR_DAYS = Listing("data_quality_daily", ("local_date", "node_id"))
DETECTORS = Listing("detector_scores", ("anomaly_type",))
RUNS = Listing("load_history", ("started_at", "kind", "run_id", "subject"), is_newest_first=True)

Source = Annotated[Text | None, Query(description="Only this source.")]


@router.get("/conservation", **listed(CONSERVATION))
def conservation(
    caller: Reader, asked: Asked, source: Source = None, after: After = None, limit: Limit = 1000
) -> Response:
    """By source, hop and measure (rows, kWh, m3, dth, CAD): what went in, and what became of it."""
    return asked.page(CONSERVATION, [("source = $source", {"source": source})], after, limit)


@router.get("/parse-failures", **listed(PARSE_FAILURES))
def parse_failures(
    caller: Reader, asked: Asked, source: Source = None, after: After = None, limit: Limit = 1000
) -> Response:
    """Values that could not be understood, with the original text; a personal one is masked."""
    return asked.page(PARSE_FAILURES, [("source = $source", {"source": source})], after, limit)


@router.get("/schema-drift", **listed(DRIFT))
def schema_drift(
    caller: Reader, asked: Asked, source: Source = None, after: After = None, limit: Limit = 1000
) -> Response:
    """Columns that deliveries do not send as declared."""
    return asked.page(DRIFT, [("source = $source", {"source": source})], after, limit)


@router.get("/gaps", **listed(GAPS))
def gaps(
    caller: Reader,
    asked: Asked,
    meterpoint_id: Annotated[Text | None, Query(description="Only this meter point.")] = None,
    after: After = None,
    limit: Limit = 1000,
) -> Response:
    """Unbroken runs of half-hours without a meter read (instants in UTC)."""
    return asked.page(GAPS, [("meterpoint_id = $meterpoint_id", {"meterpoint_id": meterpoint_id})], after, limit)


@router.get("/freshness", **listed(FRESHNESS))
def freshness(
    caller: Reader, asked: Asked, source: Source = None, after: After = None, limit: Limit = 1000
) -> Response:
    """How old each raw table was when this was built, and from when on that is late or stale."""
    return asked.page(FRESHNESS, [("source = $source", {"source": source})], after, limit)


@router.get("/landing-problems", **listed(PROBLEMS))
def landing_problems(
    caller: Reader, asked: Asked, source: Source = None, after: After = None, limit: Limit = 1000
) -> Response:
    """Files, rows and columns that could not be landed; the rest landed."""
    return asked.page(PROBLEMS, [("source = $source", {"source": source})], after, limit)


@router.get("/sensor-days", **listed(SENSOR_DAYS))
def sensor_days(
    caller: Reader,
    asked: Asked,
    node_id: Annotated[Text | None, Query(description="Only this node.")] = None,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    after: After = None,
    limit: Limit = 1000,
) -> Response:
    """Completeness (percent) and quality of each sensor by local day; silent days too."""
    return asked.page(
        SENSOR_DAYS,
        [
            ("node_id = $node_id", {"node_id": node_id}),
            ("local_date >= $first_day", {"first_day": first_day}),
            ("local_date <= $last_day", {"last_day": last_day}),
        ],
        after,
        limit,
    )


@router.get("/detectors", **listed(DETECTORS))
def detectors(caller: Reader, asked: Asked, after: After = None, limit: Limit = 1000) -> Response:
    """How well each water detector did in generated worlds (shares, 0 to 1), and how much it told of this network."""
    return asked.page(DETECTORS, [], after, limit)


@router.get("/runs", **listed(RUNS))
def runs(caller: Reader, asked: Asked, source: Source = None, after: After = None, limit: Limit = 1000) -> Response:
    """Every landing, build, publication, check, backup, restore and drill, newest first."""
    return asked.page(RUNS, [("source = $source", {"source": source})], after, limit)
