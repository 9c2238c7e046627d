"""docs/runbooks/restore.md, followed on a warehouse that was damaged, on both engines."""

from __future__ import annotations

from pathlib import Path

from simulator.world import settings_for
from tests.operations.small_house import SmallHouse
from tests.runbooks.blocks import follow, sections

PAGE = sections("restore.md")


def meters(world: Path) -> dict[str, str]:
    return {name: value for name, value in settings_for(world).items() if name.startswith("SMART_METERS_")}


def test_the_page_has_these_steps() -> None:
    assert list(PAGE) == [
        "2. Choose a backup",
        "3. Restore",
        "4. Look, then go on",
        "5. Once a month, before it is needed",
    ]


def test_the_page_leads_from_a_damaged_warehouse_to_a_good_one(small_house: SmallHouse, world: Path) -> None:
    good, before = small_house.backup(), small_house.content()
    damaged = small_house.backup()
    (damaged / "lake.csv").write_text("cut off")
    small_house.warehouse.query("drop table raw.fake_readings")
    small_house.warehouse.query("delete from raw.pseudonyms")
    env = {**small_house.env, **meters(world)}

    listed = follow(PAGE["2. Choose a backup"], env)
    assert f"{good}  good, " in listed
    assert f"{damaged}  not good: BACKUP_DAMAGED" in listed
    said = follow(PAGE["3. Restore"], env)
    assert "Restored" in said and "what was there before is kept" in said
    assert small_house.content() == before
    said = follow(PAGE["4. Look, then go on"], env)
    # What is published was restored with the rest.
    assert "smart_meters" in said and "Nothing new to publish" in said
    assert small_house.warehouse.query("select count(*) from raw.meter_readings")[0][0] > 40_000
    assert "The restored warehouse is equal" in follow(PAGE["5. Once a month, before it is needed"], env)
