"""python -m serving.watch: judges the newest publication, tells what is wrong and what is over.

Exit codes: 0 judged (whatever was found), 1 the published copy cannot be read, 2 usage or configuration.
"""

from __future__ import annotations

import sys

from ingestion.errors import LandingError
from serving.published import open_published
from serving.watch import judge


def main() -> int:
    try:
        published = open_published()
        try:
            judged = judge(published)
        finally:
            published.close()
    except LandingError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for key in judged.wrong:
        print(f"wrong: {key}")
    for key in judged.over:
        print(f"over:  {key}")
    if not (judged.wrong or judged.over):
        print("Nothing is wrong.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
