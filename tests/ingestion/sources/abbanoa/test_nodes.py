"""Node lists: full snapshots, landed when they say something else than the one before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ingestion.sources.abbanoa.conftest import deliver
from tests.ingestion.sources.small_landing import SmallLanding

HEAD = "node_id,node_name,node_type,district_id,metadata\n"
PINI, MARE, NORD = '1,Via Pini,input,D1,"{""a"": 1}"\n', "2,Mare,output,D1,\n", "3,Nord,storage,D2,\n"


def lists_of(landing: SmallLanding) -> list[str]:
    """Names of the landed lists, in the order of their landing."""
    found = landing.query("select uri from raw.landed_files order by _dlt_load_id, uri")
    return [str(uri).rsplit("/", 1)[1] for (uri,) in found]


def test_a_list_lands_whole_and_once(lists: Path, landing: SmallLanding) -> None:
    deliver(lists / "nodes.csv", HEAD + PINI + MARE)
    assert landing.land() == 2
    assert landing.rows("sensor_nodes", "node_id", "node_name", "district_id", "metadata", "_source_row") == [
        ("1", "Via Pini", "D1", '{"a": 1}', 1),
        ("2", "Mare", "D1", None, 2),
    ]
    assert landing.land() == 0
    deliver(lists / "nodes.csv", HEAD + PINI + MARE + NORD)
    assert landing.land() == 3, "the whole list again: it replaces the one before"


def test_only_lists_that_differ_from_the_one_before_them_land(lists: Path, landing: SmallLanding) -> None:
    """Change, removal and return, delivered all at once: the order is that of the days in their names."""
    both = HEAD + PINI + MARE
    for day, content in (("0301", both), ("0308", both), ("0315", HEAD + PINI), ("0322", HEAD + PINI), ("0329", both)):
        deliver(lists / f"nodes_2021{day}.csv", content)
    assert landing.land() == 5
    assert lists_of(landing) == ["nodes_20210301.csv", "nodes_20210315.csv", "nodes_20210329.csv"]
    # The first and the last say the same and are two deliveries: each row has a place of its own.
    places = {row[0] for row in landing.query("select distinct _source_file from raw.sensor_nodes")}
    assert len(places) == 3 and {place.partition("@")[2] for place in places} == {
        "nodes_20210301", "nodes_20210315", "nodes_20210329",
    }  # fmt: skip
    assert landing.land() == 0 and len(landing.unchanged) == 5


def test_a_file_that_goes_back_to_an_older_content_is_news(lists: Path, landing: SmallLanding) -> None:
    landed = []
    for rows in (PINI + MARE, PINI + NORD, PINI + MARE, PINI + MARE):
        (lists / "nodes.csv").write_text(HEAD + rows)
        landed.append(landing.land())
    assert landed == [2, 2, 2, 0]


def test_a_list_that_lost_most_of_its_nodes_is_refused_until_accepted(lists: Path, landing: SmallLanding) -> None:
    deliver(lists / "nodes_20210301.csv", HEAD + PINI + MARE + NORD)
    landing.land()
    deliver(lists / "nodes_20210308.csv", HEAD + PINI)
    deliver(lists / "nodes_20210315.csv", HEAD)
    assert landing.land() == 0
    assert landing.codes() == ["DATA_SHRUNK", "DATA_EMPTY"]
    assert landing.land({"accept_shrink": "true"}) == 1
    assert landing.query("select rows from raw.landed_files order by _dlt_load_id, uri") == [("3",), ("1",), ("0",)]


def test_a_broken_list_is_named_and_readings_land(
    lists: Path, inbox: Path, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(lists / "nodes.csv", HEAD + PINI + "2,Mare\n")
    deliver(inbox / "a.csv", "timestamp,node_id\nt,1\n")
    assert landing.land() == 1
    assert [(p.code, p.table, p.row) for p in landing.problems] == [("DATA_RAGGED_ROW", "sensor_nodes", 2)]
    monkeypatch.setenv("ABBANOA_NODES", str(lists / "nowhere"))
    landing.land()
    assert landing.codes() == ["CONFIG_NODES"]
