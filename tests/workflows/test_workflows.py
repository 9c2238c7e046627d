"""What can be held of GitHub's workflows without GitHub: schema, rights, pins, and that they run what is there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.y*ml"))
NAMES = [path.name for path in FILES]
# Looked up in a clone of each repository: `git rev-parse <version>^{commit}`.
PINS = {
    "actions/checkout": ("08c6903cd8c0fde910a37f88322edcfb5dd907a8", "v5.0.0"),
    "actions/download-artifact": ("3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "v8.0.1"),
    "actions/setup-python": ("e797f83bcb11b83ae66e0230d6156d7c80228e7c", "v6.0.0"),
    "actions/upload-artifact": ("bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", "v7.0.0"),
    "aws-actions/configure-aws-credentials": ("e6de054238d6b7531b4efff3b6587d9aade6a06c", "v6.2.3"),
    "hashicorp/setup-terraform": ("dfe3c3f87815947d99a8997f908cb6525fc44e9e", "v4.0.1"),
}
# What a job may have beyond reading the code, by workflow and job.
WRITES = {
    ("nightly.yaml", "tell"): {"issues": "write"},
    ("deploy.yaml", "plan"): {"id-token": "write"},
    ("deploy.yaml", "apply"): {"id-token": "write"},
    ("deploy.yaml", "images"): {"id-token": "write"},
}


def read(name: str) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return loaded


def events(name: str) -> dict[str, Any]:
    """The `on:` of a workflow, which YAML 1.1 takes for true."""
    found = read(name)[True]
    return dict(found)


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name in NAMES:
        for job, content in read(name)["jobs"].items():
            yield name, job, content


JOBS = list(jobs())
IDS = [f"{name}-{job}" for name, job, _ in JOBS]


def scripts() -> list[tuple[str, str]]:
    return [(name, step["run"]) for name, _, job in JOBS for step in job["steps"] if "run" in step]


def test_there_are_three() -> None:
    assert NAMES == ["ci.yaml", "deploy.yaml", "nightly.yaml"]


def test_workflows_are_of_the_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*command, *map(str, FILES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_refuses_a_workflow_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump({"on": ["push"], "jobs": {"test": {"runs": "ubuntu-24.04"}}}), encoding="utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    assert subprocess.run([*command, str(path)], capture_output=True, text=True).returncode == 1


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_the_pinned_commits_and_say_their_version(name: str) -> None:
    used = re.findall(r"^\s*(?:- )?uses:\s*(.*)$", (FOLDER / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert used
    assert [one for one in used if one not in {f"{repo}@{sha} # {tag}" for repo, (sha, tag) in PINS.items()}] == []


def test_no_pin_is_kept_that_nothing_uses() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in FILES)
    assert [repo for repo in PINS if f"{repo}@" not in text] == []


@pytest.mark.parametrize(("name", "job", "content"), JOBS, ids=IDS)
def test_a_job_has_the_least_rights(name: str, job: str, content: dict[str, Any]) -> None:
    top = read(name)["permissions"]
    assert top in ({}, {"contents": "read"}), "what is not listed is denied"
    rights = dict(content.get("permissions", top))
    reads = {} if rights.pop("contents", None) is None else {"contents": "read"}
    assert rights == WRITES.get((name, job), {})
    checks_out = any("actions/checkout" in step.get("uses", "") for step in content["steps"])
    assert bool(reads) == checks_out
    assert content.get("permissions", top).get("contents", "read") == "read"


def test_only_deploy_may_ask_for_a_token_of_identity() -> None:
    assert {name for name, _, job in JOBS if "id-token" in job.get("permissions", {})} == {"deploy.yaml"}
    assert not [name for name in NAMES if "id-token" in read(name)["permissions"]]


@pytest.mark.parametrize(("name", "job", "content"), JOBS, ids=IDS)
def test_a_job_has_an_end_and_a_fixed_runner(name: str, job: str, content: dict[str, Any]) -> None:
    assert 0 < content["timeout-minutes"] <= 90
    assert content["runs-on"] == "ubuntu-24.04"


@pytest.mark.parametrize(("name", "job", "content"), JOBS, ids=IDS)
def test_a_checkout_leaves_no_credentials(name: str, job: str, content: dict[str, Any]) -> None:
    checkouts = [step for step in content["steps"] if "actions/checkout" in step.get("uses", "")]
    assert [step for step in checkouts if step["with"]["persist-credentials"] is not False] == []


def test_no_key_of_aws_is_kept_anywhere() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in FILES)
    assert re.findall(r"(?i)aws[_-]?(?:access[_-]?key|secret|session)\w*|AKIA\w+", text) == []
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"SOCRATA_APP_TOKEN"}
    assumed = [
        step["with"]
        for _, _, job in JOBS
        for step in job["steps"]
        if "configure-aws-credentials" in step.get("uses", "")
    ]
    assert sorted(one["role-to-assume"] for one in assumed) == [
        "${{ vars.AWS_APPLY_ROLE }}", "${{ vars.AWS_IMAGES_ROLE }}", "${{ vars.AWS_PLAN_ROLE }}",
    ]  # fmt: skip


def test_nothing_is_deployed_that_the_tests_have_not_passed() -> None:
    assert events("deploy.yaml") == {
        "workflow_run": {"workflows": ["ci"], "types": ["completed"], "branches": ["main"]}
    }
    assert read("ci.yaml")["name"] == "ci"
    assert events("ci.yaml").keys() == {"push", "pull_request"}
    found = read("deploy.yaml")["jobs"]
    first = [job for job in found.values() if "needs" not in job]
    asked = "".join(first[0]["if"].split())
    for condition in (
        "github.event.workflow_run.conclusion=='success'",
        "github.event.workflow_run.event=='push'",
        "github.event.workflow_run.head_branch=='main'",
        "github.event.workflow_run.head_repository.full_name==github.repository",
    ):
        assert condition in asked.split("&&")
    assert "||" not in asked
    assert len(first) == 1
    # A job that needs another is skipped with it, unless its own condition says otherwise.
    assert [name for name, job in found.items() if "needs" in job and "if" in job] == []
    # A test that fails fails ci: no step of it may be passed over.
    assert "continue-on-error" not in (FOLDER / "ci.yaml").read_text(encoding="utf-8")


def test_what_is_deployed_is_the_commit_that_passed() -> None:
    for job in read("deploy.yaml")["jobs"].values():
        (checkout,) = [step for step in job["steps"] if "actions/checkout" in step.get("uses", "")]
        assert checkout["with"]["ref"] == "${{ github.event.workflow_run.head_sha }}"


def test_a_plan_is_read_before_it_is_applied_and_no_other_is() -> None:
    found = read("deploy.yaml")["jobs"]
    plan, apply = found["plan"], found["apply"]
    assert apply["needs"] == "plan"
    assert apply["environment"] == "${{ matrix.environment }}"
    assert plan["environment"] == "${{ matrix.environment }}-plan"
    kept = next(step["with"] for step in plan["steps"] if "upload-artifact" in step.get("uses", ""))
    taken = next(step["with"] for step in apply["steps"] if "download-artifact" in step.get("uses", ""))
    assert kept["name"] == taken["name"]
    assert "terraform/plan.tfplan" in kept["path"].split()
    run = "".join(step.get("run", "") for step in apply["steps"])
    assert "terraform apply -input=false plan.tfplan" in run
    assert "-auto-approve" not in run
    assert "terraform apply" not in "".join(step.get("run", "") for step in plan["steps"])


@pytest.mark.parametrize(("name", "cancels"), [("ci.yaml", True), ("deploy.yaml", False), ("nightly.yaml", False)])
def test_runs_do_not_get_in_each_others_way(name: str, cancels: bool) -> None:
    assert read(name)["concurrency"]["cancel-in-progress"] is cancels


def test_no_word_of_others_is_pasted_into_a_script() -> None:
    """Values reach a script as variables of the environment: text of an event could be a command."""
    assert [(name, run) for name, run in scripts() if "${{" in run] == []


def test_what_is_run_is_there() -> None:
    verbs = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    lines = [line.strip() for _, run in scripts() for line in run.splitlines()]
    asked = {verb for line in lines for verb in re.findall(r"^make (\w+)", line)}
    assert {"lint", "setup", "build", "freshness", "docs"} == asked <= verbs
    files = {word for line in lines for word in re.findall(r"^(\.[\w/-]+)", line) if not word.startswith(".venv")}
    assert files == {".ci/run"}
    assert all((ROOT / name).is_file() for name in files)
    modules = {found for line in lines for found in re.findall(r"python -m (\w+)(?: (\w+))?", line)}
    assert modules == {("ingestion", "land"), ("publishing", "summary")}
    for module, verb in modules:
        done = subprocess.run([sys.executable, "-m", module, verb, "--help"], cwd=ROOT, capture_output=True)
        assert done.returncode == 0
    pages = {page for _, run in scripts() for page in re.findall(r"[\w-]+\.md", run)}
    assert all((ROOT / "docs" / "runbooks" / page).is_file() for page in pages)


def test_the_nightly_build_asks_the_live_portal() -> None:
    build = read("nightly.yaml")["jobs"]["build"]
    assert build["env"] == {"SOCRATA_DOMAIN": "data.winnipeg.ca", "SOCRATA_DATASET_ID": "49ge-5j9g"}
    told = read("nightly.yaml")["jobs"]["tell"]
    assert (told["needs"], told["if"]) == ("build", "${{ !cancelled() }}"), "a failure is told"


def test_what_a_night_leaves_holds_no_rows_of_customers() -> None:
    kept = [
        step["with"]["path"].split()
        for _, _, job in JOBS
        for step in job["steps"]
        if "upload-artifact" in step.get("uses", "")
    ]
    assert sorted(path for paths in kept for path in paths) == [
        # Screenshots are of the sample world: only ci.yaml keeps them.
        "docs/site", "logs", "target/run_results.json", "target/screenshots", "target/tests.xml",
        "terraform/plan.tfplan", "terraform/plan.txt",
    ]  # fmt: skip


GH = """#!/bin/sh
echo "$*" | cut -d' ' -f1-3 >>"$CALLS"
case "$2" in list) printf '%s' "$OPEN";; esac
"""


@pytest.mark.parametrize(
    ("result", "open_issue", "calls"),
    [
        ("failure", "", ["issue list --state", "issue create --title"]),
        ("failure", "7", ["issue list --state", "issue comment 7"]),
        ("success", "7", ["issue list --state", "issue close 7"]),
        ("success", "", ["issue list --state"]),
    ],
)
def test_one_issue_is_open_while_nights_fail(tmp_path: Path, result: str, open_issue: str, calls: list[str]) -> None:
    """The script itself, with a stand-in for `gh` that writes down what it was asked."""
    (tmp_path / "gh").write_text(GH, encoding="utf-8")
    (tmp_path / "gh").chmod(0o755)
    job = read("nightly.yaml")["jobs"]["tell"]
    env = {
        "PATH": f"{tmp_path}:/usr/bin:/bin", "CALLS": str(tmp_path / "calls"), "OPEN": open_issue, "RESULT": result,
        "RUN_URL": "https://github.example/run/1", "TITLE": job["env"]["TITLE"],
    }  # fmt: skip
    subprocess.run(["bash", "-eo", "pipefail", "-c", job["steps"][0]["run"]], env=env, check=True)
    assert (tmp_path / "calls").read_text(encoding="utf-8").splitlines() == calls


@pytest.mark.parametrize(("name", "run"), scripts())
def test_scripts_are_shell(name: str, run: str) -> None:
    assert subprocess.run(["bash", "-n"], input=run, text=True).returncode == 0
