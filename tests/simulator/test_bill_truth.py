"""The truth about the bills, recomputed from the files in decimals."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from simulator.world import Size, make_world

CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    world = tmp_path_factory.mktemp("truth") / "tiny"
    return world, make_world(
        world, Size(seed=7, bills=1500, meters=1, until=date(2020, 10, 16)), only=["winnipeg_billing"]
    )


def editions(world: Path) -> dict[str, list[dict[str, str]]]:
    folder = world / "winnipeg_billing"
    first = json.loads((folder / "generation_1.json").read_bytes())
    gone = set((folder / "generation_2_deleted.txt").read_text().split())
    second = {row[":id"]: row for row in first if row[":id"] not in gone}
    second |= {row[":id"]: row for row in json.loads((folder / "generation_2.json").read_bytes())}
    return {"1": first, "2": list(second.values())}


def spread(amount: Decimal, row: dict[str, str]) -> dict[str, Decimal]:
    """One day after the other: the rule written another way than the generator has it."""
    if "service_from_date" not in row:
        return {"": amount}
    day, end = (date.fromisoformat(row[name][:10]) for name in ("service_from_date", "service_to_date"))
    if day == end:
        return {f"{day:%Y-%m}": amount}
    days: dict[str, int] = defaultdict(int)
    while day < end:
        days[f"{day:%Y-%m}"] += 1
        day += timedelta(days=1)
    *others, last = days
    total = sum(days.values())
    shares = {month: (amount * days[month] / total).quantize(CENT, ROUND_HALF_UP) for month in others}
    shares[last] = amount - sum(shares.values())
    return shares


def test_sums_per_edition_and_service_type(tiny: tuple[Path, dict[str, Any]]) -> None:
    world, truth = tiny
    for generation, rows in editions(world).items():
        said = truth["bills"]["generations"][generation]
        assert said["rows"] == len(rows)
        for scope, chosen in [(said, rows)] + [
            (part, [row for row in rows if row["actual_service_type"] == kind])
            for kind, part in said["by_service_type"].items()
        ]:
            assert scope["rows"] == len(chosen)
            for name, total in scope["sums"].items():
                if not name.startswith("billing_units"):
                    assert Decimal(total) == sum(Decimal(row.get(name) or 0) for row in chosen), (generation, name)
        units = sum(Decimal(row.get("billing_units", 0)) for row in rows)
        assert units == sum(Decimal(said["sums"][f"billing_units_{unit}"]) for unit in ("kWh", "m3", "fixtures"))


def test_an_edition_differs_from_the_other(tiny: tuple[Path, dict[str, Any]]) -> None:
    first, second = (tiny[1]["bills"]["generations"][generation] for generation in "12")
    assert first["rows"] == 1500
    assert second["rows"] == 1500 - tiny[1]["bills"]["deleted"] + tiny[1]["bills"]["new"]
    assert first["sums"]["amount_due"] != second["sums"]["amount_due"]


def test_months_towns_and_service_types(tiny: tuple[Path, dict[str, Any]]) -> None:
    world, _ = tiny
    said: dict[tuple[str, ...], dict[str, str]] = {}
    with (world / "truth_monthly_billing.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            said[row["generation"], row["month"], row["town"], row["service_type"]] = row
    for generation, rows in editions(world).items():
        found: dict[tuple[str, ...], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for row in rows:
            kind = row["actual_service_type"]
            unit = "m3" if kind == "GA" else "kWh" if "meter_number" in row else "fixtures"
            amounts = {name: row.get(name) or "0" for name in ("amount_due", "gst", "primary_other", "adjustment")}
            amounts[f"billing_units_{unit}"] = row.get("billing_units", "0")
            for name, text in amounts.items():
                for month, share in spread(Decimal(text), row).items():
                    found[generation, month, row.get("town", ""), kind][name] += share
        chosen = {key: value for key, value in said.items() if key[0] == generation}
        assert set(found) == set(chosen)
        for key, sums in found.items():
            for name, share in sums.items():
                assert Decimal(chosen[key][name]) == share, (key, name)


def test_spreading_worked_out_by_hand() -> None:
    """10.00 over 2021-01-30 to 2021-03-02: 2 + 28 + 1 days; 0.65 and 9.03 rounded, the rest 0.32 is March's."""
    from simulator.systems.winnipeg_billing.bill_truth import months_of, split

    parts = months_of(date(2021, 1, 30), date(2021, 3, 2))
    assert parts == (("2021-01", 2), ("2021-02", 28), ("2021-03", 1))
    assert split(1000, parts) == [65, 903, 32]
    assert split(-1000, parts) == [-65, -903, -32]
    assert split(1, (("2021-01", 1), ("2021-02", 1))) == [1, 0], "half a cent goes away from zero"
    assert months_of(date(2021, 1, 30), date(2021, 2, 1)) == (("2021-01", 2),)
    assert months_of(date(2021, 2, 1), date(2021, 2, 1)) == (("2021-02", 1),)
    assert months_of(None, None) == (("", 1),)
