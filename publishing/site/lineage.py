"""Which columns each column is made of, by `sqlglot.lineage` over the SQL that dbt compiled.

Only what a column's value is made of counts, not what rows are joined or filtered by. A model that cannot be read is
named, never passed over.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage
from sqlglot.optimizer import build_scope
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from publishing.site.dictionary import Place

SECONDS = 60.0
"""Processor time that all models together may take; those that are not read by then are named like those that cannot
be read."""


@dataclass
class Lineage:
    """`origins`: of each column that could be read, the staging and raw columns (or seeds, or tables of the house's own
    record) it is made of; none where it is counted or written by the model. `unread`: why, by model."""

    origins: dict[Place, frozenset[Place]] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)


def read(manifest: Mapping[str, Any], catalogue: Mapping[str, Any], cache: Path, seconds: float = SECONDS) -> Lineage:
    """All models of the manifest. The JSON file `cache` keeps what was read while its SQL stays the same."""
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    dialect = str(manifest["metadata"]["adapter_type"])
    columns = _columns(manifest, catalogue)
    schema = MappingSchema(_nested(manifest, columns), dialect=dialect)
    known = json.loads(cache.read_text(encoding="utf-8")) if cache.exists() else {}
    kept: dict[str, dict[str, list[list[str]]]] = {}
    found = Lineage()
    parts: dict[Place, frozenset[Place]] = {}
    deadline = time.process_time() + seconds
    for node in sorted(models, key=lambda node: str(node["name"])):
        name, sql = str(node["name"]), node.get("compiled_code")
        relation = f"{node['schema']}.{node['alias']}"
        if not sql:
            found.unread[name] = "not compiled: that needs a warehouse"
            continue
        key = _key(dialect, sql, [(one, columns[one]) for one in _parents(manifest, node) if one in columns])
        if key not in known and time.process_time() > deadline:
            found.unread[name] = f"not read within {seconds:g} s"
            continue
        try:
            kept[key] = known.get(key) or _parts(sql, schema, dialect, columns)
        except (SqlglotError, RecursionError, ValueError) as error:
            found.unread[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
            continue
        for column, places in kept[key].items():
            parts[relation, column] = frozenset((place[0], place[1]) for place in places)
    cache.write_text(json.dumps(kept), encoding="utf-8")
    found.origins = {place: _origins(place, parts) for place in parts}
    return found


def _parts(
    sql: str, schema: MappingSchema, dialect: str, columns: Mapping[str, list[str]]
) -> dict[str, list[list[str]]]:
    """Of each column of a query the columns of tables that it is made of. Raises SqlglotError, ValueError."""
    query = qualify(
        sqlglot.parse_one(sql, dialect=dialect),
        schema=schema, dialect=dialect, validate_qualify_columns=False, identify=False, infer_schema=True,
    )  # fmt: skip
    if not isinstance(query, exp.Query):
        raise ValueError("it is no query")
    scope = build_scope(query)
    found = {}
    for column in query.named_selects:
        # Trimmed selects would be copies of the query, one for each step.
        top = lineage(column, query, schema=schema, dialect=dialect, scope=scope, trim_selects=False)
        places = {
            (f"{node.expression.db}.{node.expression.name}", node.name.rpartition(".")[2].strip('"'))
            for node in top.walk()
            if not node.downstream and isinstance(node.expression, exp.Table)
        }
        found[column] = sorted([relation, name] for relation, name in places if _is_column(relation, name, columns))
    return found


def _is_column(relation: str, name: str, columns: Mapping[str, list[str]]) -> bool:
    # `count(*)` is made of a table, but of no column of it.
    return name in columns[relation] if relation in columns else name != "*"


def _origins(place: Place, parts: Mapping[Place, frozenset[Place]]) -> frozenset[Place]:
    """Down to where nothing is read any more, and of what stands on the way the staging columns. An increment reads
    itself, so each column is looked at once."""
    seen, waiting = {place}, [place]
    found: set[Place] = set()
    while waiting:
        for part in parts[waiting.pop()] - seen:
            seen.add(part)
            if part not in parts or part[0].startswith("staging."):
                found.add(part)
            if part in parts:
                waiting.append(part)
    return frozenset(found)


def _columns(manifest: Mapping[str, Any], catalogue: Mapping[str, Any]) -> dict[str, list[str]]:
    """Columns by `schema.table`: as they stand in the warehouse, else as they are declared."""
    found: dict[str, list[str]] = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] in ("model", "seed"):
            found[f"{node['schema']}.{node['alias']}"] = list(node["columns"])
    for node in [*catalogue["nodes"].values(), *catalogue["sources"].values()]:
        if "metadata" in node:
            found[f"{node['metadata']['schema']}.{node['metadata']['name']}"] = list(node["columns"])
    return found


def _nested(manifest: Mapping[str, Any], columns: Mapping[str, list[str]]) -> dict[str, Any]:
    database = next(str(node["database"]) for node in manifest["nodes"].values() if node["resource_type"] == "model")
    schemas: dict[str, dict[str, dict[str, str]]] = {}
    for relation, names in columns.items():
        if not names:  # neither built nor declared
            continue
        schema, table = relation.split(".", 1)
        schemas.setdefault(schema, {})[table] = dict.fromkeys(names, "text")
    return {database: schemas}


def _parents(manifest: Mapping[str, Any], node: Mapping[str, Any]) -> Iterator[str]:
    for parent in sorted(node["depends_on"]["nodes"]):
        found = manifest["nodes"].get(parent) or manifest["sources"].get(parent)
        if found:
            yield f"{found['schema']}.{found.get('alias') or found['identifier']}"


def _key(dialect: str, sql: str, given: list[tuple[str, list[str]]]) -> str:
    said = json.dumps([version("sqlglot"), dialect, sql, given])
    return hashlib.sha256(said.encode()).hexdigest()
