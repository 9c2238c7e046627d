"""Bills of an invented city: rows as Socrata would send them, one month's billing batch after another.

Everything personal is invented and says so. A `Line` is a bill line in integers (cents, hundredths of a unit);
`row_text` turns it into the JSON object of the wire: every value a string, null keys left out.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from simulator.systems.winnipeg_billing.tariffs import Tariff, charge, share, tariff

COLUMNS: tuple[tuple[str, str], ...] = (
    ("hydro_gas_id", "number"),
    ("account_number", "number"),
    ("customer_name", "text"),
    ("ssc_number", "text"),
    ("customer_information", "text"),
    ("service_address", "text"),
    ("town", "text"),
    ("meter_number", "text"),
    ("actual_service_type", "text"),
    ("rate", "text"),
    ("service_from_date", "calendar_date"),
    ("service_to_date", "calendar_date"),
    ("current_reading", "number"),
    ("days_of_service", "number"),
    ("billing_units", "number"),
    ("read_code", "text"),
    ("basic_charge", "number"),
    ("primary_other", "number"),
    ("supplemental", "number"),
    ("transportation", "number"),
    ("distribution", "number"),
    ("frp_refund", "number"),
    ("city_tax", "number"),
    ("gst_on_city_tax", "number"),
    ("carbon_charge", "number"),
    ("pst", "number"),
    ("gst", "number"),
    ("adjustment", "number"),
    ("amount_due", "number"),
    ("demand_billing", "number"),
    ("billed_kva", "number"),
    ("measured_demand", "number"),
    ("high_demand", "number"),
    ("contract_demand", "number"),
    ("multiplier", "number"),
)
CHARGES = tuple(name for name, _ in COLUMNS[16:28])
DEMANDS = tuple(name for name, _ in COLUMNS[29:35])
NOTHING: tuple[int | None, ...] = (None,) * 12
LAST_MONTH = date(2021, 3, 1)
MONTHS = 63
"""Billing months of a full world: 2016-01 to 2021-03."""


@dataclass(frozen=True, slots=True)
class Slot:
    """What stays the same about a service from bill to bill: one account, one address, one kind of service."""

    kind: str
    """metered, flat (unmetered electricity), gas, fixture (OT), demand."""
    service_type: str
    town: str | None
    unit: str
    """Unit of billing_units: kWh, m3 or fixtures."""
    text: str
    """Columns 2 to 10 as JSON, with a leading comma."""
    base_units: int
    cycle_day: int
    is_domestic: bool
    is_undated: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One bill line. Money in cents, units in hundredths; None is a key that is left out."""

    slot: Slot
    starts_on: date | None
    ends_on: date | None
    units: int | None
    charges: tuple[int | None, ...]
    amount_due: int
    read_code: str | None = None
    reading: int | None = None
    demands: tuple[int | None, ...] | None = None
    is_adjustment_empty: bool = False
    """The adjustment arrives as an empty string, which no numeric column can hold."""
    story: str = "ordinary"
    """Which planted thing this is: ordinary, duplicate, invoice line, invoice total, correction, zero length."""


def hundredths(value: int) -> str:
    """A number of hundredths as Socrata prints numbers: `861` is `8.61`, `1400` is `14`, `-50` is `-0.5`."""
    sign = "-" if value < 0 else ""
    whole, part = divmod(abs(value), 100)
    if not part:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{part // 10}" if part % 10 == 0 else f"{sign}{whole}.{part:02d}"


_CHARGE_KEYS = tuple(f',"{name}":"' for name in CHARGES)
_DEMAND_KEYS = tuple(f',"{name}":"' for name in DEMANDS)


def row_text(line: Line, row_id: str, created_at: str, updated_at: str, hydro_gas_id: int) -> str:
    """The JSON object of a line. The system fields come first and have a fixed width (`rows.SYSTEM_WIDTH`)."""
    parts = [
        f'{{":id":"{row_id}",":created_at":"{created_at}",":updated_at":"{updated_at}"',
        f',"hydro_gas_id":"{hydro_gas_id}"',
        line.slot.text,
    ]
    add = parts.append
    starts_on, ends_on = line.starts_on, line.ends_on
    if starts_on is not None:
        add(f',"service_from_date":"{starts_on}T00:00:00.000"')
    if ends_on is not None:
        add(f',"service_to_date":"{ends_on}T00:00:00.000"')
    if line.reading is not None:
        add(f',"current_reading":"{line.reading}"')
    if starts_on is not None and ends_on is not None:
        add(f',"days_of_service":"{(ends_on - starts_on).days}"')
    if line.units is not None:
        add(f',"billing_units":"{hundredths(line.units)}"')
    if line.read_code is not None:
        add(f',"read_code":"{line.read_code}"')
    for key, value in zip(_CHARGE_KEYS, line.charges, strict=True):
        if value is not None:
            add(f'{key}{hundredths(value)}"')
    if line.is_adjustment_empty:
        add(',"adjustment":""')
    add(f',"amount_due":"{hundredths(line.amount_due)}"')
    if line.demands is not None:
        for key, value in zip(_DEMAND_KEYS, line.demands, strict=True):
            if value is not None:
                add(f'{key}{hundredths(value)}"')
    add("}")
    return "".join(parts)


_KINDS = ("metered",) * 7 + ("flat",) * 6 + ("gas",) * 4 + ("fixture",) * 2 + ("demand",)
_TYPES = {"metered": "EL", "flat": "EL", "gas": "GA", "fixture": "OT", "demand": "EL"}
_UNITS = {"metered": "kWh", "flat": "fixtures", "gas": "m3", "fixture": "fixtures", "demand": "kWh"}
_RATES = {"metered": "KS01", "flat": "FL02", "gas": "GS10", "fixture": "ST05", "demand": "KM30"}
_NAMES = (
    "Parks Division",
    "Library Branch",
    "Arena",
    "Fire Hall",
    "Pumping Station",
    "Depot",
    'Café "Exemple"',
    "Pool  & Gym",
)


def make_slot(
    number: int, kind: str | None = None, *, account: int | None = None, is_undated: bool | None = None
) -> Slot:
    """The slot of that number. Three neighbouring slots share an account; every slot has its own address."""
    kind = kind or _KINDS[number % len(_KINDS)]
    account = number // 3 if account is None else account
    mix = (number * 2_654_435_761) & 0xFFFFFFFF
    town = "WINNIPEG"
    if number % 211 == 5:
        town = "SAMPLE BEACH"
    has_town, has_rate = number % 307 != 11, number % 97 != 3
    values: tuple[tuple[str, str | None], ...] = (
        ("account_number", str(21_000_000_000_007 + account * 104_729)),
        ("customer_name", f"Invented {_NAMES[account % len(_NAMES)]} {account:05d}"),
        ("ssc_number", f"SSC-{account % 90_000 + 10_000}" if account % 5 else None),
        ("customer_information", f"synthetic {mix % 1000:03d}" if number % 4 == 0 else None),
        ("service_address", f"{number} NOWHERE {('LANE', 'ROAD', 'CRESCENT')[number % 3]}"),
        ("town", town if has_town else None),
        ("meter_number", f"M{7_000_000 + number}" if kind in ("metered", "gas", "demand") else None),
        ("actual_service_type", _TYPES[kind]),
        ("rate", _RATES[kind] if has_rate else None),
    )
    return Slot(
        kind=kind,
        service_type=_TYPES[kind],
        town=town if has_town else None,
        unit=_UNITS[kind],
        text="".join(f',"{k}":{json.dumps(v, ensure_ascii=False)}' for k, v in values if v is not None),
        base_units={
            "metered": 300 + mix % 2200,
            "flat": 1 + mix % 8,
            "gas": 40 + mix % 400,
            "fixture": 1 + mix % 12,
        }.get(kind, 9_000 + mix % 60_000),
        cycle_day=1 + account * 5 % 28,
        is_domestic=number % 3 == 0,
        is_undated=(number % 2 == 0 if is_undated is None else is_undated) and kind == "fixture",
    )


def month_before(day: date, months: int = 1) -> date:
    """The same day of the month, so many months earlier (days here never exceed 28)."""
    index = day.year * 12 + day.month - 1 - months
    return date(index // 12, index % 12 + 1, day.day)


_SEASON = (160, 150, 130, 105, 80, 65, 60, 62, 75, 95, 120, 150)


def price(slot: Slot, rates: Tariff, units: int, basic: int | None = None) -> tuple[int | None, ...]:
    """The twelve charges in cents for units in hundredths; the tariff's basic charge unless another one is given."""
    gas: tuple[int | None, ...] = (None, None, None)
    carbon: int | None = None
    if slot.kind == "gas":
        basic = rates.gas_basic if basic is None else basic
        energy = charge(units * 94 // 100, rates.gas_primary)
        parts = (
            charge(units - units * 94 // 100, rates.gas_supplemental),
            charge(units, rates.gas_transportation),
            charge(units, rates.gas_distribution),
        )
        gas, carbon = parts, charge(units, rates.gas_carbon)
        taxable = basic + energy + sum(parts) + carbon
        # Heating use is free of the city tax; about two fifths of the gas is not for heating.
        city_base = taxable * 2 // 5
    elif slot.unit == "fixtures":
        basic, energy = rates.flat_basic * units // 100, 0
        taxable = city_base = basic
    else:
        basic = rates.electric_basic * (1 if slot.kind == "metered" else 2) if basic is None else basic
        energy = charge(units, rates.electric_energy)
        taxable = city_base = basic + energy
    city_tax = share(city_base, 25 if slot.is_domestic else 50)
    return (
        basic,
        energy,
        *gas,
        None,
        city_tax,
        share(city_tax, rates.gst_pct * 10),
        carbon,
        share(taxable, rates.pst_pct * 10),
        share(taxable, rates.gst_pct * 10),
        None,
    )


def total_of(charges: tuple[int | None, ...]) -> int:
    """What a balanced line asks for: the sum of its charges."""
    return sum(value for value in charges if value is not None)


def ordinary(slot: Slot, month: date, rates: Tariff, rng: random.Random) -> Line:
    """The bill line of a slot in a billing month."""
    ends_on = month.replace(day=slot.cycle_day)
    noise = rng.random()
    starts_on = month_before(ends_on, 2 if noise > 0.97 else 1)
    if slot.unit == "fixtures":
        units = slot.base_units * 100
        charges = price(slot, rates, units)
        if slot.is_undated:
            return Line(slot, None, None, units, charges, total_of(charges))
        return Line(slot, starts_on, ends_on, units, charges, total_of(charges))
    units = slot.base_units * _SEASON[month.month - 1] * (70 + int(noise * 60)) // 100
    if slot.kind != "gas":
        units -= units % 100
    else:
        units -= units % 50
    charges = price(slot, rates, units)
    if noise < 0.02:
        charges = (*charges[:11], -int(noise * 100_000))
    elif slot.kind == "gas" and noise > 0.9:
        charges = (*charges[:5], -share(charges[1] or 0, 30), *charges[6:])
    demands: tuple[int | None, ...] | None = None
    if slot.kind == "demand":
        kva = units // 300
        demands = (kva * 9, kva, kva * 98 // 100, kva * 11 // 10, slot.base_units if noise < 0.5 else None, 12_000)
    read_code = "A" if noise < 0.8 else "E" if noise < 0.95 else "C"
    months = (month.year - 2016) * 12 + month.month
    reading = slot.base_units * months + units // 100
    return Line(slot, starts_on, ends_on, units, charges, total_of(charges), read_code, reading, demands)


def correction(line: Line, rates: Tariff, rng: random.Random) -> Line:
    """A negative line over the same period that takes some of a metered line back."""
    units = -100 * min(1600, 1 + rng.randrange(max(1, (line.units or 100) // 100)))
    charges = price(line.slot, rates, units, basic=0)
    return replace(line, units=units, charges=charges, amount_due=total_of(charges), read_code="A", story="correction")


def revised(line: Line) -> Line:
    """What a line looks like after the publisher corrected it: an actual read, 1.37 more for energy, 2.50 back."""
    charges = list(line.charges)
    charges[1] = (charges[1] or 0) + 137
    charges[11] = -250
    return replace(
        line,
        charges=tuple(charges),
        amount_due=total_of(tuple(charges)),
        read_code=None if line.read_code is None else "A",
        is_adjustment_empty=False,
    )


class BillBook:
    """The bills of a world, month by month. The same seed and size give the same lines."""

    def __init__(self, seed: int, bills: int) -> None:
        self.seed, self.bills = seed, bills
        months = min(MONTHS, max(3, bills // 150))
        self.months = [month_before(LAST_MONTH, months - 1 - m) for m in range(months)]
        self.duplicates = self._plan_duplicates()
        self.invoice_lines = min(12, max(3, bills // (months * 12)))
        self.corrections = max(1, bills // months // 100)
        self.zero_lengths = max(1, bills // months // 150)
        special = sum(map(sum, self.duplicates)) + months * (
            self.invoice_lines + 1 + self.corrections + self.zero_lengths
        )
        rest = bills - special
        if rest < months * 20:
            raise ValueError(f"a world of {bills} bills has no room for its planted lines; ask for 300 or more")
        self.quotas = [rest * (m + 1) // months - rest * m // months for m in range(months)]
        self.slots = [make_slot(number) for number in range(max(self.quotas) + 20)]

    def _plan_duplicates(self) -> list[list[int]]:
        """Sizes of the groups of identical lines, per month, in the proportions of the real profile."""
        months, n = len(self.months), self.bills
        sizes = [2] * max(2, n // 40) + [3] * max(1, n // 600) + [11] * (n // 6000) + [39] * (n // 3000)
        sizes += [248] * (1 if n >= 900 else 0) + [992] * (n // 150_000)
        plan: list[list[int]] = [[] for _ in range(months)]
        for number, size in enumerate(sorted(sizes, reverse=True)):
            plan[(months // 2 + number) % months].append(size)
        return plan

    def batch(self, number: int) -> Iterator[Line]:
        """The lines of one month's billing batch, planted lines first."""
        month = self.months[number]
        rng = random.Random(f"{self.seed}/bills/{month}")
        rates = tariff(month)
        yield from self._invoice(number, month, rates, rng)
        for position, size in enumerate(self.duplicates[number]):
            yield from self._duplicates(number, position, size, month, rates, rng)
        metered = [slot for slot in self.slots if slot.kind == "metered"]
        for position in range(self.corrections):
            slot = metered[(number + position) % len(metered)]
            yield correction(ordinary(slot, month, rates, rng), rates, rng)
        for position in range(self.zero_lengths):
            slot = self.slots[(number + position) % len(self.slots)]
            day = month.replace(day=slot.cycle_day)
            charges = (*NOTHING[:10], 175, 3500)
            yield Line(slot, day, day, 0, charges, 3675, story="zero length")
        for position in range(self.quotas[number]):
            line = ordinary(self.slots[position], month, rates, rng)
            if position == 2 and number < 3:
                line = replace(
                    line,
                    charges=(*line.charges[:11], None),
                    amount_due=total_of(line.charges[:11]),
                    is_adjustment_empty=True,
                )
            yield line

    def _invoice(self, number: int, month: date, rates: Tariff, rng: random.Random) -> Iterator[Line]:
        total = 0
        for position in range(self.invoice_lines):
            line = ordinary(make_slot(2_000_000 + position, "demand", account=666_666), month, rates, rng)
            line = replace(line, ends_on=month.replace(day=3), starts_on=month_before(month.replace(day=3)))
            total += total_of(line.charges)
            yield replace(line, amount_due=0, story="invoice line")
        slot = make_slot(2_000_100, "flat", account=666_666)
        yield Line(slot, line.starts_on, line.ends_on, None, NOTHING, total, story="invoice total")

    def _duplicates(
        self, number: int, position: int, size: int, month: date, rates: Tariff, rng: random.Random
    ) -> Iterator[Line]:
        slot = make_slot(
            3_000_000 + number * 10_000 + position * 3, "fixture", is_undated=size > 3 or position % 2 == 0
        )
        line = replace(ordinary(slot, month, rates, rng), story="duplicate")
        for _ in range(size):
            yield line

    def new_batch(self) -> Iterator[Line]:
        """The month after the last: what a second pull finds new."""
        month = month_before(LAST_MONTH, -1)
        rng = random.Random(f"{self.seed}/bills/{month}")
        rates = tariff(month)
        for position in range(max(5, self.bills // 100) | 1):
            yield ordinary(self.slots[position % len(self.slots)], month, rates, rng)
