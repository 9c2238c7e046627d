"""Prints the address of Airflow's metadata database, password included: Airflow runs this as `..._CONN_CMD`.

    python metadata_url.py DRIVER USER HOST:PORT DATABASE PASSWORD_FILE CA_FILE

The mode of TLS stands in the address. Left out, libpq would take it from PGSSLMODE and PGSSLROOTCERT, which belong to
the warehouse and may name a server elsewhere with another authority.
"""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import quote, urlencode


def main(driver: str, user: str, place: str, database: str, password_file: str, ca_file: str) -> int:
    password = Path(password_file).read_text(encoding="utf-8").strip()
    if not password:
        print(f"{password_file} is empty", file=sys.stderr)
        return 1
    tls = urlencode({"sslmode": "verify-full", "sslrootcert": ca_file})
    print(f"{driver}://{user}:{quote(password, safe='')}@{place}/{database}?{tls}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
