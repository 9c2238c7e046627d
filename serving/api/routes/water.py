"""Nodes, their windows and readings, the network's balance, and what the detectors found."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response

from serving.api.answering import After, Asked, Instant, Limit, Since, Text, Until, before, listed, utc
from serving.api.door import Reader
from serving.api.errors import ApiError
from serving.api.listing import Listing

router = APIRouter(tags=["water network"])

NODES = Listing("dim_nodes", ("node_id",))
VERSIONS = Listing("node_history", ("node_id", "valid_from"))
WINDOWS = Listing("computed_metrics", ("node_id", "time_window", "window_start"))
READINGS = Listing("fct_sensor_readings", ("node_id", "read_at"))
BALANCE = Listing("network_efficiency", ("time_window", "window_start", "district_id"))
NIGHTS = Listing("night_flow", ("local_date", "district_id"))
ANOMALIES = Listing("anomalies", ("starts_at", "anomaly_key"), is_newest_first=True)

NodeId = Annotated[Text, Path(description="Node, as the node list has it.")]
Window = Literal["5min", "1hour", "1day"]
BalanceWindow = Literal["1hour", "1day"]
TimeRange = Annotated[
    Literal["1h", "6h", "24h", "3d", "7d", "30d"], Query(description="How far back from the newest window.")
]
RANGES = {
    "1h": timedelta(hours=1), "6h": timedelta(hours=6), "24h": timedelta(hours=24), "3d": timedelta(days=3),
    "7d": timedelta(days=7), "30d": timedelta(days=30),
}  # fmt: skip


def _newest(asked: Asked, table: str, column: str, condition: str = "true", **values: Any) -> Any:
    """The newest instant (UTC) that there is; None of an empty table."""
    ((found,),) = [
        list(row.values()) for row in asked.rows(f"select max({column}) from {table} where {condition}", **values)
    ]
    return found


def _known(asked: Asked, node_id: str) -> None:
    """Raises ApiError 404 for a node that no list and no reading has named."""
    if not asked.rows("select node_id from dim_nodes where node_id = $node_id", node_id=node_id):
        raise ApiError(404, "NO_SUCH_NODE", "No node list and no reading names that node.")


@router.get("/nodes", **listed(NODES))
def nodes(
    caller: Reader,
    asked: Asked,
    district_id: Annotated[Text | None, Query(description="Only nodes of this zone.")] = None,
    after: After = None,
    limit: Limit = 1000,
) -> Response:
    """Every node, as the latest list says it."""
    return asked.page(NODES, [("district_id = $district_id", {"district_id": district_id})], after, limit)


@router.get("/nodes/{node_id}", **listed(NODES))
def node(caller: Reader, asked: Asked, node_id: NodeId) -> Response:
    """One node, as a page of one row."""
    _known(asked, node_id)
    return asked.page(NODES, [("node_id = $node_id", {"node_id": node_id})], None, 1)


@router.get("/nodes/{node_id}/versions", **listed(VERSIONS))
def versions(caller: Reader, asked: Asked, node_id: NodeId, after: After = None, limit: Limit = 1000) -> Response:
    """What the node lists have said of the node, one version after another."""
    _known(asked, node_id)
    return asked.page(VERSIONS, [("node_id = $node_id", {"node_id": node_id})], after, limit)


@router.get("/nodes/{node_id}/metrics", **listed(WINDOWS))
def metrics(
    caller: Reader,
    asked: Asked,
    node_id: NodeId,
    time_window: Annotated[Window, Query(description="Size of the windows.")] = "1hour",
    since: Since = None,
    until: Until = None,
    after: After = None,
    limit: Limit = 1000,
) -> Response:
    """Windows of the node: volume (m3), flow (L/s), pressure (bar), quality. Without `since`: the 24 hours (`1day`: 30
    days) up to the node's newest window."""
    _known(asked, node_id)
    if since is None and until is None:
        newest = _newest(
            asked, "computed_metrics", "window_end", "node_id = $node_id and time_window = $time_window",
            node_id=node_id, time_window=time_window,
        )  # fmt: skip
        start = newest - timedelta(days=30 if time_window == "1day" else 1) if newest else None
    else:
        start = utc(since)
    return asked.page(
        WINDOWS,
        [
            ("node_id = $node_id and time_window = $time_window", {"node_id": node_id, "time_window": time_window}),
            ("window_start >= $since", {"since": start}),
            ("window_start < $until", {"until": utc(until)}),
        ],
        after,
        limit,
    )


@router.get("/nodes/{node_id}/history", **listed(READINGS))
def history(
    caller: Reader,
    asked: Asked,
    node_id: NodeId,
    since: Since = None,
    until: Until = None,
    after: After = None,
    limit: Limit = 1000,
) -> Response:
    """Readings of the node that stand, oldest first. Without `since` or `until`: the 24 hours up to its newest one."""
    _known(asked, node_id)
    start = utc(since)
    if since is None and until is None:
        newest = _newest(asked, "fct_sensor_readings", "read_at", "node_id = $node_id", node_id=node_id)
        start = newest - timedelta(days=1) if newest else None
    return asked.page(
        READINGS,
        [
            ("node_id = $node_id", {"node_id": node_id}),
            ("read_at >= $since", {"since": start}),
            ("read_at < $until", {"until": utc(until)}),
        ],
        after,
        limit,
    )


@router.get("/network/metrics", **listed(BALANCE))
def network_metrics(
    caller: Reader,
    asked: Asked,
    time_range: TimeRange = "24h",
    time_window: Annotated[BalanceWindow, Query(description="Size of the windows.")] = "1hour",
    after: After = None,
    limit: Limit = 1000,
) -> Response:
    """The whole network's input, output and loss (m3) by window, up to the newest window there is."""
    return _balance(asked, "network", time_range, time_window, None, after, limit)


@router.get("/network/efficiency", **listed(BALANCE))
def efficiency(
    caller: Reader,
    asked: Asked,
    time_range: TimeRange = "7d",
    time_window: Annotated[BalanceWindow, Query(description="Size of the windows.")] = "1day",
    district_id: Annotated[Text | None, Query(description="Only this zone.")] = None,
    after: After = None,
    limit: Limit = 1000,
) -> Response:
    """Each zone's input, output, loss (m3) and efficiency (percent) by window; and why where there is none."""
    return _balance(asked, "zone", time_range, time_window, district_id, after, limit)


def _balance(
    asked: Asked, scope: str, time_range: str, time_window: str, district_id: str | None, after: str | None, limit: int
) -> Response:
    newest = _newest(
        asked, "network_efficiency", "window_end", "scope = $scope and time_window = $time_window",
        scope=scope, time_window=time_window,
    )  # fmt: skip
    return asked.page(
        BALANCE,
        [
            ("scope = $scope and time_window = $time_window", {"scope": scope, "time_window": time_window}),
            ("district_id = $district_id", {"district_id": district_id}),
            ("window_end > $since", {"since": newest - RANGES[time_range] if newest else None}),
        ],
        after,
        limit,
    )


@router.get("/network/night-flow", **listed(NIGHTS))
def night_flow(
    caller: Reader,
    asked: Asked,
    district_id: Annotated[Text | None, Query(description="Only this zone.")] = None,
    after: After = None,
    limit: Limit = 1000,
) -> Response:
    """Least inflow (L/s) of each zone by local night, and what is usual there."""
    return asked.page(NIGHTS, [("district_id = $district_id", {"district_id": district_id})], after, limit)


@router.get("/anomalies", **listed(ANOMALIES))
def anomalies(
    caller: Reader,
    asked: Asked,
    hours: Annotated[int, Query(ge=1, le=87_600, description="How far back from `until`.")] = 24,
    until: Annotated[
        Instant | None,
        Query(description="Excluded; default: the newest reading, so that a stopped feed hides none."),
    ] = None,
    node_id: Annotated[Text | None, Query(description="Only this node.")] = None,
    severity: Annotated[Literal["info", "warning", "critical"] | None, Query(description="Only these.")] = None,
    after: After = None,
    limit: Limit = 1000,
) -> Response:
    """Events that touch the hours before `until`, newest first, each with its evidence (JSON)."""
    end = utc(until) or _newest(asked, "dim_nodes", "last_read_at")
    # The newest reading itself belongs to the hours.
    end = end + timedelta(microseconds=1) if end and until is None else end
    return asked.page(
        ANOMALIES,
        [
            ("starts_at < $until", {"until": end}),
            ("ends_at > $since", {"since": before(end, timedelta(hours=hours)) if end else None}),
            ("node_id = $node_id", {"node_id": node_id}),
            ("severity = $severity", {"severity": severity}),
        ],
        after,
        limit,
    )
