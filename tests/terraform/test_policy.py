"""The policy scan: checkov finds nothing, and what it is told to pass over has a reason beside it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.own_environment import installed

ROOT = Path(__file__).resolve().parents[2]
TERRAFORM = ROOT / "terraform"


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    python = installed(tmp_path_factory.mktemp("checkov"), "checkov==3.3.30")
    command = [
        str(python.with_name("checkov")), "--directory", str(TERRAFORM), "--framework", "terraform", "--output", "json",
        "--var-file", str(TERRAFORM / "environments" / "production.tfvars"), "--skip-download", "--quiet",
    ]  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BC_", "CKV_"))}
    done = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=280)
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def test_the_scan_sees_the_cloud_and_finds_nothing(scan: dict[str, Any]) -> None:
    failed = [(one["check_id"], one["resource"], one["check_name"]) for one in scan["results"]["failed_checks"]]
    assert failed == []
    assert scan["summary"]["parsing_errors"] == 0
    assert scan["summary"]["resource_count"] > 60
    assert scan["summary"]["passed"] > 250


def test_what_is_passed_over_has_its_reason() -> None:
    skips = [
        skip.partition(":")
        for path in TERRAFORM.rglob("*.tf")
        for skip in re.findall(r"#checkov:skip=(.*)", path.read_text(encoding="utf-8"))
    ]
    assert skips
    assert [check for check, _, reason in skips if len(reason.split()) < 5] == []
