"""Writes the two editions of the bills that a publisher would serve one after the other, with their truth.

`generation_1.json` holds every row in the order of `:id`; `generation_2.json` only what changed or is new in the second
edition, and `generation_2_deleted.txt` the `:id` of what is gone. The server puts them together.
"""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from simulator.planted import Planted
from simulator.systems.winnipeg_billing.bill_truth import MONTHLY_HEADER, BillTotals
from simulator.systems.winnipeg_billing.bills import LAST_MONTH, BillBook, month_before, revised, row_text
from simulator.systems.winnipeg_billing.rows import RowFileWriter, row_id

DATASET_ID = "samp-1e00"
_FIRST_ID, _ID_STEP = 1 << 58, 1 << 36
_REVISED_AT = "2021-05-05T06:12:44.310Z"
_MOMENTS = {"1": "2021-04-06T05:00:00", "2": "2021-05-05T06:20:00"}


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


_MEANINGS = {
    "invoice line": "amount_due is 0 although there are charges: the invoice total line carries their sum",
    "invoice total": "no charges, amount_due is the sum of the charges of its invoice lines",
    "correction": "negative units and charges over the period of another line",
    "zero length": "service_from_date equals service_to_date",
}


def write_bills(folder: Path, seed: int, bills: int) -> dict[str, Any]:
    """Writes both editions into `folder`; returns their part of truth.json. Streams: rows are never held.

    `truth_monthly_billing.csv` is written beside the world's truth.json, one folder up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    book = BillBook(seed, bills)
    rng = random.Random(f"{seed}/bill identifiers")
    planted, totals, differences = Planted(), BillTotals(), BillTotals()
    first, second = RowFileWriter(folder / "generation_1.json"), RowFileWriter(folder / "generation_2.json")
    deleted: list[str] = []
    copies: Counter[tuple[object, ...]] = Counter()
    changed = number = 0
    # Batches were loaded in no particular order: neither `:id` nor `:created_at` follows hydro_gas_id.
    order = list(range(len(book.months)))
    rng.shuffle(order)
    for batch in order:
        month = book.months[batch]
        # One stamp for a whole batch: `:updated_at` alone is no total order.
        stamp = _stamp(datetime(month.year, month.month, 5, 6, 1, 2, 417_000, UTC) + timedelta(days=30, minutes=batch))
        hydro_gas_id = _first_hydro_gas_id(month) + rng.randrange(1000)
        for line in book.batch(batch):
            number += 1
            identifier = row_id(_FIRST_ID + number * _ID_STEP + rng.randrange(_ID_STEP // 2))
            hydro_gas_id += 1 + (number * 7 % 3 == 0)
            first.write(row_text(line, identifier, stamp, stamp, hydro_gas_id))
            totals.add(line)
            if line.story == "duplicate" or line.starts_on is None:
                # An undated item reads the same every month until its tariff moves.
                copies[line.slot.text, line.starts_on, line.units, line.charges] += 1
            if line.story == "duplicate":
                continue
            if line.story != "ordinary":
                planted.add(f"bills: {line.story}", identifier, means=_MEANINGS[line.story])
            elif line.is_adjustment_empty:
                planted.add("bills: empty numeric", identifier, means='adjustment is "" instead of missing')
            elif number % 499 == 3:
                deleted.append(identifier)
                differences.add(line, -1)
                planted.add("bills: deleted in generation 2", identifier, means="present at first, absent later")
            elif number % 97 == 11:
                new = revised(line)
                changed += 1
                second.write(row_text(new, identifier, stamp, _REVISED_AT, hydro_gas_id))
                differences.add(line, -1)
                differences.add(new)
                planted.add("bills: changed in generation 2", identifier, means="energy +1.37, adjustment -2.50")
    hydro_gas_id = _first_hydro_gas_id(month_before(LAST_MONTH, -1))
    for position, line in enumerate(book.new_batch()):
        # New rows sort in between old ones: an offset taken before they came points elsewhere afterwards.
        identifier = row_id(_FIRST_ID + (position * 37 % number + 1) * _ID_STEP + _ID_STEP // 2 + position)
        second.write(row_text(line, identifier, _REVISED_AT, _REVISED_AT, hydro_gas_id + position))
        differences.add(line)
        planted.add("bills: new in generation 2", identifier, means="rows of the next billing month")
    first.close()
    second.close()
    (folder / "generation_2_deleted.txt").write_text("".join(f"{identifier}\n" for identifier in deleted))
    dataset = {"id": DATASET_ID, "synthetic": True, "rows": first.rows, "rows_updated_at": _MOMENTS}
    (folder / "dataset.json").write_text(json.dumps(dataset, indent=2) + "\n")
    groups = [size for size in copies.values() if size > 1]
    later = totals.plus(differences)
    _write_monthly(folder.parent / "truth_monthly_billing.csv", {"1": totals, "2": later})
    return {
        "dataset_id": DATASET_ID,
        "rows_in_generation_2_file": second.rows,
        "changed": changed,
        "deleted": len(deleted),
        "new": second.rows - changed,
        "identical_groups": {"groups": len(groups), "rows": sum(groups), "largest": max(groups)},
        "page_sizes_that_divide_the_count": [size for size in (500, 1000, 2000, 4000) if first.rows % size == 0],
        "monthly_split_rule": "by days in [from, to); rounded half away from zero to the cent for all months but the "
        "last, which takes the remainder; billing_units likewise at 2 decimals; zero length: its month; undated: empty",
        "generations": {"1": totals.summary(), "2": later.summary()},
        "planted": planted.listed(),
    }


def _first_hydro_gas_id(month: date) -> int:
    return 190_000_000 + ((month.year - 2016) * 12 + month.month) * 1_300_000


def _write_monthly(path: Path, editions: dict[str, BillTotals]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["generation", *MONTHLY_HEADER])
        for generation, totals in editions.items():
            writer.writerows([generation, *row] for row in totals.monthly_rows())
