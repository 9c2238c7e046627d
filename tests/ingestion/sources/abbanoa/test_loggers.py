"""Logger files: cells become rows in DuckDB, told by their headings, with the text that was sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ingestion.sources.abbanoa.conftest import deliver
from tests.ingestion.sources.small_landing import SmallLanding

EXPORT = (
    "DATA;ORA;SELARGIUS PINI PORTATA;SELARGIUS PINI PRESSIONE;SELARGIUS TEMPERATURA\n"
    ";;L/S;BAR;°C\n"
    "31/10/2021;02:30:00;1.234,56;4,1;\n"
    "31/10/2021;02:30:00;1.234,57; 4,1;18,0\n"
)
DATA_LOG = (
    ";DATE;TIME;TOT_T;FLOW_R;A_IN1\n;;;M3;L/S;BAR\n"
    "1;2021/03/28;01:30:00;123456,7;3,2;4,1\n2;2021/03/28;03:00:00;123457,0;;4,0\n"
)
NAME = "211514_SELARGIUS_2021_03_28_00_00_00_DATA_LOG.csv"


def logs(landing: SmallLanding) -> list[tuple[object, ...]]:
    return landing.rows("sensor_logs", "node_id", "day", "time", "channel", "unit", "value", "_source_row")


def test_an_export_becomes_a_row_per_cell_counted_from_left_to_right(inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / "any name.csv", EXPORT)
    assert landing.land() == 6 and landing.problems == []
    stamp = (None, "31/10/2021", "02:30:00")
    flow, pressure, warm = (
        ("SELARGIUS PINI PORTATA", "L/S"),
        ("SELARGIUS PINI PRESSIONE", "BAR"),
        ("SELARGIUS TEMPERATURA", "°C"),
    )
    # 02:30 comes twice that night: both stamps are kept as they are, and their order tells them apart.
    assert logs(landing) == [
        (*stamp, *flow, "1.234,56", 1),
        (*stamp, *pressure, "4,1", 2),
        (*stamp, *warm, None, 3),
        (*stamp, *flow, "1.234,57", 4),
        (*stamp, *pressure, " 4,1", 5),
        (*stamp, *warm, "18,0", 6),
    ]
    assert landing.land() == 0


def test_a_data_log_is_about_the_node_that_its_name_gives(inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / NAME, DATA_LOG)
    assert landing.land() == 6
    first, second = ("211514", "2021/03/28", "01:30:00"), ("211514", "2021/03/28", "03:00:00")
    assert logs(landing) == [
        (*first, "TOT_T", "M3", "123456,7", 1),
        (*first, "FLOW_R", "L/S", "3,2", 2),
        (*first, "A_IN1", "BAR", "4,1", 3),
        (*second, "TOT_T", "M3", "123457,0", 4),
        (*second, "FLOW_R", "L/S", None, 5),
        (*second, "A_IN1", "BAR", "4,0", 6),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_each_encoding_gives_the_same_degree_sign(encoding: str, inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / "a.csv", EXPORT.replace("\n", "\r\n").encode(encoding))
    assert landing.land() == 6
    assert logs(landing)[2][4] == "°C"


def test_equal_bytes_of_two_nodes_are_two_deliveries(inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / NAME, DATA_LOG)
    deliver(inbox / NAME.replace("211514", "215600"), DATA_LOG)
    assert landing.land() == 12
    assert {row[0] for row in logs(landing)} == {"211514", "215600"}
    (inbox / "again").mkdir()
    deliver(inbox / "again" / NAME, DATA_LOG)
    assert landing.land() == 0
    assert [entry.label for entry in landing.stored("sensor_logs")] == ["211514", "215600"]


def test_the_content_tells_the_dialect_whatever_the_name_says(inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / NAME, EXPORT)
    deliver(inbox / "selargius_export.csv", "timestamp,node_id\n2021-03-28 00:00:00 UTC,7\n")
    assert landing.land() == 7
    assert {row[0] for row in logs(landing)} == {None}


def test_a_data_log_may_lack_its_index_and_headings_keep_their_blanks(inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / NAME, "DATE;TIME; FLOW_R \n;; L/S\n2021/03/28;00:30:00;3,2\n")
    assert landing.land() == 1
    assert logs(landing) == [("211514", "2021/03/28", "00:30:00", " FLOW_R ", " L/S", "3,2", 1)]


def test_a_data_log_whose_name_gives_no_node_is_refused(inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / "backup.csv", DATA_LOG)
    assert landing.land() == 0
    assert landing.codes() == ["DATA_FILE_NAME"] and "DATA_LOG.csv" in landing.problems[0].message


def test_lines_may_end_in_a_delimiter_but_nothing_may_stand_behind_it(inbox: Path, landing: SmallLanding) -> None:
    ended = EXPORT.replace("\n", ";\n")
    deliver(inbox / "a.csv", ended)
    assert landing.land() == 6
    deliver(inbox / "b.csv", ended.replace("18,0;", "18,0;7"))
    assert landing.land() == 0
    assert [(problem.code, problem.row) for problem in landing.problems] == [("DATA_RAGGED_ROW", 2)]


def test_values_that_are_no_numbers_land_as_they_are(inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / "a.csv", EXPORT.replace("1.234,56", "guasto").replace("31/10/2021", "31/02/2021"))
    assert landing.land() == 6 and landing.problems == []
    assert logs(landing)[0][1:6:4] == ("31/02/2021", "guasto")
