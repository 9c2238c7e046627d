"""What the commands of tasks find in their environment: the same variables as everywhere, or Airflow's connections.

Connection `meterhouse_warehouse` (type postgres) stands for WAREHOUSE and PG*; `meterhouse_transformer`, or the
variables TRANSFORMER_PGUSER and TRANSFORMER_PGPASSWORD, for the role that builds and publishes, where that is another
than the one that lands; connection `meterhouse_<source>` holds variables of that source in its extra, for example
{"OPENWEATHER_API_KEY": "..."}. A connection wins over a variable, `.env` comes last. Values go to the environment of
the process that needs them and nowhere else.
"""

from __future__ import annotations

import os
import re
from typing import Any

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from dotenv import dotenv_values

from ingestion.settings import ENV_FILE

NAME = re.compile(r"[A-Z][A-Z0-9_]*")


def environment(source: str | None = None) -> dict[str, str]:
    """Variables for a command: a landing's, with those of its source, or, without a source, those of who builds."""
    given = {name: text for name, text in dotenv_values(ENV_FILE).items() if text}
    given.update({name: text for name, text in os.environ.items() if text})
    # Airflow's own secrets and settings are no business of a command.
    given = {name: text for name, text in given.items() if not name.startswith(("AIRFLOW__", "_AIRFLOW"))}
    if warehouse := _connection("meterhouse_warehouse"):
        given.update(_of_warehouse(warehouse))
    if source is None:
        builder = {name: given.get(f"TRANSFORMER_{name}") for name in ("PGUSER", "PGPASSWORD")}
        given.update({name: text for name, text in builder.items() if text})
        if transformer := _connection("meterhouse_transformer"):
            given.update(_of_warehouse(transformer))
    given = {name: text for name, text in given.items() if not name.startswith("TRANSFORMER_")}
    if source and (connection := _connection(f"meterhouse_{source}")):
        given.update({name: str(text) for name, text in connection.extra_dejson.items() if NAME.fullmatch(name)})
    return given


def _connection(name: str) -> Any:
    try:
        return Connection.get(name)
    except AirflowNotFoundException:
        return None


def _of_warehouse(connection: Any) -> dict[str, str]:
    fields = {
        "PGHOST": connection.host,
        "PGPORT": connection.port,
        "PGUSER": connection.login,
        "PGPASSWORD": connection.password,
        "PGDATABASE": connection.schema,
        "PGSSLMODE": connection.extra_dejson.get("sslmode"),
        "PGSSLROOTCERT": connection.extra_dejson.get("sslrootcert"),
    }
    return {"WAREHOUSE": "postgres", **{name: str(value) for name, value in fields.items() if value}}
