"""A downloaded table holds the exact values of the answer."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet
from streamlit.testing.v1 import AppTest

from serving.dashboard import downloads

TABLE = pa.table(
    {
        "town": ["SAMPLE, BEACH", None],
        "amount_due_cad": pa.array([Decimal("12345678901234.10"), None], pa.decimal128(38, 2)),
        "month": [date(2021, 3, 1), None],
    }
)


def test_a_csv_keeps_every_cent_and_null_is_empty() -> None:
    assert downloads.as_csv(TABLE).decode() == (
        '"town","amount_due_cad","month"\n"SAMPLE, BEACH",12345678901234.10,2021-03-01\n,,\n'
    )


def test_a_parquet_file_is_the_answer() -> None:
    assert pyarrow.parquet.read_table(io.BytesIO(downloads.as_parquet(TABLE))).equals(TABLE)


def _page() -> None:
    import pyarrow

    from serving.dashboard import downloads, headers

    three = pyarrow.table({"n": [1, 2, 3]})
    downloads.table(three, "cut", {"n": headers.number("Bills (number)")}, "Nothing.", limit=2)
    downloads.table(three, "whole", {"n": headers.number("Bills (number)")}, "Nothing.", limit=3)
    downloads.table(three.slice(0, 0), "none", {}, "No bill was delivered.")


def test_a_bounded_table_says_so_and_an_empty_one_says_what_is_missing() -> None:
    page = AppTest.from_function(_page).run()
    assert list(page.exception) == []
    assert [caption.value for caption in page.caption] == [
        "Only the first 2 rows are shown; narrow the filters for the others."
    ]
    assert [len(table.value) for table in page.dataframe] == [2, 3]
    assert [info.value for info in page.info] == ["No bill was delivered."]
    assert [button.proto.label for button in page.get("download_button")] == ["Download CSV", "Download Parquet"] * 2
