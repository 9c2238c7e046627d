"""From the wire to the published marts: the totals are the simulator's, and doing it again changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.end_to_end.conftest import ROOT, House, clocks


def one(house: House, sql: str) -> tuple[Any, ...]:
    (row,) = house.query(sql)
    return row


def test_nothing_is_unexplained(house: House) -> None:
    hops = house.query("select source, hop, measure, amount_in, unexplained from ledger.conservation")
    assert [hop for hop in hops if hop[4] != 0] == []
    sources = {source for source, *_ in hops}
    assert sources == {"abbanoa", "energy_transfer", "openweather", "smart_meters", "winnipeg_billing"}
    # Differences of totalisers may add up to less than nothing: a meter that began again at zero.
    assert all(amount != 0 for *_, amount, _ in hops), "a balance of nothing proves nothing"


def test_a_second_ingest_lands_nothing_and_says_so(house: House) -> None:
    before = one(house, "select count(*) from raw.utility_billing"), one(house, "select count(*) from raw.landed_files")
    said = house.land()
    assert "Nothing new" in said
    after = one(house, "select count(*) from raw.utility_billing"), one(house, "select count(*) from raw.landed_files")
    assert after == before


def test_the_published_copy_is_the_marts(house: House) -> None:
    for relation in house.shown():
        schema, name = relation.split(".")
        shown = house.ask(f"select count(*) from {{{schema}}}.{name}")
        assert shown == house.query(f"select count(*) from {relation}"), relation


def test_no_original_of_a_pseudonym_is_published(house: House) -> None:
    """Every value of every published table, against every original that landing gave a pseudonym."""
    originals = {original for (original,) in house.query("select original from raw.pseudonyms")}
    assert len(originals) > 100
    found = []
    for relation in house.shown():
        schema, name = relation.split(".")
        columns = ", ".join(f'cast("{column}" as varchar)' for column in house.columns(relation))
        values = house.ask(f"select distinct unnest(array[{columns}]) from {{{schema}}}.{name}")
        # A short original ("7") may equal a count by chance; what identifies a person is longer.
        hits = {str(value) for (value,) in values if value in originals and len(str(value)) >= 5}
        found += [(relation, len(hits))] if hits else []
    assert found == []


def test_no_original_of_a_pseudonym_stands_in_a_log(house: House) -> None:
    """What landing and dbt printed, dbt's log, and the SQL it compiled."""
    originals = {original for (original,) in house.query("select original from raw.pseudonyms")}
    files = [house.folder / "said.log", *(house.folder / "logs").rglob("*"), *(house.folder / "target").rglob("*")]
    texts = {path: path.read_text(encoding="utf-8", errors="ignore") for path in files if path.is_file()}
    assert len(texts) > 10
    found = [(path.name, o) for path, text in texts.items() for o in originals if len(str(o)) >= 6 and str(o) in text]
    assert found == []


def test_the_summary_says_what_was_found(house: House) -> None:
    said = house.run("python", "-m", "publishing", "summary")
    meters = house.truth["meters"]
    assert f"{meters['rows']:,}" in said
    assert "nothing unexplained" in said
    assert re.search(rf"{meters['gaps']['count']} gaps at .* {meters['gaps']['intervals']:,} half-hours missing", said)
    assert "winnipeg_billing" in said


def test_both_folders_build_the_same_warehouse(new_house: House) -> None:
    partial = "select count(*) from ledger.build_runs where not is_whole"
    ((before,),) = new_house.query(partial)
    for folder in (ROOT, ROOT / "dbt_project"):
        new_house.dbt("build", "--select", "dim_products", cwd=folder)
    assert new_house.query(partial) == [(before + 2,)]
    assert not (ROOT / "dbt_project" / "data").exists()


def test_engines_agree_row_by_row(first_house: Callable[[str], House]) -> None:
    """Nulls, decimals with their scale, dates and order included."""
    duckdb, postgres = first_house("duckdb"), first_house("postgres")
    assert duckdb.shown() == postgres.shown()
    compared = 0
    for relation in duckdb.shown():
        if relation == "ledger.source_freshness":  # how long ago each landed
            continue
        assert duckdb.columns(relation) == postgres.columns(relation), relation
        left, right = (house.content(relation, clocks(relation)) for house in (duckdb, postgres))
        differing = [(n, a, b) for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b]
        assert (len(left), differing[:3]) == (len(right), []), relation
        compared += len(left)
    assert compared > 50_000


def test_everything_read_again_changes_no_mart(new_house: House, first_house: Callable[[str], House]) -> None:
    """Raw takes the bills a second time, from the same bytes; no other source lands a content twice."""
    ((rows,),) = new_house.query("select count(*) from raw.utility_billing")
    new_house.land("--param", "full=true")
    assert new_house.query("select count(*) from raw.utility_billing") == [(2 * rows,)]
    new_house.build()
    before = first_house("duckdb")
    # What says when and from which load is newer, and rightly so.
    newer = frozenset({"_dlt_load_id"})
    for relation in before.shown():
        if relation.startswith("marts."):
            assert new_house.content(relation, clocks(relation) | newer) == before.content(
                relation, clocks(relation) | newer
            ), relation
