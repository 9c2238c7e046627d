"""Writes the site: one folder of static pages that a browser opens from the file system, and that asks nobody."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ingestion.errors import ConfigurationError, LandingError
from ingestion.settings import ROOT, git_sha
from publishing.builds import NotPublished
from publishing.copy import open_copy
from publishing.site import documents, lineage
from publishing.site.catalogue import Documented, document
from publishing.site.dictionary import Table, as_csv, as_markdown, tables, with_origins

SITE = ROOT / "docs" / "site"
MARK = "meterhouse docs"
"""What tells a folder of ours, which may be replaced, from any other."""
NAVIGATION = (
    ("index.html", "Start"),
    ("dictionary.html", "Dictionary"),
    ("catalogue.html", "Catalogue"),
    ("glossary.html", "Glossary"),
    ("decisions/index.html", "Decisions"),
    ("runbooks/index.html", "Runbooks"),
)
LISTED = ("decisions/", "runbooks/", "glossary.html")
"""Pages with a place of their own on the start page."""


@dataclass(frozen=True)
class Reader:
    """A dashboard page or a group of API routes, as an exposure declares it; `reads` are `layer.table`."""

    label: str
    description: str
    reads: tuple[str, ...]


def write(site: Path = SITE, has_warehouse: bool = True) -> Path:
    """Makes the site anew, replaces the last one whole, and returns its start page.

    Raises WarehouseError with dbt's words, and ConfigurationError when the folder holds something else.
    """
    _refuse_what_is_not_ours(site)
    documented = document(has_warehouse)
    stamp = list(_stamp(has_warehouse))
    following = site.with_name(f"{site.name}.next")
    shutil.rmtree(following, ignore_errors=True)
    for address, text in _files(documented, stamp):
        path = following / address
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    last = site.with_name(f"{site.name}.last")
    shutil.rmtree(last, ignore_errors=True)
    if site.exists():
        site.replace(last)
    following.replace(site)
    shutil.rmtree(last, ignore_errors=True)
    return site / "index.html"


def _refuse_what_is_not_ours(site: Path) -> None:
    if site == SITE or not site.exists() or (site.is_dir() and not any(site.iterdir())):
        return
    start = site / "index.html"
    if not start.is_file() or MARK not in start.read_text(encoding="utf-8", errors="ignore"):
        raise ConfigurationError("DOCS_FOLDER", f"{site} holds something else than this site: name another folder")


def _files(documented: Documented, stamp: list[str]) -> Iterator[tuple[str, str]]:
    """(address, text) of each file."""
    traced = lineage.read(documented.manifest, documented.catalogue, documented.target / "lineage.json")
    described = with_origins(tables(documented.manifest, documented.catalogue), traced.origins)
    shown = documents.addresses(ROOT)
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in shown}
    entries = {address: documents.title(texts[name]) for name, address in shown.items()}
    templates = _templates()

    def page(template: str, address: str, title: str, **given: Any) -> tuple[str, str]:
        root = documents.relative(address, "")
        return address, templates.get_template(template).render(
            title=title, current=address, root=root, stamp=stamp, **given
        )

    yield "catalogue.html", documented.page
    yield "dictionary.csv", as_csv(described)
    yield "dictionary.md", as_markdown(described)
    yield page(
        "dictionary.html", "dictionary.html", "Data dictionary",
        tables=[{**vars(table), "title": table.title, "address": _in_catalogue(table)} for table in described],
        count=sum(len(table.columns) for table in described), unread=traced.unread,
    )  # fmt: skip
    yield page(
        "index.html", "index.html", "Start",
        tables=described, readable=sum(table.layer in ("marts", "ledger") for table in described),
        exposures=list(_readers(documented.manifest)),
        decisions=_under(entries, "decisions/"), runbooks=_under(entries, "runbooks/"),
        # The rest: each page is reached from here.
        documents=[(address, name) for address, name in entries.items() if not address.startswith(LISTED)],
    )  # fmt: skip
    decisions = [(address.partition("/")[2], name) for address, name in _under(entries, "decisions/")]
    yield page("list.html", "decisions/index.html", "Decisions", entries=decisions)
    for name, address in shown.items():
        yield page("document.html", address, entries[address], body=documents.html(texts[name], name, shown))


def _templates() -> Environment:
    loader = FileSystemLoader(Path(__file__).with_name("templates"))
    found = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    found.globals.update(mark=MARK, navigation=NAVIGATION)
    found.filters["words"] = documents.words
    return found


def _under(entries: Mapping[str, str], folder: str) -> list[tuple[str, str]]:
    return [(address, name) for address, name in entries.items() if address.startswith(folder)]


def _in_catalogue(table: Table) -> str:
    kinds = {"raw": "source", "seed": "seed"}
    if table.layer == "raw":
        (source,) = {source for column in table.columns for source in column.sources} or {""}
        return f"catalogue.html#!/source/source.meterhouse.{source}.{table.name}"
    kind = kinds.get(table.layer, "model")
    return f"catalogue.html#!/{kind}/{kind}.meterhouse.{table.name}"


def _readers(manifest: Mapping[str, Any]) -> Iterable[Reader]:
    for exposure in sorted(manifest["exposures"].values(), key=lambda one: (one["type"] != "dashboard", one["name"])):
        read = (manifest["nodes"][key] for key in exposure["depends_on"]["nodes"] if key in manifest["nodes"])
        yield Reader(
            str(exposure["label"] or exposure["name"]),
            " ".join(exposure["description"].split()),
            tuple(sorted(f"{node['schema']}.{node['name']}" for node in read)),
        )


def _stamp(has_warehouse: bool) -> Iterator[str]:
    """What the pages were made from, and which publication readers saw at that time; every instant is UTC."""
    sha = git_sha()
    of = f" of commit {sha[:12]}" if sha else ""
    yield f"Made {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC from the project{of}."
    if not has_warehouse:
        yield "Made without a warehouse: nothing here knows what has landed or is published."
        return
    try:
        with open_copy() as copy:
            ((invocation, built, published),) = copy.rows(
                f"select invocation_id, built_at, published_at from {copy.publication}"
            )
    except NotPublished:
        yield "Nothing was published at that time."
    except LandingError as error:
        yield f"What was published at that time could not be read ({error.code})."
    else:
        yield (
            f"Published at that time: build {invocation}, built {built:%Y-%m-%d %H:%M:%S} UTC, "
            f"published {published:%Y-%m-%d %H:%M:%S} UTC."
        )
