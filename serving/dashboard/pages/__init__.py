"""Which pages there are and in which order; each is the file of its name in this folder."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
TITLES = {
    "overview": ("Overview", ":material/dashboard:"),
    "consumption": ("Consumption", ":material/electric_meter:"),
    "bills": ("Bills", ":material/receipt_long:"),
    "weather": ("Weather", ":material/thermostat:"),
    "capacity": ("Gas capacity", ":material/valve:"),
    "water": ("Water", ":material/water_drop:"),
    "quality": ("Quality", ":material/fact_check:"),
    "tables": ("Tables", ":material/table:"),
    "sql": ("SQL", ":material/terminal:"),
}
"""Title and icon by name; the name is the page's path in the address, too."""
