"""The entry that Streamlit runs: which pages there are, and in which order."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

PAGES = Path(__file__).parent / "pages"
TITLES = {
    "overview": ("Overview", ":material/dashboard:"),
    "consumption": ("Consumption", ":material/electric_meter:"),
    "bills": ("Bills", ":material/receipt_long:"),
    "weather": ("Weather", ":material/thermostat:"),
    "capacity": ("Gas capacity", ":material/valve:"),
    "water": ("Water", ":material/water_drop:"),
}

st.set_page_config(page_title="Meterhouse", page_icon=":material/speed:", layout="wide")
st.navigation(
    [
        st.Page(PAGES / f"{name}.py", title=title, icon=icon, url_path=name, default=name == "overview")
        for name, (title, icon) in TITLES.items()
    ]
).run()
