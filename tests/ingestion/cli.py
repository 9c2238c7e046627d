"""The real command line with the fake source beside the real ones: `python tests/ingestion/cli.py land fake`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import ingestion.sources
from ingestion.__main__ import main

ingestion.sources.__path__.append(str(Path(__file__).parent / "fake_sources"))

if __name__ == "__main__":
    sys.exit(main())
