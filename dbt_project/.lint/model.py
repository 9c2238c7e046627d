"""What sqlfluff sees instead of the model being compiled."""

from __future__ import annotations

columns: dict[str, dict[str, object]] = {}
resource_type = "model"
