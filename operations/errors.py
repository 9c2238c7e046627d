"""What ends a backup, a restore or a drill."""

from __future__ import annotations

from ingestion.errors import LandingError


class BackupError(LandingError):
    """The backup cannot be made, or is not one to restore from; the message says what to do next."""
