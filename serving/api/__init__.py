"""The published marts and ledgers over HTTP, for programs: JSON, CSV and Arrow (docs/decisions/0026-api.md).

`routes/` says which address shows which table by which filters; `listing.py` makes pages of it, `answers.py` the bytes,
`cache.py` keeps them until another build is published. `keys.py`, `limits.py` and `audit.py` are the door, `jobs.py`
starts landings and builds, `metrics.py` tells Prometheus. `make api` starts it. No business rule is computed here.
"""
