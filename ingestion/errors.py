"""What ends a landing, with the exit code it ends with. Messages hold neither credentials nor personal data."""

from __future__ import annotations

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BUSY = 75


class LandingError(Exception):
    """Nothing (more) can be landed. `code` is stable and starts with its class; the message says what to do next."""

    exit_code = EXIT_FAILED

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class ConfigurationError(LandingError):
    """A setting is missing or bad; the message names its variable."""

    exit_code = EXIT_USAGE


class WarehouseError(LandingError):
    """The warehouse cannot be reached, read or written."""


class LockedError(WarehouseError):
    """Another session held a table for longer than this one waits for it."""


class BusyError(LandingError):
    """Another run holds the warehouse; the message says which."""

    exit_code = EXIT_BUSY
