"""A story of three deliveries, small enough to be worked out by hand. Local time is Europe/Rome: UTC+1 in winter, UTC+2
in summer. A meter that runs at q L/s turns its totaliser by 1.8 q m3 in half an hour.

    load 1  zone A, 28 March 2021, a day of 23 hours: in1 at 10 L/s (18 m3 per half-hour), out1 at 5 L/s (9 m3), both
            with the reading of the next local midnight. Zone C: in3 is read for an hour, its output out3 never. off30
            reads at ten past and ten to. A logger file of several nodes, of which no list knows a prefix yet; one of
            its columns has no node at all.
    load 2  out1's counter begins anew on 29 March; in1's first half-hour restated from 10 to 12 L/s, its second sent
            again; rows that lack a node, an instant or every measure
    load 3  the next node list: it knows the prefixes, and in1 reads every 15 minutes from 1 April on. The autumn day of
            25 hours, 31 October 2021, from a logger of zone B at 1 L/s, and two rows of in1 with the same local stamp
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from tests.water.raw_water import Load, Row, export, node, reading

LIST = [
    node("in1", "input", "A", 30),
    node("out1", "output", "A", 30),
    node("log1", "source", "B", 30),
    node("in3", "supply", "C", 30),
    node("out3", "delivery", "C", 30),
    node("off30", "monitoring", "A", 30),
]
NEXT_LIST = [
    node("in1", "input", "A", 15),
    *LIST[1:],
    node("wide", "monitoring", "A", 30, channel_prefix="ALTA"),
    # Begins like the other: the longer prefix is meant where both fit.
    node("wider", "monitoring", "A", 30, channel_prefix="ALTA VALLE"),
]


def half_hours(node_id: str, first_utc: str, count: int, flow: str, counter: str) -> list[Row]:
    """Readings with a steady flow and the counter that goes with it, the last one closing the last half-hour."""
    start, per_step = datetime.fromisoformat(first_utc), Decimal(flow) * Decimal("1.8")
    return [
        reading(
            node_id, f"{start + timedelta(minutes=30 * step)} UTC", flow_rate=flow, pressure="4.5", temperature="15",
            volume=str(Decimal(counter) + per_step * step), is_interpolated="false",
        )
        for step in range(count + 1)
    ]  # fmt: skip


def autumn_day() -> list[tuple[str, ...]]:
    """Day, time, counter and flow on 31 October, 50 half-hours by the logger's clock, and the next midnight."""
    clock = [f"{hour:02}:{minute:02}:00" for hour in range(24) for minute in (0, 30)]
    repeated = clock.index("03:00:00")
    clock[repeated:repeated] = ["02:00:00", "02:30:00"]
    stamps = [("31/10/2021", time) for time in clock] + [("01/11/2021", "00:00:00")]
    return [
        (day, time, f"{Decimal('1234.5') + Decimal('1.8') * step:,}".translate(str.maketrans(",.", ".,")), "1,0")
        for step, (day, time) in enumerate(stamps)
    ]


SPRING = "2021-03-27 23:00:00"
"""Local midnight before the day of 23 hours."""
LOADS = [
    Load(
        sensor_nodes={"nodes_20210301.csv": LIST},
        sensor_readings={
            "a.csv": [*half_hours("in1", SPRING, 46, "10", "1000"), *half_hours("out1", SPRING, 46, "5", "500")],
            "c.csv": half_hours("in3", "2021-03-28 10:00:00", 2, "1", "0"),
            "off.csv": [
                reading("off30", f"2021-03-28 {time}:00 UTC", flow_rate="1", total_flow=counter)
                for time, counter in (("09:10", "0"), ("09:40", "3"), ("10:10", "6"))
            ],
        },
        sensor_logs={
            "wide.csv": export(
                [("ALTA PORTATA", "L/S"), ("ALTA VALLE PORTATA", "l/s"), ("BASSA PORTATA", "L/S"), ("ALTA QUOTA", "M")],
                [("28/03/2021", "01:30:00", "1,5", "7,25", "3", "9"), ("28/03/2021", "02:30:00", "1,6", "", "3", "9"),
                 ("28/03/2021", "03:00:00", "1,7", "7,5", "x", "9")],
            )
        },
    ),
    Load(
        sensor_readings={
            "b.csv": [
                reading("out1", "2021-03-28 22:30:00 UTC", flow_rate="5", volume="0"),
                reading("out1", "2021-03-28 23:00:00 UTC", flow_rate="5", volume="9"),
                reading("in1", f"{SPRING} UTC", flow_rate="12", pressure="4.5", temperature="15", volume="1000"),
                # Local time, without an offset: half past midnight.
                reading("in1", "2021-03-28 00:30:00", flow_rate="10", pressure="4.5", temperature="15", volume="1018"),
                reading("in1", "2021-03-30 00:00:00 UTC"),
                reading("in1", "2021-03-28 02:30:00", flow_rate="10"),
                {"timestamp": "2021-03-28 10:00:00 UTC", "flow_rate": "1"},
            ]
        },
    ),
    Load(
        sensor_nodes={"nodes_20210401.csv": NEXT_LIST},
        sensor_readings={
            "naive.csv": [
                reading("in1", "2021-10-31 02:00:00", flow_rate="30"),
                reading("in1", "2021-10-31 02:00:00", flow_rate="31"),
                reading("in1", "2021-10-31 02:00:00+00", flow_rate="32"),
            ]
        },
        sensor_logs={
            "log1_2021_10_31_DATA_LOG.csv": export([("TOT_T", "M3"), ("FLOW_R", "L/S")], autumn_day(), "log1"),
        },
    ),
]  # fmt: skip
