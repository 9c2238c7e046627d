"""`python -m serving.api.working JOB.json`: carries out a job as a person would: land, then build."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ingestion.settings import ROOT
from serving.api.jobs import Job, load, save
from serving.journal import now

LAST_LETTERS = 500


def steps(job: Job) -> Iterator[tuple[str, list[str]]]:
    """(what it is, arguments of Python), in order."""
    sources = job.sources or ["all"]
    for source in sources:
        yield f"land {source}", ["-m", "ingestion", "land", source]
    yield "build", ["-m", "publishing", "build", *(["--full-refresh"] if job.is_full_refresh else [])]


def work(path: Path) -> int:
    """Every landing is tried, as one that fails stops no other; what landed is built. 0 when all went well."""
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    job = load(path)
    job.status, job.started_at = "running", now()
    save(job, path.parent)
    failed = []
    for name, arguments in steps(job):
        done = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        print(f"--- {name}: exit code {done.returncode}\n{done.stdout}{done.stderr}", flush=True)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            failed.append(f"{name} ended with {done.returncode}: {said[-1] if said else 'no word'}"[:LAST_LETTERS])
    job.status, job.finished_at, job.message = "failed" if failed else "success", now(), "\n".join(failed)
    save(job, path.parent)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(work(Path(sys.argv[1])))
