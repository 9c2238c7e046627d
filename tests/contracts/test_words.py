"""README and CONTRIBUTING say what is true: their commands exist, their links lead somewhere, their example works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import duckdb_warehouse

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "deployment" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
WORDS = {path: path.read_text(encoding="utf-8") for path in PAGES}
CONTRIBUTING = WORDS[ROOT / "CONTRIBUTING.md"]


def commands() -> list[str]:
    """Each line of the sh blocks, without its comment. Those of the runbooks are run whole, in tests/runbooks."""
    pages = {path: text for path, text in WORDS.items() if path.parent.name != "runbooks"}
    blocks = [block for text in pages.values() for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)]
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("page", PAGES, ids=[path.name for path in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", WORDS[page])
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_make_verb_that_is_named_exists() -> None:
    verbs = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = {verb for text in WORDS.values() for verb in re.findall(r"`make ([a-z]+)", text)}
    named |= {verb for command in commands() for verb in re.findall(r"\bmake ([a-z]+)", command)}
    assert named <= verbs
    assert {"run", "test", "ingest"} <= named


def test_every_command_that_is_shown_is_one_that_is_tested() -> None:
    """make and dbt run in tests/end_to_end, the modules' verbs below; nothing else may be shown."""
    known = re.compile(
        r"make \w+( ARGS='[^']*')?( && dbt build)?|\. \.venv/bin/activate|dbt build --vars '[^']+'"
        r"|([A-Z_]+=\S+ )?python -m (ingestion (land rainfall|status)|publishing ask \"[^\"]+\")"
        # Tried in tests/ingestion/sources: with dates and parameters these two land what they say.
        r"|python -m ingestion (land energy_transfer --param asset=TW|backfill abbanoa) --since \S+ --until \S+"
    )
    assert [command for command in commands() if not known.fullmatch(command)] == []


@pytest.mark.parametrize(
    "verb",
    [
        "ingestion backfill",
        "ingestion land",
        "ingestion status",
        "ingestion list",
        "operations backup",
        "operations backups",
        "operations drill",
        "operations restore",
        "operations roles",
        "publishing ask",
        "publishing build",
        "publishing freshness",
    ],
)
def test_verbs_explain_themselves(verb: str) -> None:
    done = subprocess.run([sys.executable, "-m", *verb.split(), "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_marts_that_the_readme_names_exist() -> None:
    models = {path.stem for path in (ROOT / "dbt_project" / "models").rglob("*.sql")}
    readme, changelog = WORDS[ROOT / "README.md"], (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (`.*?`) \|", readme.split("## What you get")[1].split("##")[0], flags=re.MULTILINE)
    named = {name for row in table for name in re.findall(r"`(\w+)`", row)} - {"dim_"}
    assert named
    assert named <= models
    shown = {path.stem for room in ("marts", "ledger") for path in (ROOT / "dbt_project/models" / room).rglob("*.sql")}
    # conservation_* are the sums by load that `conservation` is made of.
    assert {name for name in shown if f"`{name}`" not in changelog and not name.startswith("conservation_")} == set()


LAND = """
import sys
import ingestion.sources
ingestion.sources.__path__.append(sys.argv.pop(1))
from ingestion.__main__ import main
sys.exit(main())
"""


def test_the_example_of_a_source_lands_and_builds(tmp_path: Path) -> None:
    blocks = dict(re.findall(r"^`([\w/]+\.\w+)`\n\n```\w+\n(.*?)```", CONTRIBUTING, flags=re.DOTALL | re.MULTILINE))
    assert len(blocks) == 5
    project = tmp_path / "dbt_project"
    shutil.copytree(ROOT / "dbt_project", project, ignore=shutil.ignore_patterns("target", "logs"))
    for name, text in blocks.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    deliveries = tmp_path / "rain"
    deliveries.mkdir()
    (deliveries / "may.csv").write_text("gauge_id,day,rain_mm\n007,2026-05-01,1.25\n007,2026-05-02,wet\n")
    warehouse = duckdb_warehouse(tmp_path)
    env = {**os.environ, **warehouse.env, "RAINFALL_FILES": str(deliveries), "DBT_LOG_PATH": str(tmp_path / "logs")}

    def land() -> str:
        command = [sys.executable, "-c", LAND, str(tmp_path / "ingestion" / "sources"), "land", "rainfall"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    land()
    assert "Nothing new" in land()
    assert warehouse.query("select gauge_id, rain_mm, _source_row from raw.rainfall_days order by 3") == [
        ("007", "1.25", 1),
        ("007", "wet", 2),
    ]
    # The source's own model, and the ledgers that were never told of it.
    built = [
        "stg_rainfall__days",
        "stg_landing__files",
        "int_parse_failures",
        "parse_failures",
        "conservation_raw_loads",
    ]
    dbt = [str(Path(sys.executable).with_name("dbt")), "--quiet", "build", "--select", *built]

    def build() -> None:
        done = subprocess.run(
            [*dbt, "--indirect-selection", "cautious"], cwd=project, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr

    build()
    typed = warehouse.query(
        "select gauge_id, cast(rain_mm as varchar), cast(rained_on as varchar), _parse_failures is not null "
        "from staging.stg_rainfall__days order by _source_row"
    )
    assert typed == [("007", "1.25", "2026-05-01", False), ("007", None, "2026-05-02", True)]
    failures = (
        "select source, table_name, column_name, raw_column, original_text, is_masked, _source_row "
        "from ledger.parse_failures order by _source_row"
    )
    wet = ("rainfall", "rainfall_days", "rain_mm", "rain_mm", "wet", False, 2)
    assert warehouse.query(failures) == [wet]
    assert warehouse.query("select source, table_name, raw_rows from ledger.conservation_raw_loads") == [
        ("rainfall", "rainfall_days", 2)
    ]

    # Another declaration makes other nulls: the load is read again, and the ledger goes with it.
    declaration = project / "models" / "staging" / "rainfall" / "_rainfall__models.yml"
    text = declaration.read_text(encoding="utf-8")
    assert "numeric(9,2)" in text
    declaration.write_text(text.replace("numeric(9,2)", "bigint"), encoding="utf-8")
    build()
    assert warehouse.query(failures) == [(*wet[:4], "1.25", False, 1), wet]
