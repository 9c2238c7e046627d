"""A story of five deliveries, small enough to be added up by hand, and what the marts said after each.

Local time is Europe/London. Quantities per half-hour are the same within a meter's day, so a day's total is a product.

    load 1  m1's 27 March at 0.5 (48 half-hours), m2's 31 October at 0.1 (50), two readings of m3 on 27 March
    load 2  m1's 28 March at 1.0 (46); of its 27 March the first half-hour restated to 2.5, the second delivered again
    load 3  m1's 26 March at 0.25, late and without its first four half-hours; m1's agreements vanish, m3 gets one
    load 4  m1's agreements return as they were; m4, of which nothing else is known, is read once, off the grid
    load 5  m1's 27 March, first half-hour, restated back to 0.5; a product gets another name
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.metering.raw_meters import Agreement, Load, Reading


def half_hours(meter: str, first: str, count: int, kwh: str) -> list[Reading]:
    """Readings of a meter from an instant (UTC) on."""
    start = datetime.fromisoformat(first)
    return [(meter, str(start + timedelta(minutes=30 * number)), kwh) for number in range(count)]


M1_FIXED: Agreement = ("11", "2020-01-01", "2021-03-28", "fixed-a", "m1", "account 1")
M1_FLEXIBLE: Agreement = ("12", "2021-03-28", None, "flexible", "m1", "account 1")
# Until the end of November both hold: the later start takes the readings.
M2_LONG: Agreement = ("21", "2021-01-01", "2021-12-01", "fixed-a", "m2", "account 2")
M2_SECOND: Agreement = ("22", "2021-10-31", None, "fixed-b", "m2", "account 2")
M2_ZERO: Agreement = ("23", "2021-10-31", "2021-10-31", "flexible", "m2", "account 2")
M2_INVERTED: Agreement = ("24", "2021-11-02", "2021-10-30", "flexible", "m2", "account 2")
M3_LATE: Agreement = ("31", "2021-03-27", None, "unheard of", "m3", "account 3")

PRODUCTS = [
    ("12M Fixed", "0", "101", "fixed-a"),
    ("12M Fixed", "0", "102", "fixed-b"),
    ("Flexible", "1", "103", "flexible"),
]
METERPOINTS = [("London", "m1"), ("Yorkshire", "m2"), ("London", "m3")]

LOADS = [
    Load(
        readings={
            "m1-27.json": half_hours("m1", "2021-03-27 00:00", 48, "0.5"),
            "m2-31.json": half_hours("m2", "2021-10-30 23:00", 50, "0.1"),
            "m3-27.json": half_hours("m3", "2021-03-27 10:00", 2, "0.125"),
        },
        agreements=[M1_FIXED, M1_FLEXIBLE, M2_LONG, M2_SECOND, M2_ZERO, M2_INVERTED, M2_LONG],
        products=PRODUCTS,
        meterpoints=METERPOINTS,
    ),
    Load(
        readings={
            "m1-28.json": half_hours("m1", "2021-03-28 00:00", 46, "1.0"),
            "m1-27-again.json": [
                ("m1", "2021-03-27 00:00:00", "2.5"),
                ("m1", "2021-03-27 00:30:00", "0.5"),
                ("m1", "2021-03-27 01:00:00", "NaN"),
                (None, "2021-03-27 01:30:00", "4"),
            ],
        },
    ),
    Load(
        readings={"m1-26.json": half_hours("m1", "2021-03-26 02:00", 44, "0.25")},
        agreements=[M2_LONG, M2_SECOND, M3_LATE],
    ),
    Load(
        readings={"m4.json": [("m4", "2021-03-27 10:07:00", "-1.5")]},
        agreements=[M1_FIXED, M1_FLEXIBLE, M2_LONG, M2_SECOND, M3_LATE],
    ),
    Load(
        readings={"m1-27-back.json": [("m1", "2021-03-27 00:00:00", "0.5")]},
        products=[("12M Fixed", "0", "101", "fixed-a"), ("12M Fixed", "0", "102", "fixed-b"),
                  ("Flexible Plus", "1", "103", "flexible")],
    ),
]  # fmt: skip
