"""A house in one PostgreSQL database, as each of its roles sees it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2.errors
import pytest

from tests.conftest import postgres_warehouse
from tests.end_to_end.conftest import House
from tests.operations.commands import as_role
from tests.postgres_server import execute

DENIED = psycopg2.errors.InsufficientPrivilege


@dataclass(frozen=True)
class RoledHouse:
    """A house in one database, seen by each role; `admin` are the PG* of the administrator."""

    admin: dict[str, str]
    world: Path
    folder: Path

    def of(self, role: str) -> House:
        return House(postgres_warehouse(self.folder, as_role(self.admin, role)), self.world, self.folder)

    def query(self, role: str, sql: str) -> list[tuple[Any, ...]]:
        return execute(self.admin if role == "admin" else as_role(self.admin, role), sql)

    def refused(self, role: str, sql: str) -> str:
        """The server's reason for refusing the statement; fails when it was carried out, or failed otherwise."""
        with pytest.raises(DENIED) as refusal:
            self.query(role, sql)
        return str(refusal.value.diag.message_primary)
