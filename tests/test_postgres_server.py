"""The test server itself: if it cannot start, this says so first."""

from tests.conftest import TestWarehouse


def test_each_test_has_an_empty_warehouse_of_its_own(warehouse: TestWarehouse) -> None:
    warehouse.query("create table here (x integer)")
    warehouse.query("insert into here values (1)")
    assert warehouse.query("select x from here") == [(1,)]


def test_a_wrong_password_is_refused(postgres: dict[str, str]) -> None:
    import psycopg2
    import pytest

    from tests.postgres_server import connect

    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        connect({**postgres, "PGPASSWORD": "wrong"})
