"""Settings of the operations room alone; the warehouse, the lake and the key are set as for landing."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from ingestion.errors import ConfigurationError
from ingestion.settings import Settings, absolute, read

ROLES = ("loader", "transformer", "reader", "explorer", "security")


class OperationsSettings(Settings):
    """Where PostgreSQL's programs are, and the passwords of the roles: each as a value or as a file that holds it."""

    meterhouse_postgres_bin: Path | None = None
    """Folder of pg_dump and pg_restore; default: looked for (see `programs.py`)."""
    meterhouse_loader_password: SecretStr | None = None
    meterhouse_loader_password_file: Path | None = None
    meterhouse_transformer_password: SecretStr | None = None
    meterhouse_transformer_password_file: Path | None = None
    meterhouse_reader_password: SecretStr | None = None
    meterhouse_reader_password_file: Path | None = None
    meterhouse_explorer_password: SecretStr | None = None
    meterhouse_explorer_password_file: Path | None = None
    meterhouse_security_password: SecretStr | None = None
    meterhouse_security_password_file: Path | None = None


def passwords() -> dict[str, SecretStr]:
    """The passwords that are set, by role; raises ConfigurationError naming a variable whose file cannot be used."""
    settings = read(OperationsSettings)
    found: dict[str, SecretStr] = {}
    for role in ROLES:
        given: SecretStr | None = getattr(settings, f"meterhouse_{role}_password")
        file: Path | None = getattr(settings, f"meterhouse_{role}_password_file")
        variable = f"METERHOUSE_{role.upper()}_PASSWORD"
        if given and file:
            raise ConfigurationError("CONFIG_SETTING", f"{variable} and {variable}_FILE are both set: unset one")
        if file:
            try:
                text = absolute(file).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(
                    "CONFIG_SETTING", f"{variable}_FILE: {file} cannot be read ({type(error).__name__})"
                ) from None
            if not text:
                raise ConfigurationError("CONFIG_SETTING", f"{variable}_FILE: {file} is empty")
            given = SecretStr(text)
        if given:
            found[role] = given
    return found
