"""Health check of an Airflow service: asks an address, and looks at one component if it is named.

    python health.py URL [COMPONENT]

Exit code 0 when healthy. `airflow jobs check` asks the same and costs 5 CPU seconds of imports each time; this costs a
few hundredths. The triggerer and the DAG processor serve nothing themselves: the API server tells by their heartbeats
in the metadata database.
"""

from __future__ import annotations

import json
import sys
from urllib.request import urlopen

SECONDS = 8


def main(url: str, component: str = "") -> int:
    try:
        with urlopen(url, timeout=SECONDS) as answer:  # anything but 200 raises
            body = answer.read()
        status = json.loads(body)[component]["status"] if component else "healthy"
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{url} {component}: {error!r}", file=sys.stderr)
        return 1
    print(f"{component or url}: {status}")
    return 0 if status == "healthy" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
