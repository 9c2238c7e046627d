"""What the tree must not contain, and what it says of itself."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def tracked() -> list[Path]:
    """Files of the repository, those not yet committed included; ignored ones are not."""
    listing = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [path for name in listing.stdout.splitlines() if (path := ROOT / name).is_file() and path.name != "uv.lock"]


def matches(pattern: str, *suffixes: str) -> list[str]:
    found = []
    for path in tracked():
        if path == Path(__file__) or (suffixes and path.suffix not in suffixes):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="ignore").splitlines(), 1):
            if re.search(pattern, line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    return found


def test_no_path_of_a_machine_stands_in_the_tree() -> None:
    assert matches(r"(?<![\w.])/(home|Users|root|work)/\w") == []


def test_nothing_turns_tls_verification_off() -> None:
    found = matches(r"verify\s*=\s*False|CERT_NONE|_create_unverified_context", ".py")
    assert [line for line in found if not line.startswith("tests/")] == []


def test_help_lists_every_verb() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)
    assert phony is not None
    verbs = phony[1].split()
    printed = subprocess.run(["make", "-C", str(ROOT), "help"], capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  make (\w+) ", printed, flags=re.MULTILINE) == verbs
    assert [verb for verb in verbs if not re.search(rf"^{verb}:", makefile, flags=re.MULTILINE)] == []


def test_actions_are_pinned_by_commit() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yaml"):
        jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
        used = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
        assert [use for use in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", use)] == []
