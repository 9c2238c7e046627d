"""`make docs`: pages that a browser opens from files and that ask nobody, with nobody's data in them."""

from __future__ import annotations

import csv
import html
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.end_to_end.conftest import ROOT, House

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class Site:
    """The house, the folder of its pages, and dbt's manifest of it."""

    house: House
    folder: Path
    manifest: dict[str, Any]

    def text(self, address: str) -> str:
        return (self.folder / address).read_text(encoding="utf-8")

    @property
    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]

    @property
    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(self.text("dictionary.csv").splitlines()))


@pytest.fixture(scope="module")
def site(first_house: Callable[[str], House], tmp_path_factory: pytest.TempPathFactory) -> Site:
    return made(first_house("duckdb"), tmp_path_factory.mktemp("docs") / "site")


def made(house: House, folder: Path) -> Site:
    said = house.run("python", "-m", "publishing", "docs", "--out", str(folder))
    assert str(folder / "index.html") in said
    manifest = json.loads((house.folder / "target" / "manifest.json").read_text(encoding="utf-8"))
    return Site(house, folder, manifest)


def test_reading_the_project_leaves_no_trace_in_the_record_of_builds(site: Site) -> None:
    """`dbt compile` and `dbt docs generate` render dbt's hooks; what was built can still be published."""
    site.house.dbt("compile", "--select", "dim_products")
    assert site.house.query("select distinct command from ledger.build_runs") == [("build",)]
    assert "Published" in site.house.run("python", "-m", "publishing", "--force")


# Nothing private, nothing from elsewhere ----------------------------------------------------------------------------


def test_the_pages_call_nobody_and_name_no_folder(site: Site) -> None:
    assert site.manifest["metadata"]["send_anonymous_usage_stats"] is False
    assert len(site.files) > 45
    for path in site.files:
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']https?://", text) == [], path.name
        assert str(ROOT) not in text, path.name
        assert str(site.house.folder) not in text, path.name
        assert re.findall(r"(?<![\w.])/(?:home|Users|root|work|tmp)/\w+", text.replace("/tmp/logs", "")) == [], (
            path.name
        )


def test_the_pages_hold_no_value_of_a_person(site: Site) -> None:
    originals = {original for (original,) in site.house.query("select original from raw.pseudonyms")}
    assert len(originals) > 100
    for path in site.files:
        text = path.read_text(encoding="utf-8")
        assert [original for original in originals if len(original) >= 6 and original in text] == [], path.name


# The dictionary -----------------------------------------------------------------------------------------------------


def test_the_dictionary_has_every_column_that_readers_see_and_every_column_of_raw(site: Site) -> None:
    said = {(row["layer"], row["model"], row["column"]) for row in site.rows}
    standing = site.house.query(
        "select table_schema, table_name, column_name from information_schema.columns "
        "where table_schema in ('marts', 'ledger', 'staging')"
    )
    own = {"build_runs", "operation_runs", "freshness_checks"}
    standing = [(schema, table, column) for schema, table, column in standing if table not in own]
    assert len(standing) > 800
    assert set(standing) - said == set()
    raw = site.house.query(
        "select 'raw', table_name, column_name from information_schema.columns where table_schema = 'raw'"
    )
    named = {(str(node["schema"]), str(node["identifier"])) for node in site.manifest["sources"].values()}
    assert {row for row in raw if (row[0], row[1]) in named} - said == set()
    assert len(said) == len(site.rows)


def test_the_dictionary_says_unit_class_tests_and_origin(site: Site) -> None:
    by_name = {(row["model"], row["column"]): row for row in site.rows}
    flow = by_name["fct_sensor_readings", "flow_lps"]
    assert (flow["layer"], flow["type"], flow["unit"], flow["personal"]) == ("marts", "numeric(18,6)", "L/s", "none")
    assert flow["description"] == "Flow. Zero is a reading, null is none."
    assert "raw.sensor_readings.flow_rate" in flow["raw"].split("; ")
    assert flow["sources"] == "abbanoa"
    pressure = by_name["stg_abbanoa__sensor_readings", "pressure_bar"]
    assert set(pressure["raw"].split("; ")) == {"raw.sensor_readings.pressure", "raw.sensor_readings.pressure_1"}
    assert by_name["utility_billing", "customer_name"]["personal"] == "direct"
    assert by_name["fct_utility_bills", "customer_key"]["personal"] == "pseudonym"
    assert by_name["fct_utility_bills", "town"]["personal"] == "quasi"
    kwh = by_name["daily_product_consumption", "consumption_kwh"]
    assert kwh["staging"] == "staging.stg_smart_meters__meter_readings.consumption_kwh"
    assert kwh["raw"] == "raw.meter_readings.consumption; raw.meter_readings.consumption_delta"
    key = by_name["dim_nodes", "node_id"]
    assert {"not_null", "unique"} <= set(key["tests"].split("; "))
    assert by_name["anomalies", "severity"]["tests"] == "not_null; accepted_values (values info, warning, critical)"


def test_every_model_could_be_followed_to_where_its_columns_come_from(site: Site) -> None:
    assert "The SQL of every model could be followed." in site.text("dictionary.html")
    amounts = [
        row for row in site.rows if row["layer"] == "marts" and row["unit"] in ("CAD", "kWh", "dth", "m3", "L/s")
    ]
    assert len(amounts) > 60
    assert [f"{row['model']}.{row['column']}" for row in amounts if not row["raw"] or not row["staging"]] == []


def test_on_postgres_the_columns_are_followed_as_well(first_house: Callable[[str], House], tmp_path: Path) -> None:
    """The same as on DuckDB, as the models are the same (postgres)."""
    postgres = made(first_house("postgres"), tmp_path / "site")
    assert "The SQL of every model could be followed." in postgres.text("dictionary.html")
    kwh = next(row for row in postgres.rows if (row["model"], row["column"]) == ("dim_products", "product_id"))
    assert kwh["raw"] != ""


def test_csv_markdown_and_page_say_the_same_columns(site: Site) -> None:
    page, markdown = site.text("dictionary.html"), site.text("dictionary.md")
    for row in site.rows:
        assert f'<tr id="{row["layer"]}.{row["model"]}.{row["column"]}">' in page
    assert len(re.findall(r"^\| (?!---|column \|)", markdown, flags=re.MULTILINE)) == len(site.rows)
    assert len({(row["layer"], row["model"]) for row in site.rows}) == len(re.findall(r"^## ", markdown, re.MULTILINE))


# The folder ---------------------------------------------------------------------------------------------------------


def test_the_pages_say_of_which_publication_they_are(site: Site) -> None:
    ((invocation, published),) = site.house.ask("select invocation_id, published_at from main.publication")
    # Published once more since, by the first test of this file.
    assert f"build {invocation}" in site.text("index.html")
    assert f"published {published:%Y-%m-%d} " in site.text("index.html")
    for path in site.folder.rglob("*.html"):
        if path.name != "catalogue.html":
            assert f"build {invocation}" in path.read_text(encoding="utf-8"), path.name


def test_a_second_time_replaces_the_pages_and_leaves_nothing_beside_them(site: Site) -> None:
    left = site.folder / "decisions" / "0000-withdrawn.html"
    left.write_text("of before", encoding="utf-8")
    made(site.house, site.folder)
    assert not left.exists()
    assert [path.name for path in site.folder.parent.iterdir()] == [site.folder.name]


def test_a_folder_with_something_else_in_it_is_left_alone(site: Site, tmp_path: Path) -> None:
    kept = tmp_path / "index.html"
    kept.write_text("somebody's own page", encoding="utf-8")
    said = site.house.run("python", "-m", "publishing", "docs", "--out", str(tmp_path), code=2)
    assert "DOCS_FOLDER" in said
    assert kept.read_text(encoding="utf-8") == "somebody's own page"


# In a browser -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser to open the pages with: none of {', '.join(BROWSERS)} is installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@dataclass(frozen=True)
class Seen:
    """A page, what it has asked for, and what went wrong in it."""

    page: Page
    requests: list[str]
    faults: list[str]


@pytest.fixture
def seen(browser: Browser) -> Iterator[Seen]:
    page = browser.new_page()
    found = Seen(page, [], [])
    page.on("request", lambda request: found.requests.append(request.url))
    page.on("pageerror", lambda error: found.faults.append(str(error)))
    page.on("console", lambda said: found.faults.append(said.text) if said.type == "error" else None)
    yield found
    page.close()
    assert [url for url in found.requests if not url.startswith(("file:", "data:", "blob:"))] == []


def test_a_reader_finds_the_way_from_the_start_page_to_decision_runbook_and_dictionary(site: Site, seen: Seen) -> None:
    page = seen.page
    page.goto((site.folder / "index.html").as_uri())
    page.get_by_role("link", name="0006 Readers see only what passed").click()
    assert page.locator("h1").inner_text() == "0006 Readers see only what passed"
    page.get_by_role("navigation").get_by_role("link", name="Runbooks").click()
    page.get_by_role("link", name="build-failed").click()
    assert page.locator("h1").inner_text() == "A build failed"
    page.get_by_role("navigation").get_by_role("link", name="Decisions").click()
    page.get_by_role("link", name="0024 The dashboard asks, and computes nothing").click()
    page.get_by_role("navigation").get_by_role("link", name="Start").click()
    page.get_by_role("link", name="night_flow", exact=True).first.click()
    assert page.url.endswith("dictionary.html#marts.night_flow")
    assert seen.faults == []


def test_the_search_finds_a_column_and_hides_the_rest(site: Site, seen: Seen) -> None:
    page = seen.page
    page.goto((site.folder / "dictionary.html").as_uri())
    assert page.locator("#found").inner_text() == f"{len(site.rows)} columns"
    page.get_by_label("Find a column, unit or word").fill("daily_product_consumption consumption_kwh kWh")
    row = page.locator('[id="marts.daily_product_consumption.consumption_kwh"]')
    assert row.is_visible()
    assert page.locator('[id="marts.night_flow"]').is_hidden()
    shown = page.locator("tbody tr:visible").count()
    assert 0 < shown < 10
    assert page.locator("#found").inner_text() in (f"{shown} columns", "1 column")
    page.keyboard.press("Escape")
    assert page.locator('[id="marts.night_flow"]').is_visible()
    assert seen.faults == []


def test_every_link_of_every_page_leads_to_a_file_that_is_there(site: Site) -> None:
    led = 0
    reached = set()
    for path in site.folder.rglob("*.html"):
        if path.name == "catalogue.html":
            continue
        text = path.read_text(encoding="utf-8")
        for href in {html.unescape(found) for found in re.findall(r'href="([^"]+)"', text)}:
            address, _, fragment = href.partition("#")
            if re.match(r"https?:", href):
                continue
            target = (path.parent / address) if address else path
            assert target.is_file(), f"{path.name}: {href}"
            if fragment and not fragment.startswith("!") and target.suffix == ".html":
                assert f'id="{fragment}"' in target.read_text(encoding="utf-8"), f"{path.name}: {href}"
            led += 1
            reached.add(target.resolve())
    assert led > 500
    assert {path.resolve() for path in site.files} - reached == set()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_told_from_its_ground_by_day_and_by_night(site: Site, browser: Browser, scheme: Any) -> None:
    """At least 7:1, the stricter of the two contrasts of WCAG 2.1, of body text and of links."""
    page = browser.new_page(color_scheme=scheme)
    page.goto((site.folder / "decisions" / "0018-containers.html").as_uri())
    ground = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert (ground > 0.5) is (scheme == "light")
    for what in ("body", "main a"):
        ink = luminance(page.evaluate(f"getComputedStyle(document.querySelector('{what}')).color"))
        assert (max(ink, ground) + 0.05) / (min(ink, ground) + 0.05) >= 7, what
    page.close()


def luminance(colour: str) -> float:
    """Relative luminance of `rgb(r, g, b)` by WCAG 2.1."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_catalogue_shows_every_mart_with_its_description(site: Site, seen: Seen) -> None:
    shown = [
        node
        for node in site.manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] in ("marts", "ledger")
    ]
    assert len(shown) > 10
    page = seen.page
    page.goto((site.folder / "catalogue.html").as_uri())
    missing = []
    for node in shown:
        page.evaluate("address => { location.hash = address }", f"!/model/{node['unique_id']}")
        page.wait_for_function("name => document.querySelector('h1')?.innerText.includes(name)", arg=node["name"])
        text = spaced(page.inner_text("body"))
        if not node["description"] or words(node["description"])[:80] not in text:
            missing.append(node["name"])
    assert missing == []


def words(markup: str) -> str:
    """The words of a description, without tags, markdown and spacing."""
    return spaced(html.unescape(re.sub(r"<[^>]+>", "", markup)))


def spaced(text: str) -> str:
    """The words of a page as it is read, in which `<` and `>` compare, without markdown and spacing."""
    return " ".join(re.sub(r"[`*]", "", text).split())
