"""Models hold no dialect: what engines do differently stands in a macro with one promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
MODELS = sorted([*(PROJECT / "models").rglob("*.sql"), *(PROJECT / "tests").rglob("*.sql")])

FORBIDDEN = {
    r"safe_cast\s*\(": "a plain cast on our engines: parse_*",
    r"try_cast\s*\(": "PostgreSQL has none: parse_*",
    r"at time zone": "utc_to_local, local_date",
    r"::": "cast(x as type)",
    r"target\.(type|name)": "a dialect macro",
    r"\b(any_value|median|listagg|initcap|regexp_replace|regexp_like)\s*\(": "differs from engine to engine",
    r"extract\s*\(\s*(dow|isodow|epoch)": "differs from engine to engine",
    r"\\": "a backslash means another thing in another engine",
    r"\bdate_diff\s*\(|\bdatediff\s*\(": "days_between, seconds_between",
}


def code(path: Path) -> str:
    """The file without comments."""
    text = re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"--[^\n]*", "", text)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_no_model_speaks_a_dialect(path: Path) -> None:
    assert [why for pattern, why in FORBIDDEN.items() if re.search(pattern, code(path), flags=re.IGNORECASE)] == []


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_order_says_where_nulls_go(path: Path) -> None:
    assert [
        item for item in ordered_by(code(path)) if not re.search(r"nulls\s+(first|last)$", item, re.IGNORECASE)
    ] == []


def ordered_by(sql: str) -> list[str]:
    """Each expression after an `order by`, up to the end of its parenthesis; of a macro `..._order` none."""
    sql = re.sub(r"\{\{\s*(\w+_order)\(.*?\}\}", r"\1 nulls last", sql, flags=re.DOTALL)
    sql = re.sub(r"\{%.*?%\}", " ", re.sub(r"\{\{.*?\}\}", "x", sql, flags=re.DOTALL), flags=re.DOTALL)
    found = []
    for match in re.finditer(r"order\s+by\s", sql, flags=re.IGNORECASE):
        depth, item = 0, ""
        for character in sql[match.end() :]:
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth < 0 or (depth == 0 and re.search(r"\s(rows|range|limit)\s$", item, flags=re.IGNORECASE)):
                break
            if character == "," and depth == 0:
                found.append(item)
                item = ""
            else:
                item += character
        found.append(re.sub(r"\s(rows|range|limit)\s$", "", item, flags=re.IGNORECASE))
    return [" ".join(item.split()) for item in found]


def test_macros_of_order_say_where_nulls_go() -> None:
    found = [
        (name, item)
        for path in (PROJECT / "macros").rglob("*.sql")
        for name, body in re.findall(
            r"{%-? macro (\w+_order)\(.*?%}(.*?){%-? endmacro", path.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        for item in ordered_by(f" order by {body}")
    ]
    assert found
    assert [(name, item) for name, item in found if not re.search(r"nulls\s+(first|last)$", item)] == []


def test_the_lint_sees_a_bare_order() -> None:
    sql = "row_number() over (partition by a order by b desc nulls last, f(c, d)) order by {{ x }} nulls first"
    assert ordered_by(sql) == ["b desc nulls last", "f(c, d)", "x nulls first"]


def test_names_are_short_enough_for_postgres() -> None:
    """PostgreSQL cuts names at 63 characters, and dbt adds a suffix of its own."""
    assert [path.stem for path in (PROJECT / "models").rglob("*.sql") if len(path.stem) > 50] == []
