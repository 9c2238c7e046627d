"""The gas marts say what was posted: the version that stands, the best cycle of a gas day, and the steps between."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from tests.end_to_end.conftest import House
from tests.end_to_end.test_truth import same, truth_rows
from tests.end_to_end.test_truth_weather import number

DIRECTIONS = {"D": "delivery", "R": "receipt"}


def visible(house: House) -> set[tuple[str, ...]]:
    """Asset, gas day, cycle and version of the postings that stand at the world's now."""
    now = datetime.fromisoformat(house.truth["now"]).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return {
        (row["asset"], row["gas_day"], row["cycle"], row["version"])
        for row in truth_rows(house, "capacity_postings")
        if row["posted_at"] <= now and (not row["replaced_at"] or row["replaced_at"] > now)
    }


def test_every_row_of_the_postings_that_stand(house: House) -> None:
    standing = visible(house)
    same(
        house.query(
            "select asset, cast(gas_day as varchar), cycle_id, loc, flow_direction, location_name, zone, "
            "design_capacity_dth, operating_capacity_dth, scheduled_quantity_dth, available_capacity_dth "
            "from marts.fct_operational_capacity"
        ),
        (
            (
                row["asset"], row["gas_day"], row["cycle"], row["loc"], DIRECTIONS[row["flow_ind"]],
                row["loc_name"].strip(), row["loc_zn"], number(row["dc"]), number(row["opc"]),
                number(row["tsq"]), number(row["oac"]),
            )
            for row in truth_rows(house, "capacity_rows")
            if (row["asset"], row["gas_day"], row["cycle"], row["version"]) in standing
        ),
    )  # fmt: skip


def test_the_best_available_posting_of_every_gas_day(house: House) -> None:
    same(
        house.query(
            "select asset, cast(gas_day as varchar), cycle_id, cycle_name, count(*), sum(scheduled_quantity_dth), "
            "sum(available_capacity_dth) from marts.capacity_best_available where is_posted group by 1, 2, 3, 4"
        ),
        (
            (
                row["asset"], row["gas_day"], row["cycle"], row["cycle_name"], int(row["row_count"]),
                Decimal(row["tsq_dth"]), Decimal(row["oac_dth"]),
            )
            for row in truth_rows(house, "capacity_best_available")
        ),
    )  # fmt: skip


def test_locations_change_when_their_postings_did(house: House) -> None:
    same(
        house.query(
            "select asset, loc, flow_direction, location_name, zone, design_capacity_dth, "
            "operating_capacity_dth, cast(valid_from as varchar), cast(valid_until as varchar) from marts.dim_locations"
        ),
        (
            (
                row["asset"], row["loc"], DIRECTIONS[row["flow_ind"]], row["loc_name"].strip(), row["loc_zn"],
                number(row["dc"]), number(row["opc"]), row["valid_from_gas_day"], row["valid_to_gas_day"] or None,
            )
            for row in truth_rows(house, "capacity_locations")
        ),
    )  # fmt: skip


def test_steps_from_cycle_to_cycle_add_up(house: House) -> None:
    """Of a gas day and asset, the rises and falls between one cycle's standing posting and the next one's."""
    same(
        house.query(
            "select asset, cast(gas_day as varchar), cycle_id, sum(scheduled_change_dth) from marts.capacity_revisions "
            "where not is_repost group by 1, 2, 3 having sum(scheduled_change_dth) is not null"
        ),
        (
            (row["asset"], row["gas_day"], row["cycle"], Decimal(row["change_dth"]))
            for row in truth_rows(house, "capacity_revisions")
        ),
    )
