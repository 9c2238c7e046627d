"""The entry that Streamlit runs: it shows the page that the address names.

It stands in a folder of its own: beside a folder `pages` Streamlit would take the first link to a page for that file
alone, and show neither the titles nor the order of this navigation.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from serving.dashboard.pages import FOLDER, TITLES

FIRST = next(iter(TITLES))

# A picture of our own, and before the navigation: browsers would else fetch the page's icon from a server of Google's.
st.set_page_config(page_icon=Path(__file__).with_name("icon.svg"), layout="wide")
shown = st.navigation(
    [
        st.Page(
            FOLDER / f"{name}.py", title=title, icon=icon, url_path="" if name == FIRST else name, default=name == FIRST
        )
        for name, (title, icon) in TITLES.items()
    ]
    # Streamlit serves the first page at / only: links by its name must find it, too.
    + [st.Page(FOLDER / f"{FIRST}.py", title=TITLES[FIRST][0], url_path=FIRST, visibility="hidden")]
)
st.set_page_config(page_title=f"{shown.title} · Meterhouse")
shown.run()
