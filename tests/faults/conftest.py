from tests.ingestion.conftest import _environment_put_back, duckdb_house, house  # noqa: F401
