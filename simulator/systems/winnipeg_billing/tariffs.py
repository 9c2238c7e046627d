"""What Manitoba Hydro charged and taxed, as far as public pages say; steps between known values are invented.

Money is in cents. Rates are per unit in thousandths of a cent, so that every charge is integer arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Tariff:
    """Rates in force in one month."""

    electric_basic: int
    """Cents per month."""
    electric_energy: int
    """Thousandths of a cent per kWh."""
    flat_basic: int
    """Cents per fixture and month on unmetered lines."""
    gas_basic: int
    gas_primary: int
    """Thousandths of a cent per m3, like the three below."""
    gas_supplemental: int
    gas_transportation: int
    gas_distribution: int
    gas_carbon: int
    pst_pct: int
    gst_pct: int


# (first month, value): known are 8.08 CAD and 8.196 c/kWh (2017), 8.61 CAD and 8.730 c/kWh (September 2020).
_ELECTRIC_BASIC = ((date(2016, 1, 1), 782), (date(2017, 8, 1), 808), (date(2019, 6, 1), 828), (date(2020, 9, 1), 861))
_ELECTRIC_ENERGY = (
    (date(2016, 1, 1), 7928),
    (date(2017, 8, 1), 8196),
    (date(2019, 6, 1), 8401),
    (date(2020, 9, 1), 8730),
)
# Primary gas moves each quarter: known are 8.31 (November 2017), 7.62 (February 2018) and 9.32 c/m3 (August 2020).
_GAS_PRIMARY = (
    (date(2016, 1, 1), 8040),
    (date(2016, 8, 1), 8270),
    (date(2017, 2, 1), 9180),
    (date(2017, 11, 1), 8310),
    (date(2018, 2, 1), 7620),
    (date(2018, 8, 1), 7050),
    (date(2019, 2, 1), 7980),
    (date(2019, 11, 1), 8120),
    (date(2020, 8, 1), 9320),
    (date(2021, 2, 1), 10140),
)
# The federal fuel charge reached Manitoba in April 2019; cents per m3 rise each April.
_GAS_CARBON = ((date(2016, 1, 1), 0), (date(2019, 4, 1), 3910), (date(2020, 4, 1), 5870), (date(2021, 4, 1), 7830))
_PST = ((date(2016, 1, 1), 8), (date(2019, 7, 1), 7))


def _at(steps: tuple[tuple[date, int], ...], day: date) -> int:
    return next(value for first, value in reversed(steps) if first <= day)


def tariff(day: date) -> Tariff:
    """The tariff in force on a day from 2016 on."""
    return Tariff(
        electric_basic=_at(_ELECTRIC_BASIC, day),
        electric_energy=_at(_ELECTRIC_ENERGY, day),
        flat_basic=2051,
        gas_basic=1400,
        gas_primary=_at(_GAS_PRIMARY, day),
        gas_supplemental=15590,
        gas_transportation=5380,
        gas_distribution=8660,
        gas_carbon=_at(_GAS_CARBON, day),
        pst_pct=_at(_PST, day),
        gst_pct=5,
    )


def charge(units_hundredths: int, rate_milli_cents: int) -> int:
    """Cents for units (in hundredths of a unit) at a rate in thousandths of a cent, rounded half away from zero."""
    scaled = abs(units_hundredths) * rate_milli_cents
    cents = (2 * scaled + 100_000) // 200_000
    return cents if units_hundredths >= 0 else -cents


def share(cents: int, per_mille: int) -> int:
    """A tax of so many thousandths on an amount in cents, rounded half away from zero."""
    part = (2 * abs(cents) * per_mille + 1000) // 2000
    return part if cents >= 0 else -part
