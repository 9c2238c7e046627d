"""Makes the bucket of the lake when it is not there yet. LAKE_URL and the AWS_ variables say which and where.

python bucket.py
"""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit


def main() -> int:
    import s3fs

    lake = urlsplit(os.environ["LAKE_URL"])
    if lake.scheme != "s3":
        print(f"the lake is no bucket: {lake.geturl()}")
        return 0
    store = s3fs.S3FileSystem(use_listings_cache=False)
    if store.exists(lake.netloc):
        print(f"bucket {lake.netloc} is there")
    else:
        store.mkdir(lake.netloc, create_parents=True)
        print(f"bucket {lake.netloc} made")
    return 0


if __name__ == "__main__":
    sys.exit(main())
