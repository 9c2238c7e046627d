"""What sqlfluff puts in the place of macros: it checks how SQL is written, not what a macro writes.

Each macro of the project becomes a function that returns its own call, which reads as an expression or a table
function; no warehouse is needed. sqlfluff wants these names in the package itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

MACROS = Path(__file__).resolve().parents[1] / "macros"
# These stand where a statement or a literal is wanted.
TEXTS: dict[str, Any] = {
    "typed": "select given.* from given",
    "completed_loads": "select given.load_id from given",
    "load_times": "select given.load_id, given.landed_at from given",
    "load_watermark": "'0'",
    "reference_date": "current_date",
    "known_at": "current_timestamp",
    "instants": "select given.starts_at from given",
    "declared_columns": "select given.column_name from given",
    "expected_tables": "select given.source from given",
    "row_indexes": "",
    "balance": "select given.source",
    "history": "versions as (select given.* from {0} as given cross join {1} as other)",
    "delivery_order": "given.delivered_at nulls last",
    # What is found by walking the project: nothing, without one.
    "raw_tables": [],
    "staged_tables": [],
    "table_watermarks": {},
}


def stub(name: str) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        text = TEXTS.get(name, f"{name}({', '.join(str(argument) for argument in arguments)})")
        return text.format(*arguments) if name == "history" else text

    return call


class _Namespace:
    """Stands for `dbt`: dbt.dateadd(...) reads as dateadd(...)."""

    def __getattr__(self, name: str) -> Callable[..., str]:
        return (lambda: "varchar") if name == "type_string" else stub(name)


dbt = _Namespace()
execute = False

for _file in MACROS.rglob("*.sql"):
    for _name in re.findall(r"{%-?\s*macro\s+(\w+)", _file.read_text(encoding="utf-8")):
        globals()[_name] = stub(_name)
