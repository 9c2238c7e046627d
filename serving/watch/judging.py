"""What the rules find becomes faults; faults of theirs that they find no longer are over."""

from __future__ import annotations

from dataclasses import dataclass

from alerting import Fault, open_faults, raise_fault, resolve_fault
from serving.published import Published
from serving.watch.rules import RULES


@dataclass(frozen=True)
class Judged:
    """Keys of what is wrong, and of what was and is no longer."""

    wrong: tuple[str, ...]
    over: tuple[str, ...]


def judge(published: Published) -> Judged:
    """Raises NotPublished or WarehouseError before anything is told: what cannot be read is not over."""
    found = [(rule, one) for rule in RULES for one in rule.find(published)]
    before = {fault.key for fault in open_faults()}
    wrong = []
    for rule, one in found:
        # The task that landed it has told of it by its own name.
        if rule.name == "run" and f"land_{one.subject.rpartition('/')[2]}/land" in before:
            continue
        key = f"{rule.name}/{one.subject}"
        wrong.append(key)
        raise_fault(Fault(key, one.severity, one.title, one.detail, rule.owner, rule.playbook))
    ours = tuple(f"{rule.name}/" for rule in RULES)
    over = sorted(key for key in before if key.startswith(ours) and key not in wrong)
    for key in over:
        resolve_fault(key, "the newest published data no longer says so")
    return Judged(tuple(wrong), tuple(over))
