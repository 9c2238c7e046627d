"""Which build may be shown: the judgement alone, on runs written out by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from publishing.builds import BuildRun, NotPublished, passed_build


def run(
    number: int,
    command: str = "build",
    whole: bool = True,
    tested: bool = True,
    finished: bool = True,
    failures: int | None = 0,
    nodes: str | None = None,
    variables: str = "{}",
) -> BuildRun:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    return BuildRun(
        f"run {number}", command, variables, whole, tested, f'["marts.m{number}"]', at, at if finished else None,
        failures if finished else None, None if nodes is None else json.dumps(nodes.split()),
    )  # fmt: skip


def test_a_whole_build_that_passed_is_shown() -> None:
    build = passed_build([run(1)])
    assert (build.invocation_id, build.relations) == ("run 1", ("marts.m1",))


def test_nothing_is_shown_before_the_first_whole_build() -> None:
    with pytest.raises(NotPublished, match="BUILD_MISSING"):
        passed_build([])
    with pytest.raises(NotPublished, match="BUILD_MISSING"):
        passed_build([run(1, whole=False)])


def test_a_failed_build_is_not_shown() -> None:
    with pytest.raises(NotPublished, match="had 2 failed or skipped"):
        passed_build([run(1), run(2, failures=2)])


def test_a_killed_build_is_not_shown() -> None:
    with pytest.raises(NotPublished, match="2026-01-01 02:00:00 UTC did not finish"):
        passed_build([run(1), run(2, finished=False)])


def test_a_whole_build_makes_good_what_went_before() -> None:
    build = passed_build([run(1), run(2, failures=1), run(3, finished=False), run(4)])
    assert build.invocation_id == "run 4"


def test_a_selected_build_that_passed_keeps_the_marts_good() -> None:
    """Tables it left alone are those that the whole build tested; what readers see is still the whole build's list."""
    build = passed_build([run(1), run(2, whole=False)])
    assert (build.invocation_id, build.relations) == ("run 2", ("marts.m1",))


def test_a_selected_build_does_not_make_good_a_failure() -> None:
    with pytest.raises(NotPublished, match="had 1 failed"):
        passed_build([run(1), run(2, failures=1), run(3, whole=False)])


def test_tables_written_without_their_tests_are_not_shown() -> None:
    with pytest.raises(NotPublished, match=r"`dbt run` .* left out tests"):
        passed_build([run(1), run(2, command="run", whole=False, tested=False)])


def test_a_test_run_says_something_only_when_it_fails() -> None:
    assert passed_build([run(1), run(2, command="test", whole=False)]).invocation_id == "run 2"
    with pytest.raises(NotPublished, match=r"`dbt test` .* had 1 failed"):
        passed_build([run(1), run(2, command="test", whole=False, failures=1)])


def part(number: int, nodes: str, command: str = "build", **more: Any) -> BuildRun:
    return run(number, command=command, whole=False, nodes=nodes, **more)


@pytest.mark.parametrize("wrong", [{"failures": 1}, {"finished": False}])
def test_a_part_that_failed_or_was_killed_is_made_good_by_a_later_one_of_the_same(wrong: dict[str, Any]) -> None:
    runs = [run(1), part(2, "water tests", **wrong)]
    with pytest.raises(NotPublished):
        passed_build(runs)
    with pytest.raises(NotPublished):
        passed_build([*runs, part(3, "water")])
    assert passed_build([*runs, part(3, "water tests gas")]).invocation_id == "run 3"
    assert passed_build([*runs, part(3, "water"), part(4, "tests gas")]).invocation_id == "run 4"


def test_a_part_is_not_made_good_by_what_went_before_it_or_failed_as_well() -> None:
    with pytest.raises(NotPublished):
        passed_build([run(1), part(2, "water"), part(3, "water", failures=1)])
    with pytest.raises(NotPublished):
        passed_build([run(1), part(2, "water", failures=1), part(3, "water", failures=1)])
    with pytest.raises(NotPublished):
        passed_build([run(1), part(2, "water", failures=1), part(3, "water", command="run", tested=False)])


def test_a_model_that_was_run_without_its_tests_is_made_good_by_a_tested_build_of_it() -> None:
    untested = part(2, "water", command="run", tested=False)
    assert passed_build([run(1), untested, part(3, "water tests")]).invocation_id == "run 3"


def test_another_part_does_not_hide_the_failure_of_this_one() -> None:
    with pytest.raises(NotPublished, match="02:00:00 UTC had 1 failed"):
        passed_build([run(1), part(2, "water", failures=1), part(3, "gas")])


def test_a_part_as_of_another_day_is_not_mixed_into_the_whole() -> None:
    of_another_day = part(2, "water", variables='{"known_at": "2026-01-01"}')
    with pytest.raises(NotPublished, match="other reference_date or known_at"):
        passed_build([run(1), of_another_day])
    assert passed_build([run(1), of_another_day, part(3, "water")]).invocation_id == "run 3"
    # Nor is a part of today mixed into a whole of another day.
    whole = run(1, variables='{"known_at": "2026-01-01"}')
    with pytest.raises(NotPublished, match="other reference_date or known_at"):
        passed_build([whole, part(2, "water")])
    assert passed_build([whole, part(2, "water"), run(3)]).invocation_id == "run 3"


def test_other_vars_and_tests_alone_mix_nothing() -> None:
    runs = [run(1), part(2, "water", variables='{"abbanoa_gap_minutes": "30"}')]
    assert passed_build(runs).invocation_id == "run 2"
    tested = part(2, "tests", command="test", variables='{"known_at": "2026-01-01"}')
    assert passed_build([run(1), tested]).invocation_id == "run 2"
