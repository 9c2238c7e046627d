"""The small houses and the sample world of the operations room."""

from tests.operations.conftest import (  # noqa: F401
    database,
    duckdb_house,
    postgres_house,
    server,
    small_house,
    template,
    world,
)
