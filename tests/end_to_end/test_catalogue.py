"""`make docs`: one page that a browser can open from a file, with every mart described and nobody's data in it."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import ROOT, House

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--virtual-time-budget=8000", "--dump-dom",
)  # fmt: skip


@pytest.fixture(scope="module")
def catalogue(
    first_house: Callable[[str], House], tmp_path_factory: pytest.TempPathFactory
) -> tuple[House, Path, dict[str, Any]]:
    """The house, its page, and dbt's manifest of it."""
    house = first_house("duckdb")
    page = tmp_path_factory.mktemp("site") / "index.html"
    said = house.run("python", "-m", "publishing", "docs", "--out", str(page))
    assert str(page) in said
    return house, page, json.loads((house.folder / "target" / "manifest.json").read_text(encoding="utf-8"))


def test_reading_the_project_leaves_no_trace_in_the_record_of_builds(
    catalogue: tuple[House, Path, dict[str, Any]],
) -> None:
    """`dbt compile` and `dbt docs generate` render dbt's hooks; what was built can still be published."""
    house, _, _ = catalogue
    house.dbt("compile", "--select", "dim_products")
    assert house.query("select distinct command from ledger.build_runs") == [("build",)]
    assert "Published" in house.run("python", "-m", "publishing", "--force")


def test_the_page_calls_nobody_and_names_no_folder(catalogue: tuple[House, Path, dict[str, Any]]) -> None:
    house, page, manifest = catalogue
    text = page.read_text(encoding="utf-8")
    assert manifest["metadata"]["send_anonymous_usage_stats"] is False
    assert re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']https?://", text) == []
    assert str(ROOT) not in text
    assert str(house.folder) not in text


def test_the_page_holds_no_value_of_a_person(catalogue: tuple[House, Path, dict[str, Any]]) -> None:
    house, page, _ = catalogue
    text = page.read_text(encoding="utf-8")
    originals = {original for (original,) in house.query("select original from raw.pseudonyms")}
    assert [original for original in originals if len(original) >= 6 and original in text] == []


def test_a_browser_shows_every_mart_with_its_description(
    catalogue: tuple[House, Path, dict[str, Any]], tmp_path: Path
) -> None:
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip(f"no browser to open the page with: none of {', '.join(BROWSERS)} is installed")
    _, page, manifest = catalogue
    shown = [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] in ("marts", "ledger")
    ]
    assert len(shown) > 10

    def text_of(node: dict[str, Any]) -> str:
        address = f"{page.as_uri()}#!/model/{node['unique_id']}"
        profile = f"--user-data-dir={tmp_path / node['name']}"
        done = subprocess.run([browser, *FLAGS, profile, address], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-2000:]
        return words(re.sub(r"<(script|style)\b.*?</\1>", " ", done.stdout, flags=re.DOTALL))

    with ThreadPoolExecutor(2) as pool:
        texts = list(pool.map(text_of, shown))
    missing = [
        node["name"]
        for node, text in zip(shown, texts, strict=True)
        if not node["description"] or words(node["description"])[:80] not in text
    ]
    assert missing == []


def words(markup: str) -> str:
    """The words of a page or of a description, without tags, markdown and spacing."""
    return " ".join(re.sub(r"[`*]", "", html.unescape(re.sub(r"<[^>]+>", "", markup))).split())
