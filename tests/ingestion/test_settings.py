"""Settings, keys and the command line: what is wrong is named with its variable, and no secret is repeated."""

from __future__ import annotations

import hmac
import json
import os
import stat
from pathlib import Path

import pytest

from ingestion import registry, settings
from ingestion.errors import ConfigurationError
from ingestion.pseudonyms import Key, load_key
from ingestion.settings import LandingSettings, read
from ingestion.warehouse import WarehouseSettings
from tests.ingestion.house import House


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WAREHOUSE", "oracle-canary"),
        ("PGPORT", "canary"),
        ("PGPORT", "70000"),
        ("PGSSLMODE", "canary"),
        ("METERHOUSE_LOGICAL_AT", "0001-01-01T00:00:00Z"),
    ],
)
def test_a_bad_value_is_named_by_its_variable_and_not_repeated(duckdb_house: House, variable: str, value: str) -> None:
    run = duckdb_house.run("land", "fake", **{variable: value})
    assert run.returncode == 2
    assert run.stderr.startswith(f"CONFIG_SETTING: {variable}: ")
    assert "canary" not in run.stderr


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WAREHOUSE", "PGPORT", "PGPASSWORD"):
        monkeypatch.setenv(name, "")
    found = read(WarehouseSettings)
    assert (found.warehouse, found.pgport, found.pgpassword) == ("duckdb", 5432, None)


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("PGUSER=from-file\nPGDATABASE=from-file\n")
    monkeypatch.setitem(settings.Settings.model_config, "env_file", tmp_path / ".env")
    monkeypatch.setitem(WarehouseSettings.model_config, "env_file", tmp_path / ".env")
    monkeypatch.setenv("PGUSER", "from-environment")
    monkeypatch.delenv("PGDATABASE", raising=False)
    found = read(WarehouseSettings)
    assert (found.pguser, found.pgdatabase) == ("from-environment", "from-file")


def test_relative_folders_count_from_the_repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAKE_URL", "somewhere/lake")
    assert read(LandingSettings).lake == str(settings.ROOT / "somewhere/lake")
    monkeypatch.setenv("LAKE_URL", "s3://bucket/lake")
    assert read(LandingSettings).lake == "s3://bucket/lake"


def test_a_warehouse_file_named_like_a_schema_is_refused(duckdb_house: House, tmp_path: Path) -> None:
    run = duckdb_house.run("land", "fake", WAREHOUSE_PATH=str(tmp_path / "raw.duckdb"))
    assert (run.returncode, run.stderr.split(":")[:2]) == (2, ["CONFIG_SETTING", " WAREHOUSE_PATH"])


def test_the_key_file_is_made_once_and_only_its_owner_may_read_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("METERHOUSE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("PSEUDONYM_KEY", raising=False)
    first, second = load_key(read(LandingSettings)), load_key(read(LandingSettings))
    path = tmp_path / "data" / "pseudonym.key"
    assert (first.made_at, second.made_at, first.secret) == (path, None, second.secret)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(first.secret) == 32


def test_a_pseudonym_is_the_keyed_hash_of_the_original(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSEUDONYM_KEY", "00" * 16)
    key = load_key(read(LandingSettings))
    assert key.pseudonym("Ünal") == hmac.new(bytes(16), "Ünal".encode(), "sha256").hexdigest()
    assert key.pseudonym("Ünal") != Key(b"another key, sixteen").pseudonym("Ünal")
    assert len(key.id) == 8 and "00" * 4 not in repr(key)


def test_a_short_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSEUDONYM_KEY", "short")
    with pytest.raises(ConfigurationError, match="PSEUDONYM_KEY"):
        load_key(read(LandingSettings))


def test_an_unknown_source_is_a_usage_error_that_names_the_known(duckdb_house: House) -> None:
    run = duckdb_house.run("land", "nonsense")
    assert run.returncode == 2
    assert "winnipeg_billing" in run.stderr and "fake" in run.stderr


def test_a_source_that_is_not_configured_is_a_usage_error_when_named(duckdb_house: House) -> None:
    run = duckdb_house.run("land", "fake", FAKE_FOLDER="")
    assert run.returncode == 2
    assert "FAKE_FOLDER" in run.stderr


def test_all_passes_by_what_is_not_configured_and_says_so(duckdb_house: House) -> None:
    duckdb_house.deliver("a", [("m1", "t", "1")])
    unset = {name: "" for source in registry.sources() for name in source.settings if name != "FAKE_FOLDER"}
    if any(settings.value(name) for name in unset):
        unset |= dict.fromkeys(unset, "")
    run = duckdb_house.run("land", "all", **unset)
    assert run.returncode == 0, run.stderr
    assert "winnipeg_billing is not configured" in run.stderr
    assert "fake" in run.stdout


def test_the_summary_says_plainly_that_nothing_is_new(duckdb_house: House) -> None:
    duckdb_house.deliver("a", [("m1", "t", "1")])
    assert "Nothing new" not in duckdb_house.run("land", "fake").stdout
    second = duckdb_house.run("land", "fake")
    assert (second.returncode, "Nothing new" in second.stdout) == (0, True)


def test_a_failed_file_makes_the_exit_code_one_and_the_rest_lands(duckdb_house: House) -> None:
    duckdb_house.deliver("a", [("m1", "t", "1")])
    duckdb_house.deliver_bytes("empty", b"")
    run = duckdb_house.run("land", "fake")
    assert run.returncode == 1
    assert "DATA_EMPTY" in run.stdout and "empty.json" in run.stdout
    assert duckdb_house.rows() == [("m1", "t", "1")]


def test_whoever_started_it_can_read_how_it_went(duckdb_house: House, tmp_path: Path) -> None:
    duckdb_house.deliver("a", [("m1", "t", "1")])
    duckdb_house.deliver_bytes("empty", b"")
    told = tmp_path / "outcome.json"
    assert duckdb_house.run("land", "fake", "--outcome", str(told)).returncode == 1
    (outcome,) = json.loads(told.read_text())
    assert (outcome["source"], outcome["status"], outcome["rows"], outcome["files"]) == ("fake", "partial", 1, 1)
    assert [problem["code"] for problem in outcome["problems"]] == ["DATA_EMPTY"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("land",),
        ("land", "fake", "--since", "yesterday"),
        ("land", "fake", "--since", "2021-03-02", "--until", "2021-03-01"),
        ("land", "fake", "--param", "nobody=knows"),
        ("backfill", "fake", "--since", "2021-03-01", "--until", "2021-03-02", "--param", "nobody=knows"),
        ("jump",),
    ],
)
def test_wrong_usage_ends_with_two(duckdb_house: House, arguments: tuple[str, ...]) -> None:
    assert duckdb_house.run(*arguments).returncode == 2


def test_list_and_status_work_before_anything_was_landed(duckdb_house: House) -> None:
    listed, status = duckdb_house.run("list"), duckdb_house.run("status")
    assert (listed.returncode, status.returncode) == (0, 0)
    assert "fake" in listed.stdout and "Nothing has been landed yet" in status.stdout
    assert not Path(duckdb_house.env["WAREHOUSE_PATH"]).exists(), "looking makes no warehouse"


def test_help_does_not_import_dlt(duckdb_house: House) -> None:
    import subprocess
    import sys

    program = (
        "import sys; from ingestion.__main__ import app; import ingestion.registry; sys.exit('dlt' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=settings.ROOT, env=dict(os.environ), check=False)
    assert done.returncode == 0
