"""The whole house can be restored: every value of every mart, ledger and raw table comes back equal."""

from __future__ import annotations

import re
from pathlib import Path

from tests.end_to_end.conftest import House


def test_the_drill_finds_the_restored_house_equal(house: House) -> None:
    said = house.run("python", "-m", "operations", "drill")
    counted = re.search(r"is equal: (\d+) tables \((\d+) marts\), ([\d,]+) rows", said)
    assert counted is not None, said
    ((marts,),) = house.query(
        "select count(*) from information_schema.tables where table_schema = 'marts' and table_type = 'BASE TABLE' "
        "and table_name not like '%\\_20____\\_%' escape '\\'"
    )
    assert int(counted[2]) == marts > 25
    assert int(counted[3].replace(",", "")) > 300_000
    assert [path for path in Path(house.warehouse.env["METERHOUSE_DATA"]).iterdir() if "drill" in path.name] == []
