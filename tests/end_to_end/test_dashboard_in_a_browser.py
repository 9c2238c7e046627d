"""Every page of the dashboard as a browser shows it, over a whole house: `python -m serving.dashboard` and Chromium."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from serving.dashboard.pages import TITLES
from tests.end_to_end.conftest import ROOT, House

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SCREENSHOTS = ROOT / "target" / "screenshots"
THEMES = ("light", "dark")
SECONDS = 120
SETTLED = '[data-testid="stApp"][data-test-script-state="notRunning"]'
WAITING = '[data-testid="stSpinner"], [data-testid="stSkeleton"], [data-testid="stStatusWidget"]'
FAILED = '[data-testid="stException"], [data-testid="stAlertContentError"]'
FOCUS_IN = "where => document.activeElement.closest(where) !== null"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def dashboard(env: dict[str, str], log: Path) -> Iterator[str]:
    """A dashboard of its own; yields its address."""
    port = free_port()
    command = [sys.executable, "-m", "serving.dashboard", "--server.port", str(port)]
    with log.open("w", encoding="utf-8") as said:
        server = subprocess.Popen(
            command, cwd=ROOT, env={**env, "PYTHONPATH": str(ROOT)}, stdout=said, stderr=subprocess.STDOUT
        )
    try:
        until = time.monotonic() + SECONDS
        while True:
            try:
                with urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5):
                    break
            except (URLError, OSError):
                assert server.poll() is None and time.monotonic() < until, log.read_text(encoding="utf-8")
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser to open the pages with: none of {', '.join(BROWSERS)} is installed")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-quic"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def address(
    browser: Browser, first_house: Callable[[str], House], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    house = first_house("duckdb")
    with dashboard(house.env, tmp_path_factory.mktemp("dashboard") / "said.log") as where:
        yield where


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Opens a path of the dashboard and waits until it has settled; nothing may be asked of another machine."""
    asked: list[str] = []
    contexts = []

    def open_path(path: str, theme: str = "light") -> Page:
        context = browser.new_context(color_scheme=theme, viewport={"width": 1440, "height": 1000})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SECONDS * 1000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.goto(f"{address}/{path}")
        settle(page)
        return page

    yield open_path
    for context in contexts:
        context.close()
    assert asked
    local = ("127.0.0.1", None)  # data: and blob: have no host
    assert [url for url in asked if urlsplit(url).hostname not in local] == []


def settle(page: Page) -> None:
    """Waits for the title, then until nothing runs any more and the charts have been drawn."""
    page.wait_for_selector("h1")
    page.wait_for_selector(SETTLED)
    page.wait_for_function("where => document.querySelectorAll(where).length === 0", arg=WAITING)
    page.wait_for_timeout(400)
    page.wait_for_selector(SETTLED)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", TITLES)
def test_every_page_shows_its_title_and_no_failure(opened: Callable[..., Page], name: str, theme: str) -> None:
    page = opened(name, theme)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    height = page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollHeight")
    page.set_viewport_size({"width": 1440, "height": min(max(1000, height), 6000)})
    page.wait_for_timeout(600)
    page.screenshot(path=SCREENSHOTS / f"{name}-{theme}.png")
    title, _ = TITLES[name]
    expect(page.locator("h1")).to_have_text(title)
    expect(page).to_have_title(f"{title} · Meterhouse")
    assert [element.inner_text() for element in page.query_selector_all(FAILED)] == []
    assert page.get_by_text("Page not found").count() == 0


def test_the_overview_is_found_at_the_root_and_by_its_name(opened: Callable[..., Page]) -> None:
    for path in ("", "overview"):
        page = opened(path)
        expect(page.locator("h1")).to_have_text("Overview")
        assert page.get_by_text("Page not found").count() == 0
        links = page.locator('[data-testid="stSidebarNavLink"]').all_inner_texts()
        assert [link.split("\n")[-1] for link in links] == [title for title, _ in TITLES.values()]


def test_the_overview_shows_the_gaps_that_were_planted(
    opened: Callable[..., Page], first_house: Callable[[str], House]
) -> None:
    gaps = first_house("duckdb").truth["meters"]["gaps"]
    words = f"{gaps['count']} gaps in meter reads, {gaps['intervals']:,} half-hours"
    expect(opened("overview").get_by_text(words)).to_be_visible()


FILTERS = {"quality": "source", "tables": "table", "sql": "sql"}
"""The first filter of the pages that have one, by its key."""


@pytest.mark.parametrize("name", FILTERS)
def test_the_keyboard_reaches_the_navigation_and_then_the_first_filter(opened: Callable[..., Page], name: str) -> None:
    page = opened(name)
    assert reached(page, '[data-testid="stSidebarNavLink"]')
    assert reached(page, f".st-key-{FILTERS[name]}")


def test_a_filter_stands_in_the_address_and_the_address_restores_it(opened: Callable[..., Page]) -> None:
    page = opened("quality")
    page.locator(".st-key-source input").click()
    page.get_by_role("option", name="openweather").click()
    settle(page)
    assert page.url.endswith("/quality?source=openweather")
    again = opened("quality?source=openweather")
    assert again.locator(".st-key-source input").input_value() == "openweather"
    assert again.get_by_text("Half-hours without a reading").count() == 0


@pytest.mark.parametrize(
    "path",
    [
        "quality?source=nobody&kind=%00&measure=1",
        "tables?table=raw.pseudonyms&table_column=original&table_op=%3D&row=%27%20or%201",
        "tables?table=raw.utility_billing&table_column=customer_name&table_op=contains&table_value=a",
        "sql?sql=drop%20table%20x&history=1&answer_csv=1&run=true",
        "overview?source=1",
    ],
)
def test_an_address_that_makes_no_sense_breaks_nothing(opened: Callable[..., Page], path: str) -> None:
    page = opened(path)
    assert [element.inner_text() for element in page.query_selector_all(FAILED)] == []
    assert page.get_by_text("Answer", exact=True).count() == 0


def test_a_question_is_answered_and_taken_away_as_a_file(
    opened: Callable[..., Page], first_house: Callable[[str], House], tmp_path: Path
) -> None:
    meters = first_house("duckdb").truth["meters"]
    page = opened("sql?sql=select%20count(*)%20as%20reads%20from%20fct_meter_readings")
    page.get_by_role("button", name="Run").click()
    page.get_by_text("Answer", exact=True).wait_for()
    with page.expect_download() as taken:
        page.get_by_role("button", name="Download CSV").click()
    taken.value.save_as(tmp_path / "answer.csv")
    assert (tmp_path / "answer.csv").read_text(encoding="utf-8").split() == ['"reads"', str(meters["rows"])]


def test_a_row_that_is_chosen_is_followed_to_what_was_delivered(opened: Callable[..., Page]) -> None:
    page = opened("tables?table=marts.fct_utility_bills")
    box = page.locator('[data-testid="stDataFrame"]:visible').first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 17, box["y"] + 87)  # the second row's mark: cells are drawn, not elements
    page.get_by_text("As it was delivered, in raw.utility_billing").wait_for()
    assert "row=" in page.url


def test_a_day_of_a_product_is_followed_by_mouse_to_a_file_and_back(opened: Callable[..., Page]) -> None:
    page = opened("tables?table=marts.daily_product_consumption")
    for below in ("marts.daily_meterpoint_consumption", "marts.fct_meter_readings", "intermediate.int_meter_reading"):
        choose_first(page)
        page.get_by_text(f"rows of {below}").wait_for()
        settle(page)
    choose_first(page)
    page.get_by_text("As it was delivered, in raw.meter_readings").wait_for()
    page.get_by_role("button", name="Back to the row before").click()
    page.get_by_text("rows of intermediate.int_meter_reading").wait_for()
    page.wait_for_function("location.search.includes('row=marts.fct_meter_readings')")


def choose_first(page: Page) -> None:
    """Marks the first row of the last table: cells are drawn, not elements."""
    table = page.locator('[data-testid="stDataFrame"]:visible').last
    table.scroll_into_view_if_needed()
    page.wait_for_timeout(400)
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 17, box["y"] + 52)


def reached(page: Page, where: str, tabs: int = 60) -> bool:
    """Whether Tab alone puts the focus on or in `where`."""
    for _ in range(tabs):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUS_IN, where):
            return True
    return False
