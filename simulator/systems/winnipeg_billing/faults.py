"""The fault set of the bills: a small data set that the server can serve like any world, one odd value a row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulator.systems.winnipeg_billing.billing_world import DATASET_ID
from simulator.systems.winnipeg_billing.bills import COLUMNS
from simulator.systems.winnipeg_billing.rows import RowFileWriter, row_id

# column, text as sent, what it is as a value (None: null without a failure, "fails": null with one)
BILL_VALUES: tuple[tuple[str, object, str | None], ...] = (
    ("amount_due", "12345.0", "12345.0"),
    ("amount_due", "1,234.5", "1234.5"),
    ("basic_charge", "", None),
    ("basic_charge", "N/A", None),
    ("city_tax", "NaN", "fails"),
    ("gst", "1e400", "fails"),
    ("pst", "1_000", "fails"),
    ("days_of_service", "31.0", "31"),
    ("days_of_service", "2.5", "fails"),
    ("account_number", "007", "7"),
    ("account_number", "9007199254740993", "9007199254740993"),
    ("account_number", "99999999999999999999", "fails"),
    ("service_from_date", "2021-02-30T00:00:00.000", "fails"),
    ("service_from_date", "20210328", "fails"),
    ("service_to_date", "2020-02-29T00:00:00.000", "2020-02-29"),
    ("customer_name", "=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
    ("customer_name", "Invented \u202eRTL and \U0001f9ea", "Invented \u202eRTL and \U0001f9ea"),
    ("customer_name", "two\n,lines", "two\n,lines"),
    ("customer_name", "  spaces kept ", "  spaces kept "),
    ("town", {"nested": "object"}, '{"nested":"object"}'),
    ("meter_number", "007", "007"),
)
BILL_PERIODS: tuple[tuple[str, str | None, str | None], ...] = (
    ("reversed", "2021-02-10", "2021-01-10"),
    ("over_400_days", "2019-01-01", "2021-01-01"),
    ("only a beginning", "2021-01-10", None),
    ("only an end", None, "2021-01-10"),
)


def write_faults(folder: Path) -> list[dict[str, Any]]:
    """Writes the data set; returns one case per row: an odd value, or an odd period."""
    base: dict[str, object] = {
        "account_number": "21000000000007",
        "customer_name": "Invented Fault Desk",
        "service_address": "0 NOWHERE LANE",
        "town": "WINNIPEG",
        "actual_service_type": "EL",
        "rate": "KS01",
        "service_from_date": "2021-01-10T00:00:00.000",
        "service_to_date": "2021-02-10T00:00:00.000",
        "days_of_service": "31",
        "billing_units": "1",
        "basic_charge": "10",
        "amount_due": "10",
    }
    cases: list[dict[str, Any]] = []
    rows: list[Mapping[str, object]] = []
    for column, text, parsed in BILL_VALUES:
        rows.append({**base, column: text})
        cases.append({"column": column, "text": text, "outcome": parsed})
    for quality, starts_on, ends_on in BILL_PERIODS:
        period = {"service_from_date", "service_to_date"}
        row = {key: value for key, value in base.items() if key not in period}
        if starts_on:
            row["service_from_date"] = f"{starts_on}T00:00:00.000"
        if ends_on:
            row["service_to_date"] = f"{ends_on}T00:00:00.000"
        rows.append(row)
        cases.append({"column": "service_from_date, service_to_date", "fault": quality})
    writer = RowFileWriter(folder / "generation_1.json")
    stamp = "2021-04-05T06:00:00.000Z"
    order = {name: position for position, (name, _) in enumerate(COLUMNS)}
    for number, fields in enumerate(rows, 1):
        identifier = row_id(number << 40)
        system = {
            ":id": identifier,
            ":created_at": stamp,
            ":updated_at": stamp,
            "hydro_gas_id": str(900_000_000 + number),
        }
        values = dict(sorted(fields.items(), key=lambda item: order[item[0]]))
        writer.write(json.dumps({**system, **values}, ensure_ascii=False, separators=(",", ":")))
        cases[number - 1] |= {"id": identifier, "hydro_gas_id": 900_000_000 + number}
    writer.close()
    RowFileWriter(folder / "generation_2.json").close()
    (folder / "generation_2_deleted.txt").write_text("")
    moments = {"1": "2021-04-06T05:00:00", "2": "2021-05-05T06:20:00"}
    dataset = {"id": DATASET_ID, "synthetic": True, "rows": writer.rows, "rows_updated_at": moments}
    (folder / "dataset.json").write_text(json.dumps(dataset, indent=2) + "\n")
    return cases
