"""`python -m serving.dashboard`: the dashboard on loopback, other flags of Streamlit after it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

APP = Path(__file__).parent / "entry" / "app.py"
ROOT = APP.parents[3]


def main() -> None:
    """Becomes Streamlit. Its settings stand in `.streamlit/config.toml`, which it looks for in the current folder."""
    os.chdir(ROOT)
    # Streamlit puts the folder of the script, not the root, on the path.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", str(APP), *sys.argv[1:]])


if __name__ == "__main__":
    main()
