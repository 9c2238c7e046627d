"""The data dictionary of every layer, from the models' YAML and the sources' declarations.

Needs no warehouse. A table or column that stands nowhere is described by nobody, and so not shown to anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from ingestion.registry import sources
from ingestion.settings import ROOT
from ingestion.warehouse import RAW

MODELS = ROOT / "dbt_project" / "models"
LAYERS = (RAW, "staging", "intermediate", "marts", "ledger")
LINEAGE = ("_source_file", "_source_row", "_dlt_load_id")
"""Columns that lead from a row to its place in a delivered file."""
DIRECT = "direct"
"""Class of what names or points to a person."""
_DOCS = re.compile(r"{%-?\s*docs\s+(\w+)\s*-?%}(.*?){%-?\s*enddocs\s*-?%}", re.DOTALL)
_DOC = re.compile(r"""{{\s*doc\(['"](\w+)['"]\)\s*}}""")
_NAMED = re.compile(r"\$([a-z_]+)")
_SOURCE = re.compile(r"""source\(\s*'(\w+)'\s*,\s*'(\w+)'""")
# Originals beside what stands for them: of no use without the originals, which nobody is shown.
_NEVER = "pseudonyms"
# The text of values that could not be parsed, of whichever column.
_ORIGINALS = ("_parse_failures", "_parse_digest")


@dataclass(frozen=True)
class Entry:
    """A column: its declared type, unit, meaning and class of personal data: none, quasi, direct or nothing."""

    kind: str | None = None
    unit: str | None = None
    description: str | None = None
    pii: str | None = None
    is_required: bool = False
    """Whether it is never null, by its contract."""


@dataclass(frozen=True)
class Step:
    """Where the rows stand that a row was made from: in `table` (`layer.name`), those for which `where` holds.

    `where` is SQL over that table's columns, in which `$name` is what the row itself has in its column `name`.
    """

    table: str
    where: str

    @property
    def values(self) -> frozenset[str]:
        """Columns of the row whose values `where` names."""
        return frozenset(_NAMED.findall(self.where))


@dataclass(frozen=True)
class Described:
    """A table or view: its grain, and its columns as far as they are declared."""

    layer: str
    name: str
    description: str | None
    columns: Mapping[str, Entry] = field(default_factory=dict)
    is_closed: bool = False
    """Whether a column that is not declared is masked: nobody has said yet whether it is a person's."""
    made_from: tuple[Step, ...] = ()
    """One step back from a row that has no place in a file of its own."""

    def entry(self, column: str) -> Entry:
        return self.columns.get(column, Entry())

    def is_masked(self, column: str) -> bool:
        """Whether nobody may see the column's values here."""
        if column in LINEAGE:
            return False
        if column in _ORIGINALS or self.entry(column).pii == DIRECT or column in personal():
            return True
        return self.is_closed and column not in self.columns


@lru_cache(maxsize=1)
def tables() -> dict[str, Described]:
    """By `layer.name`, in the order of the layers."""
    found = {f"{one.layer}.{one.name}": one for one in (*_raw(), *_modelled())}
    return {name: found[name] for name in sorted(found, key=lambda name: (LAYERS.index(found[name].layer), name))}


@lru_cache(maxsize=1)
def personal() -> frozenset[str]:
    """Every name that a column with somebody's name, address or number has in some layer: a table that carries such a
    column without saying so is masked, too."""
    declared = {column for source in sources() for table in source.tables for column in table.personal}
    for _, model in _models():
        for column in model.get("columns") or ():
            if _meta(column).get("pii") == DIRECT:
                declared.add(column["name"])
    return frozenset(declared)


def _raw() -> Iterator[Described]:
    meanings = _meanings()
    grains = {
        (source["name"], table["name"]): _words(table.get("description"))
        for document in _documents()
        for source in document.get("sources") or ()
        for table in source["tables"]
    }
    for source in sources():
        for table in source.tables:
            known = meanings.get((source.name, table.name), {})
            columns = {}
            for name in table.columns:
                entry = known.get(name, Entry())
                pii = DIRECT if name in table.personal else entry.pii
                columns[name] = Entry("text", entry.unit, entry.description, pii)
            yield Described(RAW, table.name, grains.get((source.name, table.name)), columns, is_closed=True)
    for (name, table_name), grain in grains.items():
        if name == "landing" and _NEVER not in table_name:
            known = meanings.get((name, table_name), {})
            columns = {column: Entry("text", one.unit, one.description, one.pii) for column, one in known.items()}
            yield Described(RAW, table_name, grain, columns)


def _meanings() -> dict[tuple[str, str], dict[str, Entry]]:
    """What staging says of the raw columns it reads, by source and raw table."""
    found: dict[tuple[str, str], dict[str, Entry]] = {}
    for path, model in _models():
        code = path.parent / f"{model['name']}.sql"
        read = _SOURCE.search(code.read_text(encoding="utf-8")) if code.exists() else None
        if read:
            meanings = found.setdefault((read[1], read[2]), {})
            for column in model.get("columns") or ():
                raw = _meta(column).get("raw") or column["name"]
                for name in [raw] if isinstance(raw, str) else raw:
                    meanings[name] = _entry(column)
    return found


def _modelled() -> Iterator[Described]:
    for path, model in _models():
        layer = path.relative_to(MODELS).parts[0]
        if _NEVER not in model["name"]:
            columns = {column["name"]: _entry(column) for column in model.get("columns") or ()}
            steps = tuple(
                Step(one["table"], " ".join(one["where"].split())) for one in _meta(model).get("made_from", ())
            )
            yield Described(layer, model["name"], _words(model.get("description")), columns, made_from=steps)


def _models() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(MODELS.rglob("*.yml")):
        for model in _document(path).get("models") or ():
            yield path, model


def _documents() -> Iterator[dict[str, Any]]:
    for path in sorted(MODELS.rglob("*.yml")):
        yield _document(path)


@cache
def _document(path: Path) -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return dict(yaml.load(path.read_text(encoding="utf-8"), Loader=loader) or {})


def _meta(declared: Mapping[str, Any]) -> Mapping[str, Any]:
    return (declared.get("config") or {}).get("meta") or {}


def _entry(column: Mapping[str, Any]) -> Entry:
    meta = _meta(column)
    constraints = column.get("constraints") or ()
    return Entry(
        column.get("data_type"),
        meta.get("unit"),
        _words(column.get("description")),
        meta.get("pii"),
        any(constraint["type"] == "not_null" for constraint in constraints),
    )


def _words(description: str | None) -> str | None:
    """On one line, with the docs blocks that it names."""
    if not description:
        return None
    said = _DOC.sub(lambda found: _blocks().get(found[1], ""), description)
    return " ".join(said.split())


@cache
def _blocks() -> dict[str, str]:
    return {
        name: text for path in MODELS.rglob("*.md") for name, text in _DOCS.findall(path.read_text(encoding="utf-8"))
    }
