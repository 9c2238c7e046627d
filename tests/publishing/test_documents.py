"""The project's own words as pages: links between them lead somewhere, and nothing is fetched by itself."""

from __future__ import annotations

import html
import posixpath
import re
from pathlib import Path

import pytest

from publishing.site import documents

ROOT = Path(__file__).resolve().parents[2]
SHOWN = documents.addresses(ROOT)
WRITTEN = {"decisions/index.html"}
"""Pages that are made of no file."""


def body(text: str, name: str = "docs/decisions/0006-publish.md") -> str:
    return documents.html(text, name, SHOWN)


def test_every_decision_and_runbook_has_a_page() -> None:
    decisions = {path.name for path in (ROOT / "docs" / "decisions").glob("*.md")}
    runbooks = {path.name for path in (ROOT / "docs" / "runbooks").glob("*.md")}
    assert len(decisions) >= 24
    assert {f"decisions/{Path(name).stem}.html" for name in decisions} <= set(SHOWN.values())
    assert {f"runbooks/{Path(name).stem}.html" for name in runbooks - {"README.md"}} <= set(SHOWN.values())
    assert {"glossary.html", "runbooks/index.html", "readme.html"} <= set(SHOWN.values())
    assert len(set(SHOWN.values())) == len(SHOWN)


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_links_of_a_page_lead_to_pages(name: str) -> None:
    made = documents.html((ROOT / name).read_text(encoding="utf-8"), name, SHOWN)
    here = posixpath.dirname(SHOWN[name])
    hrefs = [html.unescape(href) for href in re.findall(r'href="([^"]*)"', made)]
    inside = [href.partition("#")[0] for href in hrefs if not re.match(r"https?:", href)]
    led = [posixpath.normpath(posixpath.join(here, href)) for href in inside if href]
    assert [address for address in led if address not in {*SHOWN.values(), *WRITTEN}] == []


def test_a_link_to_a_page_keeps_its_heading_and_one_to_a_file_becomes_words() -> None:
    made = body("[roles](0019-database-roles.md#why-not), [rules](../../CONTRIBUTING.md), [licence](../../LICENSE)")
    assert '<a href="../decisions/0019-database-roles.html#why-not">roles</a>' in made
    assert '<a href="../contributing.html">rules</a>' in made
    assert made.rstrip().endswith(", licence</p>")


def test_a_link_elsewhere_stays_and_nothing_is_fetched_by_it() -> None:
    made = body("[issue](https://example.org/1) ![seen](https://example.org/pixel.png)")
    assert '<a href="https://example.org/1" rel="noreferrer">issue</a>' in made
    assert "<img" not in made


def test_markup_in_the_words_is_shown_and_never_obeyed() -> None:
    assert "<script>" not in body("a <script>alert(1)</script> `<b>`")
    assert str(documents.words("`<b>` & <i>x</i>")) == "<code>&lt;b&gt;</code> &amp; &lt;i&gt;x&lt;/i&gt;"


def test_tables_are_tables_and_headings_can_be_linked_to() -> None:
    made = body("# A page\n\n## Why not\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n")
    assert '<h2 id="why-not">Why not</h2>' in made
    assert "<td>2</td>" in made
    assert documents.title("# Of `x`\n\n# Other") == "Of x"
