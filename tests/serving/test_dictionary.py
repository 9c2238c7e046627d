"""What the models' YAML says of where rows come from."""

from __future__ import annotations

import pytest

from serving import dictionary
from serving.dictionary import Described

STEPPED = {name: one for name, one in dictionary.tables().items() if one.made_from}


@pytest.mark.parametrize("name", [name for name, one in dictionary.tables().items() if one.layer == "marts"])
def test_every_mart_says_where_its_rows_came_from(name: str) -> None:
    described = dictionary.tables()[name]
    assert described.made_from or set(dictionary.LINEAGE) <= described.columns.keys()


@pytest.mark.parametrize("described", STEPPED.values(), ids=STEPPED.keys())
def test_a_step_goes_one_way_by_columns_that_both_sides_have(described: Described) -> None:
    layers = dictionary.LAYERS
    for step in described.made_from:
        below = dictionary.tables()[step.table]
        assert layers.index(below.layer) <= layers.index(described.layer) and step.table != described.name
        assert step.values and step.values <= described.columns.keys()
        assert not [name for name in below.columns if below.is_masked(name) and name in step.where.split()]


def test_a_step_names_the_values_it_needs() -> None:
    step = dictionary.Step("marts.a", "a = $first_day and (b = $zone or $zone is null)")
    assert step.values == {"first_day", "zone"}
