"""Which build may be shown: the judgement alone, on runs written out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from publishing.builds import BuildRun, NotPublished, passed_build


def run(
    number: int,
    command: str = "build",
    whole: bool = True,
    tested: bool = True,
    finished: bool = True,
    failures: int | None = 0,
) -> BuildRun:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    return BuildRun(
        f"run {number}", command, "{}", whole, tested, f'["marts.m{number}"]', at, at if finished else None,
        failures if finished else None,
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
