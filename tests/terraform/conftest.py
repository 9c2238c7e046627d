"""One emulator of AWS, and each variable set applied to it once: twice applied, looked at, destroyed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TERRAFORM = ROOT / "terraform"
MIRRORS = (
    "/opt/tf-plugins",
    "~/.terraform.d/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
)
OVERRIDE = """
terraform {
  backend "local" {}
}

provider "aws" {
  access_key                  = "synthetic"
  secret_key                  = "synthetic"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}
"""
MORE = {
    "small": {},
    "production": {
        "github_subjects": ["repo:utility/meterhouse:environment:production"],
        "alarm_emails": ["on-call@example.org"],
        "scheduler": {"image": f"registry.example.org/meterhouse@sha256:{'a' * 64}", "schedule": "rate(30 minutes)"},
        # So that it can be destroyed at the end.
        "is_protected": True,
    },
}  # fmt: skip


def mirror() -> Path:
    """The folder that holds the AWS provider; a test without terraform or provider says so and is skipped."""
    if not shutil.which("terraform"):
        pytest.skip("terraform is not installed")
    named = os.environ.get("TERRAFORM_PLUGIN_DIR")
    for place in (named,) if named else MIRRORS:
        found = Path(place).expanduser() / "registry.terraform.io" / "hashicorp" / "aws" / "5.100.0"
        if found.is_dir():
            return Path(place).expanduser()
    pytest.skip(
        f"no mirror of the AWS provider 5.100.0 in {named or ', '.join(MIRRORS)}; TERRAFORM_PLUGIN_DIR names one"
    )


@dataclass(frozen=True)
class Applied:
    """A folder with everything applied."""

    name: str
    folder: Path
    env: dict[str, str]

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            ["terraform", *arguments], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == code, f"terraform {arguments[0]}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout

    @property
    def given(self) -> list[str]:
        return ["-input=false", "-no-color", f"-var-file=environments/{self.name}.tfvars", "-var-file=more.tfvars.json"]

    def client(self, service: str) -> Any:
        import boto3

        return boto3.client(
            service, region_name="eu-west-1", endpoint_url=self.env["AWS_ENDPOINT_URL"],
            aws_access_key_id="synthetic", aws_secret_access_key="synthetic",
        )  # fmt: skip


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("emulator") / "log"
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "emulator.py"), str(port)], stdout=said, stderr=said
        )
    try:
        deadline = time.monotonic() + 90
        while True:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def prepared(name: str, folder: Path, emulator: str) -> Applied:
    """A copy of the tree, pointed at the emulator and initialised from the mirror."""
    plugins = mirror()
    copy = folder / "terraform"
    shutil.copytree(TERRAFORM, copy, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*"))
    (copy / "emulator_override.tf").write_text(OVERRIDE)
    (copy / "more.tfvars.json").write_text(json.dumps(MORE[name]))
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "TF_"))}
    env = {
        **kept,
        "AWS_ENDPOINT_URL": emulator,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
    }
    applied = Applied(name, copy, env)
    applied.run("init", "-input=false", "-no-color", f"-plugin-dir={plugins}")
    return applied


@pytest.fixture(scope="module", params=["small", "production"])
def applied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, emulator: str) -> Applied:
    name = str(request.param)
    one = prepared(name, tmp_path_factory.mktemp(name), emulator)
    one.run("validate", "-no-color")
    one.run("apply", "-auto-approve", *one.given)
    return one
