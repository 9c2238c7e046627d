"""The consumption page on a whole house, on both engines: kWh, gaps, clock changes and agreements as planted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pandas as pd
import pytest

from serving.dashboard.queries import consumption
from tests.end_to_end.conftest import House
from tests.end_to_end.dashboard_pages import captions, drawn, metrics, opened, reader, shown, truth, untitled

DAYS = {"consumption_days": ["2020-10-15", "2021-04-05"]}
FIRST, LAST = date(2020, 10, 15), date(2021, 4, 5)


@pytest.fixture(autouse=True)
def read_house(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    yield from reader(house, monkeypatch)


def test_all_days_hold_all_energy_and_say_what_has_no_agreement(house: House) -> None:
    planted = house.truth["meters"]
    page = opened("consumption", consumption_by="total", **DAYS)
    rows = shown(page, "unmapped_kwh")
    assert rows["consumption_kwh"].sum() == pytest.approx(float(planted["consumption_kwh"]), abs=0.001)
    assert rows["unmapped_kwh"].sum() == pytest.approx(float(planted["unmapped"]["consumption_kwh"]), abs=0.001)
    assert rows["reading_count"].sum() == planted["rows"]
    share = float(planted["unmapped"]["consumption_kwh"]) / float(planted["consumption_kwh"])
    assert metrics(page)["kWh metered"] == f"{float(planted['consumption_kwh']):,.0f}"
    assert metrics(page)["% of kWh unmapped"] == f"{share:.2%}"
    assert len(rows) == 173  # 15 October 2020 to 5 April 2021
    assert untitled(page) == []


def test_a_product_has_the_same_energy_by_its_days_and_by_its_meters(house: House) -> None:
    planted: dict[str, Decimal] = defaultdict(Decimal)
    for row in truth(house, "daily_product"):
        planted[row["product_display_name"]] += Decimal(row["consumption_kwh"])
    regions = consumption.regions()["region"].to_pylist()
    for name, kwh in planted.items():
        by_days = consumption.daily(FIRST, LAST, "total", [name])
        by_meters = consumption.daily(FIRST, LAST, "total", [name], regions)
        assert sum(by_days["consumption_kwh"].to_pylist()) == kwh, name
        assert sum(by_meters["consumption_kwh"].to_pylist()) == kwh, name


def test_the_greatest_meters_have_a_line_and_the_rest_is_added_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumption, "SERIES", 2)
    kwh: dict[str, Decimal] = defaultdict(Decimal)
    for row in truth(house, "daily_meterpoint"):
        kwh[row["meterpoint_id"]] += Decimal(row["consumption_kwh"])
    greatest = sorted(kwh, key=lambda name: -kwh[name])[:2]
    lines: dict[str, Decimal] = defaultdict(Decimal)
    for row in consumption.daily(FIRST, LAST, "meter point").to_pylist():
        lines[row["series"]] += row["consumption_kwh"]
    assert lines == {
        **{name: kwh[name] for name in greatest},
        "all others": sum(value for name, value in kwh.items() if name not in greatest),
    }


def test_clock_change_days_have_46_and_50_half_hours() -> None:
    days = {row["local_date"]: row for row in consumption.local_days(FIRST, LAST).to_pylist()}
    other = {day: row["half_hours"] for day, row in days.items() if row["half_hours"] != 48}
    assert other == {date(2020, 10, 25): 50, date(2021, 3, 28): 46}
    # London: summer time ended on 25 October 2020 and began on 28 March 2021, both at 01:00 UTC.
    assert days[date(2020, 10, 25)]["starts_at"] == pd.Timestamp("2020-10-24 23:00")
    assert days[date(2020, 10, 26)]["starts_at"] == pd.Timestamp("2020-10-26 00:00")
    assert days[date(2021, 3, 29)]["starts_at"] == pd.Timestamp("2021-03-28 23:00")


@pytest.mark.parametrize(
    ("day", "half_hours", "words"), [("2020-10-25", 50, "Sun 25 Oct"), ("2021-03-28", 46, "Sun 28 Mar")]
)
def test_a_clock_change_day_is_drawn_with_its_own_half_hours(day: str, half_hours: int, words: str) -> None:
    page = opened("consumption", consumption_half_hours_from=day, consumption_half_hours_days="1")
    rows = drawn(page, "interval_number")
    assert len(rows) == half_hours
    assert list(rows["starts_at"].diff().dropna().unique()) == [pd.Timedelta(minutes=30)]
    assert f"{words} {day[:4]} has {half_hours} half-hours." in captions(page)


def test_half_hours_of_a_product_and_region_are_those_of_its_meters(house: House) -> None:
    ((region,),) = house.ask(
        "select min(region) from {marts}.dim_meterpoints where read_day_count > 100 and region is not null"
    )
    meters = {
        name for (name,) in house.ask(f"select meterpoint_id from {{marts}}.dim_meterpoints where region = '{region}'")
    }
    days = [
        row
        for row in truth(house, "daily_meterpoint")
        if "2021-01-01" <= row["local_date"] <= "2021-01-14" and row["meterpoint_id"] in meters
    ]
    products = sorted({row["product_display_name"] for row in days})
    rows = consumption.half_hourly(date(2021, 1, 1), date(2021, 1, 14), products, (), [region]).to_pylist()
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        found[row["series"]] += row["consumption_kwh"]
    planted: dict[str, Decimal] = defaultdict(Decimal)
    for row in days:
        planted[row["product_display_name"]] += Decimal(row["consumption_kwh"])
    assert found == planted
    assert len(planted) > 0


def test_a_gap_is_drawn_as_a_gap(house: House) -> None:
    gap = next(row for row in truth(house, "gaps") if row["reason"] == "three whole days")
    page = opened(
        "consumption",
        consumption_meters=gap["meterpoint_id"],
        consumption_half_hours_from="2021-01-08",
        consumption_half_hours_days="7",
        consumption_by="meter point",
        **DAYS,
    )
    rows = drawn(page, "interval_number")
    missing = rows[rows["consumption_kwh"].isna()]["starts_at"]
    assert len(rows) == 7 * 48
    assert len(missing) == int(gap["intervals"]) == 144
    assert missing.min() == pd.Timestamp(gap["starts_at"], tz="UTC")
    assert missing.max() == pd.Timestamp(gap["ends_at"], tz="UTC") - pd.Timedelta(minutes=30)
    days = drawn(page, "complete_meterpoints")
    assert list(days[days["consumption_kwh"].isna()]["local_date"].dt.strftime("%Y-%m-%d")) == [
        "2021-01-09", "2021-01-10", "2021-01-11",
    ]  # fmt: skip
    assert "144 of them missing" in captions(page)
    assert shown(page, "missing_interval_count")["missing_interval_count"].max() == 144


def test_all_planted_gaps_are_listed(house: House) -> None:
    gaps = house.truth["meters"]["gaps"]
    assert f"{gaps['count']} runs of half-hours" in captions(opened("consumption", **DAYS))
    assert sum(consumption.gaps(FIRST, LAST)["missing_interval_count"].to_pylist()) == gaps["intervals"]


@pytest.mark.parametrize("day", ["2020-10-25", "2021-01-01", "2026-01-01"])
def test_agreements_are_counted_as_of_the_day_in_the_link(house: House, day: str) -> None:
    planted = [row for row in truth(house, "active_agreements") if row["reference_date"] == day]
    page = opened("consumption", consumption_reference=day)
    assert metrics(page)[f"Agreements in force on {day}"] == str(
        house.truth["meters"]["agreements"]["active_counts"][day]
    )
    listed = shown(page, "agreements").set_index("product")["agreements"]
    assert listed.to_dict() == pd.Series([row["display_name"] for row in planted]).value_counts().to_dict()


def test_an_agreement_is_not_in_force_on_its_last_day(house: House) -> None:
    ((ends_on,),) = house.ask("select max(valid_to) from {marts}.dim_agreements where is_matchable")
    ((ended,),) = house.ask(
        f"select count(*) from {{marts}}.dim_agreements where is_matchable and valid_to = '{ends_on}'"
    )
    before = sum(consumption.agreements(date.fromordinal(ends_on.toordinal() - 1))["agreements"].to_pylist())
    started = sum(row["started"] for row in consumption.activations(ends_on).to_pylist()) - sum(
        row["started"] for row in consumption.activations(date.fromordinal(ends_on.toordinal() - 1)).to_pylist()
    )
    assert ended > 0
    assert sum(consumption.agreements(ends_on)["agreements"].to_pylist()) == before - ended + started


def test_without_a_date_in_the_link_the_builds_reference_date_is_meant(house: House) -> None:
    ((count, day),) = house.ask("select count(*), max(reference_date) from {marts}.active_agreements")
    assert count > 0
    assert metrics(opened("consumption"))[f"Agreements in force on {day}"] == str(count)


def test_a_link_restores_the_filters(house: House) -> None:
    product = truth(house, "daily_product")[0]["product_display_name"]
    page = opened(
        "consumption",
        consumption_by="region",
        consumption_products=[product],
        consumption_days=["2021-01-01", "2021-01-31"],
    )
    assert page.selectbox(key="consumption_by").value == "region"
    assert page.multiselect(key="consumption_products").value == [product]
    kwh = sum(
        Decimal(row["consumption_kwh"])
        for row in truth(house, "daily_product")
        if row["product_display_name"] == product and "2021-01-01" <= row["local_date"] <= "2021-01-31"
    )
    assert metrics(page)["kWh metered"] == f"{kwh:,.0f}"


def test_meter_points_that_are_not_offered_are_told_of(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "can be chosen" not in captions(opened("consumption"))
    monkeypatch.setattr(consumption, "OFFERED", 2)
    page = opened("consumption")
    assert "The first 2 meter points can be chosen; choose regions for others." in captions(page)
    assert len(page.multiselect(key="consumption_meters").options) == 2


def test_a_wrong_value_in_the_link_is_let_go() -> None:
    page = opened(
        "consumption",
        consumption_by="nothing",
        consumption_products=["'; drop table x"],
        consumption_days=["1999-01-01", "yesterday"],
        consumption_half_hours_from="2021-02-30",
        consumption_half_hours_days="9000",
        consumption_reference="soon",
    )
    assert page.selectbox(key="consumption_by").value == "product"
    assert page.multiselect(key="consumption_products").value == []


def test_an_answer_without_rows_says_what_is_missing(house: House) -> None:
    gap = next(row for row in truth(house, "gaps") if row["reason"] == "three whole days")
    page = opened("consumption", consumption_meters=gap["meterpoint_id"], consumption_days=["2021-01-10", "2021-01-10"])
    assert "No read from 2021-01-10 to 2021-01-10 for what is chosen." in [info.value for info in page.info]
