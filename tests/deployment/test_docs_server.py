"""The documentation as its image makes and serves it: the Dockerfile's steps, then nginx with the file's command."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.deployment import compose
from tests.deployment.compose import ROOT
from tests.deployment.machine import Machine

DOCKERFILE = ROOT / "deployment/images/docs/Dockerfile"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The start page, made without any warehouse."""
    folder = tmp_path_factory.mktemp("docs")
    (steps,) = [rest for what, rest in compose.instructions(DOCKERFILE) if what == "RUN" and "publishing" in rest]
    (given,) = [rest for what, rest in compose.instructions(DOCKERFILE) if what == "ENV" and "WAREHOUSE" in rest]
    steps = steps.replace("/srv/docs", f"{folder}/page")
    environment = {**compose.inherited(), **dict(re.findall(r"(\w+)=(\S+)", given)), "HOME": str(folder)}
    environment |= {"DBT_TARGET_PATH": str(folder / "target"), "DBT_LOG_PATH": str(folder / "logs")}
    done = subprocess.run(["sh", "-c", steps], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "page" / "index.html"


def test_the_catalogue_holds_every_model_and_asks_nobody(page: Path) -> None:
    text = page.with_name("catalogue.html").read_text(encoding="utf-8")
    models = {path.stem for path in (ROOT / "dbt_project" / "models").rglob("*.sql")}
    assert len(models) > 50
    assert [name for name in models if f'"model.meterhouse.{name}"' not in text] == []
    assert '"send_anonymous_usage_stats": false' in text


def test_without_a_warehouse_the_dictionary_says_what_the_project_says_and_what_it_lacks(page: Path) -> None:
    with page.with_name("dictionary.csv").open(encoding="utf-8", newline="") as lines:
        rows = {(row["model"], row["column"]): row for row in csv.DictReader(lines)}
    assert rows["fct_sensor_readings", "flow_lps"]["unit"] == "L/s"
    assert rows["sensor_readings", "flow_rate"]["layer"] == "raw"
    dictionary = page.with_name("dictionary.html").read_text(encoding="utf-8")
    assert "not compiled: that needs a warehouse" in dictionary
    assert "Made without a warehouse" in page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def served(page: Path, new_machine: Callable[..., Machine]) -> Iterator[tuple[Machine, str]]:
    if shutil.which("nginx", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("no nginx here: install Debian's nginx-light")
    machine = new_machine()
    laid = machine.folder / "page"
    shutil.copytree(page.parent, laid)
    machine.extra["/srv/docs"] = laid
    configuration = machine.mounts("docs")["/etc/nginx/nginx.conf"]
    text = configuration.read_text(encoding="utf-8")
    assert text.count("listen 8080;") == 1
    port = machine.ports["docs", 8080]
    configuration.write_text(machine.here("docs", text).replace("listen 8080;", f"listen 127.0.0.1:{port};"))
    os.environ["PATH"] += ":/usr/sbin"
    machine.up("docs")
    yield machine, f"http://127.0.0.1:{port}"
    machine.close()


def test_the_server_gives_the_page_and_is_healthy(served: tuple[Machine, str], page: Path) -> None:
    machine, base = served
    answer = requests.get(base, timeout=30)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.content == page.read_bytes()
    assert machine.health("docs").returncode == 0


@pytest.mark.parametrize(
    ("address", "kind"),
    [("dictionary.csv", "text/csv"), ("dictionary.md", "text/markdown"), ("decisions/0006-publish.html", "text/html")],
)
def test_each_file_comes_with_its_type(served: tuple[Machine, str], page: Path, address: str, kind: str) -> None:
    answer = requests.get(f"{served[1]}/{address}", timeout=30)
    assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"
    assert answer.content == (page.parent / address).read_bytes()


def test_the_browser_is_told_to_fetch_nothing_from_elsewhere(served: tuple[Machine, str]) -> None:
    headers = requests.get(served[1], timeout=30).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Server"] == "nginx"


def test_the_server_takes_nothing_and_shows_nothing_else(served: tuple[Machine, str]) -> None:
    _, base = served
    assert requests.post(base, data="x", timeout=30).status_code == 403
    assert requests.put(f"{base}/new.html", data="x", timeout=30).status_code in (403, 405)
    assert requests.get(f"{base}/elsewhere", timeout=30).status_code == 404
    raw = requests.Request("GET", base).prepare()
    raw.url = f"{base}/../../etc/passwd"
    assert requests.Session().send(raw, timeout=30).status_code in (400, 404)


def test_it_writes_into_memory_only_and_ends_when_asked(served: tuple[Machine, str]) -> None:
    machine, _ = served
    home = machine.folder / "services" / "docs"
    written = {path.relative_to(home).parts[0] for path in home.rglob("*")}
    assert written == {"image", "secrets", "tmp"}
    assert (home / "tmp" / "nginx.pid").exists()
    assert machine.stop("docs", 20) == 0
    assert machine.health("docs").returncode != 0
