"""Which tables have not landed for too long: `dbt source freshness`, in one line per table and an exit code.

Thresholds stand in the YAML of each source (`warn_after`: late, `error_after`: stale). dbt measures and, by its hook,
records what it found in `ledger.freshness_checks`; here it is said in words, and judged for another instant if one is
given.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ingestion.errors import BusyError, ConfigurationError, WarehouseError
from ingestion.settings import ROOT, read
from ingestion.warehouse import WarehouseSettings, exists, open_warehouse
from publishing.dbt import COLOURS, dbt_command, environment

SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
FAILING = ("stale", "never landed", "unknown")
STYLES = {"fresh": "green", "late": "yellow", "not in use": "dim"}


@dataclass(frozen=True)
class Measured:
    """One table as dbt measured it. `last_landed_at` is None where nothing landed, `error` is what dbt failed of."""

    source: str
    table: str
    is_optional: bool
    last_landed_at: datetime | None
    checked_at: datetime
    late_after: timedelta | None
    stale_after: timedelta | None
    error: str | None

    def verdict(self, now: datetime, used: frozenset[str]) -> str:
        """fresh, late, stale, never landed, not in use or unknown; `used` are the sources that were ever landed."""
        if self.error:
            return "unknown"
        if self.last_landed_at is None:
            return "not in use" if self.is_optional or self.source not in used else "never landed"
        age = now - self.last_landed_at
        if self.stale_after is not None and age > self.stale_after:
            return "stale"
        return "late" if self.late_after is not None and age > self.late_after else "fresh"


@dataclass(frozen=True)
class Checked:
    """The tables that are late, and those that are stale or missing, as `source.table`."""

    late: list[str]
    failing: list[str]


def check(sources: Sequence[str], now: datetime | None, console: Console, outcome: Path | None = None) -> Checked:
    """Prints one line per table and says which are not fresh. `outcome` gets the lines as a JSON list.

    Raises BusyError when another process holds the warehouse, WarehouseError with dbt's words when it cannot be asked,
    ConfigurationError for a source that has no thresholds.
    """
    settings = read(WarehouseSettings)
    if not exists(settings):
        raise WarehouseError("FRESHNESS_NOTHING", "nothing has landed yet: there is no warehouse. Run `make ingest`.")
    found = _measure(sources)
    used = _used_sources()
    if not used and all(one.last_landed_at is None for one in found):
        raise WarehouseError("FRESHNESS_NOTHING", "nothing has landed in this warehouse yet. Run `make ingest`.")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for _ in range(3):
        table.add_column(no_wrap=True)
    table.add_column()
    said = []
    checked = Checked([], [])
    for one in found:
        at = now or one.checked_at
        verdict = one.verdict(at, used)
        if verdict == "late" or verdict in FAILING:
            (checked.late if verdict == "late" else checked.failing).append(f"{one.source}.{one.table}")
        style = STYLES.get(verdict, "red")
        sentence = _sentence(one, at, verdict)
        table.add_row(one.source, one.table, f"[{style}]{verdict}[/{style}]", sentence)
        said.append({"source": one.source, "table": one.table, "verdict": verdict, "sentence": sentence})
    console.print(table, highlight=False)
    if outcome:
        outcome.write_text(json.dumps(said), encoding="utf-8")
    return checked


def _sentence(one: Measured, now: datetime, verdict: str) -> str:
    if one.error:
        return one.error.strip().splitlines()[-1]
    if one.last_landed_at is None:
        return {"not in use": "nothing ever landed, and nothing is expected"}.get(verdict, "no file of it ever landed")
    spans = (("late", one.late_after), ("stale", one.stale_after))
    limits = [f"{word} after {_words(span)}" for word, span in spans if span]
    landed = f"{_words(now - one.last_landed_at)} old, landed {one.last_landed_at:%Y-%m-%d %H:%M} UTC"
    return f"{landed} ({', '.join(limits)})"


def _words(span: timedelta) -> str:
    """A span in its largest unit that says enough: 3 days, 30 hours, 12 minutes."""
    seconds = max(0, int(span.total_seconds()))
    size, unit = next(
        ((size, unit) for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")) if seconds >= 2 * size),
        (60, "minute"),
    )
    count = seconds // size
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _measure(sources: Sequence[str]) -> list[Measured]:
    """What `dbt source freshness` finds, in the order of its tables."""
    given = environment()
    target = ROOT / given.get("DBT_TARGET_PATH", "target")
    (target / "sources.json").unlink(missing_ok=True)
    chosen = ["--select", *(f"source:{source}" for source in sources)] if sources else []
    done = subprocess.run(
        dbt_command("--quiet", "source", "freshness", *chosen), cwd=ROOT, env=given, capture_output=True, text=True
    )
    said = COLOURS.sub("", done.stdout + done.stderr).strip()
    if not (target / "sources.json").exists():
        if "Could not set lock on file" in said or "being used by another process" in said:
            raise BusyError(
                "BUSY_WAREHOUSE", "another process writes to the warehouse file; ask again when it has ended"
            )
        raise WarehouseError("FRESHNESS_FAILED", f"dbt could not measure it:\n{said}")
    results = json.loads((target / "sources.json").read_text(encoding="utf-8"))["results"]
    nodes = json.loads((target / "manifest.json").read_text(encoding="utf-8"))["sources"]
    found = [_measured(result, nodes[result["unique_id"]]) for result in results]
    known = {node["source_name"] for node in nodes.values() if _span((node.get("freshness") or {}).get("error_after"))}
    if missing := sorted(set(sources) - known):
        raise ConfigurationError("CONFIG_SOURCE", f"{', '.join(missing)}: no such source with thresholds of freshness")
    # dbt leaves out of its results what it failed to ask, as before the list of landed files is there.
    if unasked := sorted((set(sources) or known) - {one.source for one in found}):
        if "landed_files" in said and "does not exist" in said:
            raise WarehouseError("FRESHNESS_NOTHING", f"nothing of {', '.join(unasked)} has landed yet.")
        raise WarehouseError("FRESHNESS_FAILED", f"dbt could not measure {', '.join(unasked)}:\n{said}")
    return sorted(found, key=lambda one: (one.source, one.table))


def _measured(result: Mapping[str, Any], node: Mapping[str, Any]) -> Measured:
    loaded = result.get("max_loaded_at")
    last = datetime.fromisoformat(loaded).astimezone(UTC) if loaded and not loaded.startswith("0001-") else None
    checked = result.get("snapshotted_at")
    criteria = result.get("criteria") or {}
    return Measured(
        source=node["source_name"],
        table=node["identifier"],
        is_optional=bool(node["config"].get("meta", {}).get("optional", False)),
        last_landed_at=last,
        checked_at=datetime.fromisoformat(checked) if checked else datetime.now(UTC),
        late_after=_span(criteria.get("warn_after")),
        stale_after=_span(criteria.get("error_after")),
        error=None if loaded else str(result.get("error") or result.get("message") or "dbt does not say why"),
    )


def _span(threshold: Mapping[str, Any] | None) -> timedelta | None:
    if not threshold or not threshold.get("count"):
        return None
    return timedelta(seconds=int(threshold["count"]) * SECONDS[str(threshold["period"])])


def _used_sources() -> frozenset[str]:
    """Sources that were ever landed, or tried."""
    warehouse = open_warehouse(read(WarehouseSettings))
    try:
        return frozenset(str(source) for (source,) in warehouse.rows("select distinct source from raw.landing_runs"))
    except Exception as error:
        if warehouse.undefined(error):
            return frozenset()
        raise
    finally:
        warehouse.close()
