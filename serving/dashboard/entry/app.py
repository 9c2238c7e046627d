"""What Streamlit is given to run: `serving/dashboard/app.py`, from a folder that has no `pages` beside it.

Until a process has drawn its first page, Streamlit takes a folder `pages` beside its script for pages of their own: the
first person to open a link to a page would see that page without app.py, narrow and under other names.
"""

from __future__ import annotations

import runpy
from pathlib import Path

# Not imported: Streamlit runs this file at each click, and an import happens once.
runpy.run_path(str(Path(__file__).resolve().parents[1] / "app.py"), run_name="__main__")
