"""Killed, failed or run twice: the marts are those of an undisturbed run, and readers never see anything else."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable

from tests.end_to_end.conftest import ROOT, House, clocks

# What differs between two houses that hold the same: when each landed and built.
VOLATILE = frozenset({"ledger.load_history", "ledger.build_runs", "ledger.source_freshness"})


def marts(house: House) -> dict[str, list[tuple[str, ...]]]:
    return {
        relation: house.content(relation, clocks(relation)) for relation in house.shown() if relation not in VOLATILE
    }


def dbt_killed_after(house: House, models: int) -> None:
    """Starts `dbt build` and kills it with -9 once it has built that many models."""
    process = started_until(house, ["dbt", "build"], models)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def started_until(house: House, command: list[str], models: int) -> subprocess.Popen[str]:
    """Starts a command and returns while it runs, once dbt has built that many models."""
    log = house.folder / "logs" / "dbt.log"
    before = log.read_text(encoding="utf-8").count("OK created") if log.exists() else 0
    process = subprocess.Popen(
        command, cwd=ROOT, env=house.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if log.exists() and log.read_text(encoding="utf-8").count("OK created") - before >= models:
            break
        time.sleep(0.2)
    assert process.poll() is None, "it ended before it could be stopped"
    return process


def test_a_dbt_build_killed_in_the_middle_is_made_good_by_the_next(
    landed_house: House, first_house: Callable[[str], House]
) -> None:
    dbt_killed_after(landed_house, models=12)
    said = landed_house.run("python", "-m", "publishing", code=1)
    assert "BUILD_NOT_PASSED" in said
    assert "did not finish" in said
    landed_house.build()
    assert marts(landed_house) == marts(first_house(landed_house.engine))


def test_a_build_that_is_told_to_stop_records_its_end_and_publishes_nothing(new_house: House) -> None:
    """SIGTERM, as from a container or a scheduler: dbt hears it as Ctrl-C and closes its books."""
    before = new_house.ask("select * from publication")
    process = started_until(new_house, ["python", "-m", "publishing", "build"], models=5)
    process.terminate()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert "readers keep the last copy" in said
    assert "BUILD_NOT_PASSED" in new_house.run("python", "-m", "publishing", code=1)
    assert new_house.ask("select * from publication") == before


def test_building_again_changes_nothing(new_house: House, first_house: Callable[[str], House]) -> None:
    """Neither by increments with nothing new, nor whole."""
    for arguments in ((), ("--full-refresh",)):
        new_house.build(*arguments)
        assert marts(new_house) == marts(first_house("duckdb"))


def test_a_failing_test_leaves_the_last_published_copy(new_house: House) -> None:
    before = new_house.ask("select * from publication")
    new_house.query("insert into marts.dim_products select * from marts.dim_products limit 1")
    new_house.dbt("test", "--select", "dim_products", code=1)
    said = new_house.run("python", "-m", "publishing", code=1)
    assert "BUILD_NOT_PASSED" in said
    assert "failed or skipped" in said
    assert new_house.ask("select * from publication") == before
    products = new_house.ask("select count(*), count(distinct product_id) from {marts}.dim_products")
    assert products[0][0] == products[0][1] > 0


def test_a_model_that_fails_leaves_the_last_published_copy(new_house: House) -> None:
    """`make build` as a whole: dbt's failure is said in full, nothing is published, the exit code is 1."""
    before = new_house.ask("select * from publication")
    new_house.query("drop table raw.products")
    said = new_house.build(code=1)
    assert "raw.products does not exist" in said
    assert "readers keep the last copy" in said
    assert new_house.ask("select * from publication") == before


def test_publishing_waits_for_no_test_that_was_left_out(new_house: House) -> None:
    new_house.dbt("run", "--select", "dim_products")
    said = new_house.run("python", "-m", "publishing", code=1)
    assert "left out tests" in said
    new_house.dbt("build", "--select", "dim_nodes")
    said = new_house.run("python", "-m", "publishing", code=1)
    assert "left out tests" in said, "a build of something else does not make good what an untested run wrote"
    new_house.dbt("build", "--select", "dim_products")
    assert "Published" in new_house.run("python", "-m", "publishing")


def test_a_second_dbt_run_on_postgresql_says_that_it_is_busy(
    first_house: Callable[[str], House], postgres: dict[str, str]
) -> None:
    """The other run is played by a session with dbt's name and a record without an end."""
    from tests.conftest import postgres_warehouse
    from tests.postgres_server import connect

    shared = first_house("postgres")
    house = House(postgres_warehouse(shared.folder, postgres), shared.world, shared.folder)
    house.query("create schema raw")
    house.query("create schema ledger")
    house.query(
        "create table ledger.build_runs (invocation_id text, command text, vars text, is_whole boolean, "
        "is_tested boolean, relations text, started_at timestamp, finished_at timestamp, failures integer)"
    )
    house.query(
        "insert into ledger.build_runs values ('other', 'build', '{}', true, true, '[]', '2026-01-01', null, null)"
    )
    other = connect(house.env)
    other.cursor().execute("set application_name = 'meterhouse dbt'")
    said = house.dbt("build", "--select", "dim_products", code=2)
    assert "BUSY_WAREHOUSE" in said
    other.close()
    assert house.query("select invocation_id from ledger.build_runs") == [("other",)]


def test_a_part_that_failed_is_made_good_by_the_same_part(new_house: House) -> None:
    """Its tests are those that dbt chose; another part that passes in between does not hide it."""
    before = new_house.ask("select published_at from publication")
    part = ("build", "--select", "fct_meter_readings+1")
    no_reading_may_lack_an_agreement = "{unmapped_share_at_most: -1, unmapped_readings_spared: -1}"
    new_house.dbt(*part, "--vars", no_reading_may_lack_an_agreement, code=1)
    new_house.dbt("build", "--select", "dim_products")
    assert "BUILD_NOT_PASSED" in new_house.run("python", "-m", "publishing", code=1)
    assert new_house.ask("select published_at from publication") == before
    new_house.dbt(*part)
    assert "Published" in new_house.run("python", "-m", "publishing")
    assert new_house.ask("select published_at from publication") > before


def test_what_is_published_is_published_again_only_when_told(house: House) -> None:
    place = "published.publication" if house.engine == "postgres" else "publication"
    before = house.ask(f"select published_at from {place}")
    assert "Nothing new to publish" in house.run("python", "-m", "publishing")
    assert house.ask(f"select published_at from {place}") == before
    assert "Published" in house.run("python", "-m", "publishing", "--force")
    assert house.ask(f"select published_at from {place}") > before


def test_a_first_build_is_made_once(new_house: House) -> None:
    said = new_house.build("--if-missing")
    assert "has been built before" in said
    new_house.query("update ledger.build_runs set is_whole = false")
    # Refused rather than passed on to dbt or dropped.
    assert "takes no" in new_house.build("--if-missing", "--select", "dim_products", code=2)
    said = new_house.build("--if-missing")
    assert "all passed" in said and "Published" in said
