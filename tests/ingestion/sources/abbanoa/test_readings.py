"""Exports of the sensor table, CSV and Parquet: what lands, what is new, and files that cannot be landed."""

from __future__ import annotations

import gzip
import logging
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from ingestion.clients import places
from tests.ingestion.sources.abbanoa.conftest import deliver
from tests.ingestion.sources.small_landing import SmallLanding

HEAD = "timestamp,node_id,flow_rate,node_name\n"
BODY = '2021-03-28 00:30:00 UTC,211514,3.20,"Via Pini, 4"\n2021-03-28 00:35:00 UTC,211514,,\n'
ROWS = [
    ("2021-03-28 00:30:00 UTC", "211514", "3.20", "Via Pini, 4"),
    ("2021-03-28 00:35:00 UTC", "211514", None, None),
]


def readings(landing: SmallLanding) -> list[tuple[object, ...]]:
    return landing.rows("sensor_readings", "timestamp", "node_id", "flow_rate", "node_name")


@pytest.mark.parametrize(
    "content",
    [
        HEAD + BODY,
        (HEAD + BODY).rstrip("\n"),
        (HEAD + BODY).replace("\n", "\r\n"),
        (HEAD + BODY).replace("\n", "\r"),
        HEAD + "\n" + BODY + "\n\n",
        "\ufeff" + HEAD + BODY,
        (HEAD + BODY).encode("utf-16"),
        ("\ufeff" + HEAD + BODY).encode("utf-16-be"),
        (HEAD + BODY).encode("utf-32"),
        HEAD.replace("timestamp", "Timestamp").replace("node_id", "nodeId") + BODY,
    ],
    ids=["LF", "no last line end", "CRLF", "CR", "blank lines", "BOM", "UTF-16", "UTF-16 BE", "UTF-32", "spelling"],
)
def test_one_table_in_many_writings_gives_the_same_rows(
    content: str | bytes, inbox: Path, landing: SmallLanding
) -> None:
    deliver(inbox / "a.csv", content)
    assert landing.land() == 2 and landing.problems == []
    assert readings(landing) == ROWS
    assert landing.land() == 0


def test_each_value_is_the_text_that_was_sent(inbox: Path, landing: SmallLanding) -> None:
    sent = {"007": "007", " 12 ": " 12 ", "1e3": "1e3", "": None, '""': "", '"a""b\nc;d"': 'a"b\nc;d', "NULL": "NULL"}
    lines = "".join(f"2021-03-28 02:30:00,{number},{text},x\n" for number, text in enumerate(sent))
    deliver(inbox / "a.csv", HEAD + lines)
    landing.land()
    # 02:30 does not exist on that day in Rome: raw keeps the stamp, whatever it means.
    assert landing.rows("sensor_readings", "timestamp", "flow_rate", "_source_row") == [
        ("2021-03-28 02:30:00", text, number) for number, text in enumerate(sent.values(), 1)
    ]


def test_other_names_of_a_column_and_new_columns_land(inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / "a.csv", "timestamp,node_id,total_flow,quality_score,Chlorine mg/l\nt,1,5,0.75,0.2\n")
    landing.land()
    assert landing.rows("sensor_readings", "total_flow", "quality_score", "volume", "chlorine_mg_l") == [
        ("5", "0.75", None, "0.2")
    ]


def test_an_encoding_that_is_declared_is_used_for_what_is_not_utf8_and_only_for_that(
    inbox: Path, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = HEAD + "t,1,0,Città €\n"
    deliver(inbox / "cp1252.csv", named.encode("cp1252"))
    deliver(inbox / "utf8.csv", named.replace("t,1", "t,2").encode())
    assert landing.land() == 2
    assert {row[0] for row in landing.rows("sensor_readings", "node_name")} == {"Città €"}
    monkeypatch.setenv("ABBANOA_ENCODING", "utf-8")
    deliver(inbox / "again.csv", named.replace("t,1", "t,3").encode("cp1252"))
    assert landing.land() == 0
    # "Città" ends in byte 0xE0: 38 bytes of heading, then "t,1,0,Citt".
    assert [(p.code, "byte 48 (line 2)" in p.message) for p in landing.problems] == [("DATA_ENCODING", True)]


SCHEMA = pa.schema(
    [
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("node_id", pa.int64()),
        ("flow_rate", pa.float64()),
        ("pressure", pa.float32()),
        ("volume", pa.decimal128(12, 3)),
        ("is_interpolated", pa.bool_()),
        ("ingestion_timestamp", pa.timestamp("ms")),
        ("node_name", pa.dictionary(pa.int32(), pa.string())),
        ("source_file", pa.list_(pa.string())),
    ]
)


def parquet(path: Path, rows: int = 1, start: datetime = datetime(2021, 3, 28, 0, 30, tzinfo=UTC)) -> Path:
    one = (
        211514,
        0.1,
        4.1,
        Decimal("10874210.125"),
        False,
        datetime(2021, 3, 28, 2, 30, tzinfo=UTC).replace(tzinfo=None),
        "Città",
        ["a"],
    )
    table = [[start + timedelta(minutes=5 * at) for at in range(rows)], *([value] * rows for value in one)]
    pyarrow.parquet.write_table(
        pa.Table.from_arrays([pa.array(v, f.type) for v, f in zip(table, SCHEMA, strict=True)], schema=SCHEMA), path
    )
    return deliver(path, path.read_bytes())


def test_typed_values_of_parquet_become_their_text(inbox: Path, landing: SmallLanding) -> None:
    parquet(inbox / "a.parquet", rows=2)
    assert landing.land() == 2
    landed = landing.rows("sensor_readings", *SCHEMA.names)
    assert landed[0] == (
        "2021-03-28 00:30:00+00", "211514", "0.1", "4.1", "10874210.125", "false", "2021-03-28 02:30:00", "Città",
        '["a"]',
    )  # fmt: skip
    assert landed[1][0] == "2021-03-28 00:35:00+00"


def test_second_landing_opens_no_file_and_lands_nothing(
    inbox: Path, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "_SETTLED_NS", 0)
    deliver(inbox / "a.csv", HEAD + BODY)
    parquet(inbox / "b.parquet")
    assert landing.land() == 3
    monkeypatch.setattr(places.Folder, "copy", lambda *_: pytest.fail("opened"))
    assert landing.land() == 0 and len(landing.unchanged) == 2


def test_a_copy_is_nothing_new_and_another_content_is_a_version(inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / "a.csv", HEAD + BODY)
    deliver(inbox / "b.csv", HEAD + BODY)
    assert landing.land() == 2
    deliver(inbox / "a.csv", HEAD + BODY.replace("3.20", "3.30"))
    assert landing.land() == 2
    assert {row[2] for row in readings(landing)} == {"3.20", "3.30", None}
    assert landing.land() == 0


def test_the_dates_asked_for_choose_files_by_their_instants(inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / "utc.csv", "timestamp,node_id\n2021-03-27 23:59:00 UTC,1\n")
    deliver(inbox / "local.csv", "timestamp,node_id\n2021-03-28 00:30:00,2\n")  # 23:30 UTC of the day before
    deliver(inbox / "log.csv", "DATA;ORA;A\n;;BAR\n28/03/2021;03:30:00;1,0\n")  # 01:30 UTC: the clocks went forward
    parquet(inbox / "p.parquet")
    deliver(inbox / "no_stamp.csv", "timestamp,node_id\nieri,3\n")
    landing.since = landing.until = date(2021, 3, 27)
    assert landing.land() == 3
    assert {row[0] for row in landing.rows("sensor_readings", "node_id")} == {"1", "2", "3"}
    landing.since = landing.until = date(2021, 3, 28)
    assert landing.land() == 2
    spans = landing.query("select first_at, last_at from raw.landed_files where table_name = 'sensor_logs'")
    assert spans == [("2021-03-28T01:30:00.000000Z", "2021-03-28T01:30:00.000000Z")]
    landing.since = landing.until = None
    assert landing.land() == 0


def test_late_rows_are_told_of_and_land(inbox: Path, landing: SmallLanding, caplog: pytest.LogCaptureFixture) -> None:
    deliver(inbox / "new.csv", "timestamp,node_id\n2021-04-05 12:00:00 UTC,1\n")
    landing.land()
    stamps = ("2021-04-01T11:59:59Z", "2021-04-02 12:00:00+00", "2021-04-02 13:59:59", "2021-04-05 11:00:00 UTC")
    deliver(inbox / "late.csv", "timestamp,node_id\n" + "".join(f"{stamp},1\n" for stamp in stamps))
    with caplog.at_level(logging.INFO):
        assert landing.land() == 4
    # The third is 11:59:59 UTC, three days and a second before the newest.
    assert "late.csv: 2 of 4 rows are late" in caplog.text


def test_partial_uploads_and_other_files_are_left_alone(inbox: Path, landing: SmallLanding) -> None:
    for name in ("a.csv.part", ".hidden.csv", "readme.txt", "b.csv.tmp", "c.json"):
        deliver(inbox / name, HEAD + BODY)
    (inbox / "deeper").mkdir()
    deliver(inbox / "deeper" / "d.csv", HEAD + BODY)
    assert landing.land() == 2 and landing.problems == []


def test_a_glob_and_one_file_can_be_named(inbox: Path, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(inbox / "a1.csv", HEAD + BODY)
    deliver(inbox / "b1.csv", HEAD + BODY.replace("211514", "7"))
    monkeypatch.setenv("ABBANOA_READINGS", str(inbox / "a*.csv"))
    assert landing.land() == 2
    monkeypatch.setenv("ABBANOA_READINGS", str(inbox / "b1.csv"))
    assert landing.land() == 2


MEGABYTE = "x" * (1 << 20)
BAD: dict[str, tuple[str | bytes, str, int | None]] = {
    "large field.csv": (HEAD + BODY + f"t,1,{MEGABYTE},n\n", "DATA_FIELD_TOO_LARGE", 3),
    "two line ends.csv": (HEAD + BODY + BODY.replace("\n", "\r\n"), "DATA_CSV_SYNTAX", 3),
    "open quote.csv": (HEAD + BODY + 't,1,"2,n\n' + BODY.replace('"', ""), "DATA_CSV_SYNTAX", 3),
    "text after quote.csv": (HEAD + 't,1,"2"5,n\n', "DATA_CSV_SYNTAX", 1),
    "short.csv": (HEAD + BODY + "t,1,2\n", "DATA_RAGGED_ROW", 3),
    "NUL.csv": (HEAD + BODY.replace("211514,,", "211514,\0,"), "DATA_NUL_BYTE", 2),
    "names that become one.csv": ("timestamp,node_id,flow rate,flow_rate\nt,1,2,3\n", "DATA_DUPLICATE_COLUMN", None),
    "our name.csv": ("timestamp,node_id,_source_file\nt,1,2\n", "DATA_COLUMN_NAME", None),
    "bomb.csv.gz": (gzip.compress(HEAD.encode() + b" " * (30 << 20), 9), "DATA_BOMB", None),
    "no gzip.csv.gz": ("timestamp,node_id\n", "DATA_GZIP", None),
    "half.parquet": (b"PAR1" + b"\0" * 40 + b"PAR1", "DATA_PARQUET", None),
    "truncated.csv": ((HEAD + "t,1,2,Città\n").encode()[:-2], "DATA_ENCODING", None),
}


def test_each_bad_file_is_named_with_its_place_and_the_rest_lands(
    inbox: Path, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABBANOA_ENCODING", "utf-8")
    for name, (content, _, _) in BAD.items():
        deliver(inbox / name, content)
    deliver(inbox / "zz good.csv", HEAD + BODY)
    assert landing.land() == 2
    assert readings(landing) == ROWS
    found = {places.name_of(str(p.uri)): (p.code, p.row) for p in landing.problems}
    assert found == {name: (code, row) for name, (_, code, row) in BAD.items()}
    (nul,) = (problem for problem in landing.problems if problem.code == "DATA_NUL_BYTE")
    assert nul.column == "flow_rate"
    assert not any("Pini" in problem.message for problem in landing.problems), "a message shows data"


def test_a_folder_that_does_not_exist_is_a_setting_to_correct(
    landing: SmallLanding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABBANOA_READINGS", str(tmp_path / "nowhere"))
    landing.land()
    assert landing.codes() == ["CONFIG_READINGS"] and "ABBANOA_READINGS" in landing.problems[0].message


def test_a_file_that_never_rests_is_left_for_the_next_run(
    inbox: Path, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = deliver(inbox / "a.csv", HEAD + BODY)
    real = places._pour

    def grows(*given: object) -> tuple[str, int]:
        with path.open("a") as file:
            file.write("2021-03-28 00:40:00 UTC,211514,1,\n")
        return real(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(places, "_pour", grows)
        assert landing.land() == 0
    assert landing.codes() == ["DATA_FILE_MOVED"]
    assert landing.land() == 4


def test_stamps_of_another_zone_are_the_same_instants_in_parquet(inbox: Path, landing: SmallLanding) -> None:
    parquet(inbox / "a.parquet", start=datetime(2021, 3, 28, 3, 30, tzinfo=timezone(timedelta(hours=2))))
    landing.land()
    assert landing.rows("sensor_readings", "timestamp") == [("2021-03-28 01:30:00+00",)]
