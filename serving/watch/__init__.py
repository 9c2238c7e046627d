"""Alerts over the ledgers: each rule says whose it is, which playbook helps, and what is wrong in the published copy.

`python -m serving.watch` judges the newest publication: what is wrong is told once, updated while it lasts, and told to
be over when the data says so (docs/decisions/0017-alerts.md). The publish DAG and the systemd unit run it.
"""

from serving.watch.judging import Judged, judge
from serving.watch.rules import RULES, Found, Rule

__all__ = ["RULES", "Found", "Judged", "Rule", "judge"]
