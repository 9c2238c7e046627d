"""The data dictionary: one row per column of raw, staging, declared intermediate, marts and ledgers.

It is read from dbt's manifest (the YAML) and catalogue (what stands in the warehouse), so it can say nothing that they
do not say.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from publishing.site.units import unit

LAYERS = ("marts", "ledger", "staging", "intermediate", "seed", "raw")
"""In the order in which a reader looks for something."""
HEADINGS = (
    "layer", "model", "column", "type", "unit", "description", "personal", "tests", "sources", "raw", "staging",
)  # fmt: skip

Place = tuple[str, str]
"""A relation as `schema.name`, and a column."""


@dataclass(frozen=True)
class Column:
    """A column. `raw` (seeds and the house's own record included) and `staging` are where its values come from, as
    `schema.table.column`; `personal` is the class of its values: direct, quasi, pseudonym, none, or empty where nobody
    has said."""

    name: str
    kind: str
    unit: str
    description: str
    personal: str
    tests: tuple[str, ...]
    sources: tuple[str, ...] = ()
    raw: tuple[str, ...] = ()
    staging: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A model, seed or raw table; `tests` are those that look at more than one column."""

    layer: str
    relation: str
    name: str
    description: str
    tests: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def title(self) -> str:
        return f"{self.layer}.{self.name}"


def tables(manifest: Mapping[str, Any], catalogue: Mapping[str, Any]) -> list[Table]:
    """All of them, by layer and name. Columns in the order of the YAML, raw ones as they stand in the warehouse, or
    where nothing is there (yet), those that staging declares. A model without declared columns is left out."""
    tests = _tests(manifest)
    found = [
        _model(node, catalogue, tests)
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed") and node["columns"]
    ]
    declared = _declared(manifest)
    found += [_raw(node, catalogue, declared.get(key, {})) for key, node in manifest["sources"].items()]
    return sorted(found, key=lambda table: (LAYERS.index(table.layer), table.name))


def with_origins(found: Iterable[Table], origins: Mapping[Place, frozenset[Place]]) -> list[Table]:
    """The tables with what each column is made of, as far as it is known."""
    sources = {table.relation: table.columns[0].sources for table in found if table.layer == "raw" and table.columns}
    return [
        replace(table, columns=tuple(_with_origin(table, column, origins, sources) for column in table.columns))
        for table in found
    ]


def _with_origin(
    table: Table, column: Column, origins: Mapping[Place, frozenset[Place]], sources: Mapping[str, tuple[str, ...]]
) -> Column:
    if table.layer == "raw" or (table.relation, column.name) not in origins:
        return column
    places = sorted(origins[table.relation, column.name])
    raw = tuple(f"{relation}.{name}" for relation, name in places if not relation.startswith("staging."))
    staging = tuple(f"{relation}.{name}" for relation, name in places if relation.startswith("staging."))
    named = {source for relation, _ in places for source in sources.get(relation, ())}
    return replace(
        column,
        raw=raw or column.raw,
        staging=staging if table.layer != "staging" else (),
        sources=tuple(sorted(named)) or column.sources,
    )


def rows(found: Iterable[Table]) -> Iterator[tuple[str, ...]]:
    """One per column, as HEADINGS."""
    for table in found:
        for column in table.columns:
            yield (
                table.layer, table.name, column.name, column.kind, column.unit, column.description, column.personal,
                "; ".join(column.tests), "; ".join(column.sources), "; ".join(column.raw), "; ".join(column.staging),
            )  # fmt: skip


def as_csv(found: Iterable[Table]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADINGS)
    writer.writerows(rows(found))
    return out.getvalue()


def as_markdown(found: Iterable[Table]) -> str:
    """A heading and a table per model; the same words as the CSV."""
    parts = ["# Data dictionary\n"]
    for table in found:
        parts.append(f"\n## {table.title}\n\n{table.description or 'No description.'}\n")
        if table.tests:
            parts.append("\nTests: " + "; ".join(table.tests) + "\n")
        parts.append("\n| " + " | ".join(HEADINGS[2:]) + " |\n|" + " --- |" * len(HEADINGS[2:]) + "\n")
        parts += ["| " + " | ".join(_cell(value) for value in row[2:]) + " |\n" for row in rows([table])]
    return "".join(parts)


def _cell(value: str) -> str:
    return value.replace("\\", "\\\\").replace("|", "\\|")


# dbt's words --------------------------------------------------------------------------------------------------------


def _model(node: Mapping[str, Any], catalogue: Mapping[str, Any], tests: Mapping[tuple[str, str], list[str]]) -> Table:
    layer = "seed" if node["resource_type"] == "seed" else str(node["schema"])
    built = catalogue["nodes"].get(node["unique_id"], {}).get("columns", {})
    source = _source_name(node)
    columns = []
    for name, column in node["columns"].items():
        meta = column["config"].get("meta") or {}
        kind = str(column["data_type"] or _type_of(built, name)).lower().replace(", ", ",")
        declared = [str(one.get("type")) for one in column.get("constraints") or ()]
        said = [*declared, *tests.get((node["unique_id"], name), ())]
        raw = _names(meta)
        columns.append(
            Column(
                name,
                kind,
                unit(name, kind, meta.get("unit")),
                _line(column["description"]),
                str(meta.get("pii") or ("none" if layer in ("marts", "ledger", "seed") or _is_lineage(name) else "")),
                tuple(dict.fromkeys(said)),
                (source,) if source and raw else (),
                tuple(f"raw.{_raw_table(node)}.{one}" for one in raw),
            )
        )
    whole = tuple(tests.get((node["unique_id"], ""), ()))
    relation = f"{node['schema']}.{node['alias']}"
    return Table(layer, relation, str(node["name"]), _line(node["description"]), whole, tuple(columns))


def _raw(node: Mapping[str, Any], catalogue: Mapping[str, Any], declared: Mapping[str, Column]) -> Table:
    source, table = str(node["source_name"]), str(node["identifier"])
    built = catalogue["sources"].get(node["unique_id"], {}).get("columns", {})
    columns = []
    for name in built or declared:
        kind = _type_of(built, name).lower() or "text"
        known = declared.get(name)
        columns.append(
            Column(
                name,
                kind,
                "",
                known.description if known else "Declared by no staging model.",
                known.personal if known else "",
                (),
                (source,),
                (f"raw.{table}.{name}",),
            )
        )
    return Table("raw", f"raw.{table}", table, _line(node["description"]), (), tuple(columns))


def _declared(manifest: Mapping[str, Any]) -> dict[str, dict[str, Column]]:
    """What staging says of the columns of each raw table, by the source's key and the raw name. `unit` is left empty:
    raw is text, and staging says what its numbers measure."""
    found: dict[str, dict[str, Column]] = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] != "model" or node["schema"] != "staging":
            continue
        for parent in node["depends_on"]["nodes"]:
            if not parent.startswith("source.") or parent.endswith("._dlt_loads"):
                continue
            columns = found.setdefault(parent, {})
            for name, column in node["columns"].items():
                meta = column["config"].get("meta") or {}
                own = [name] if _is_lineage(name) else []
                for raw in [*([] if "reads" in meta else _names(meta)), *own]:
                    personal = str(meta.get("pii") or "none")
                    columns[raw] = Column(raw, "text", "", _line(column["description"]), personal, ())
    return found


def _is_lineage(name: str) -> bool:
    return name in ("_source_file", "_source_row", "_dlt_load_id")


def _names(meta: Mapping[str, Any]) -> list[str]:
    named = meta.get("raw") or meta.get("reads") or []
    return [named] if isinstance(named, str) else [str(name) for name in named]


def _source_name(node: Mapping[str, Any]) -> str:
    return next((str(name) for name, table in node.get("sources") or () if table != "_dlt_loads"), "")


def _raw_table(node: Mapping[str, Any]) -> str:
    return next((str(table) for _, table in node.get("sources") or () if table != "_dlt_loads"), "")


def _type_of(built: Mapping[str, Any], name: str) -> str:
    return str(built.get(name, {}).get("type") or "")


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


def _tests(manifest: Mapping[str, Any]) -> dict[tuple[str, str], list[str]]:
    """What is tested, in short, by (node, column); of more than one column by (node, '')."""
    found: dict[tuple[str, str], list[str]] = {}
    for node in manifest["nodes"].values():
        about = node.get("attached_node")
        if node["resource_type"] != "test" or not about or not node.get("test_metadata"):
            continue
        name = str(node["test_metadata"]["name"])
        given = {
            key: value
            for key, value in node["test_metadata"]["kwargs"].items()
            if key not in ("column_name", "model", "name")
        }
        words = ", ".join(f"{key} {_value(value)}" for key, value in given.items())
        found.setdefault((str(about), str(node.get("column_name") or "")), []).append(
            f"{name} ({words})" if words else name
        )
    return found


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return _line(str(value)).replace("ref('", "").replace("')", "")
