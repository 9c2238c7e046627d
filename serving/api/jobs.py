"""Landings and builds that a call starts: one at a time, by Airflow where there is one, else by this machine.

A job is a JSON file, so that its end can be asked for after the API was started anew. Instants are UTC.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from ingestion.settings import ROOT
from serving.api.airflow import Airflow
from serving.api.errors import ApiError
from serving.api.settings import ApiSettings
from serving.journal import now

Status = Literal["queued", "running", "success", "failed"]
KEPT = 200
ENDED = ("success", "failed")


@dataclass
class Job:
    """What was asked for, by whom, and how it goes."""

    id: str
    runner: Literal["local", "airflow"]
    sources: list[str]
    is_full_refresh: bool
    requested_by: str
    requested_at: str
    status: Status = "queued"
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    runs: dict[str, str] = field(default_factory=dict)
    """Airflow's names of the runs that were started, by DAG."""


def load(path: Path) -> Job:
    return Job(**json.loads(path.read_text(encoding="utf-8")))


def save(job: Job, folder: Path) -> None:
    """At once: a reader sees the job before or after, never in between."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = folder / f".{job.id}.{os.getpid()}"
    new.write_text(json.dumps(asdict(job)), encoding="utf-8")
    new.replace(folder / f"{job.id}.json")


class Jobs:
    """All jobs of this API, newest first."""

    def __init__(self, settings: ApiSettings) -> None:
        self.folder = settings.folder / "jobs"
        self._starting = threading.Lock()
        self._airflow: Airflow | None = None
        if settings.airflow_url:
            password = settings.airflow_password.get_secret_value() if settings.airflow_password else ""
            self._airflow = Airflow(settings.airflow_url, settings.airflow_user or "", password)

    def all(self) -> list[Job]:
        paths = sorted(self.folder.glob("*.json"), key=lambda path: path.name, reverse=True)
        return [self._seen(load(path)) for path in paths[:KEPT]]

    def one(self, number: str) -> Job:
        """Raises ApiError 404."""
        path = self.folder / f"{number}.json"
        # The number comes from an address: only what a listing of the folder gives is opened.
        if path not in list(self.folder.glob("*.json")):
            raise ApiError(404, "NO_SUCH_JOB", "There is no job of that number.")
        return self._seen(load(path))

    def start(self, sources: Sequence[str], is_full_refresh: bool, who: str) -> Job:
        """Raises ApiError 409 naming the job that runs, and 503 when Airflow does not answer."""
        with self._starting, self._alone():
            for job in self.all():
                if job.status not in ENDED:
                    raise _running(job.id)
            at = now()
            number = f"{at.translate(str.maketrans('', '', '-:.'))}-{secrets.token_hex(4)}"
            job = Job(number, "airflow" if self._airflow else "local", list(sources), is_full_refresh, who, at)
            if self._airflow:
                if run := self._airflow.under_way():
                    raise _running(run)
                job.started_at = at
                try:
                    job.runs = self._airflow.trigger(sources, is_full_refresh, f"api__{number}")
                    job.status = "running"
                except ApiError as error:
                    # Some of its runs may have begun: the job is on record, as one that did not start whole.
                    job.status, job.message, job.finished_at = "failed", error.message, now()
                    raise
                finally:
                    save(job, self.folder)
            else:
                save(job, self.folder)
                self._worker(job)
            self._forget()
            return job

    def _worker(self, job: Job) -> None:
        """A process that outlives this one: an API that is started anew must not end a landing."""
        path = self.folder / f"{job.id}.json"
        log = (self.folder / f"{job.id}.log").open("wb")
        with log:
            subprocess.Popen(
                [sys.executable, "-m", "serving.api.working", str(path)],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def _seen(self, job: Job) -> Job:
        """With what has become of it since it was written down."""
        if job.status in ENDED:
            return job
        if job.runner == "airflow":
            try:
                status, message = self._airflow.state(job.runs) if self._airflow else (job.status, job.message)
            except ApiError:
                return job  # how it goes is not known while Airflow is away; what is known is shown
            if status in ENDED:
                job.status, job.message, job.finished_at = status, message, now()
                save(job, self.folder)
        elif not is_held(self.folder / f"{job.id}.json") and not _is_young(self.folder / f"{job.id}.json"):
            job = load(self.folder / f"{job.id}.json")
            if job.status not in ENDED:
                job.status, job.finished_at = "failed", now()
                job.message = "Its process ended without a word; its log has the last lines."
                save(job, self.folder)
        return job

    def _alone(self) -> _Held:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _Held(self.folder / "starting.lock")

    def _forget(self) -> None:
        for path in sorted(self.folder.glob("*.json"), reverse=True)[KEPT:]:
            for kind in (".json", ".log", ".lock"):
                path.with_suffix(kind).unlink(missing_ok=True)


class _Held:
    """A lock between processes of one machine, for a moment."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *error: object) -> None:
        os.close(self._descriptor)


def is_held(job: Path) -> bool:
    """Whether a process works on the job: it holds the lock for as long as it lives, however it ends."""
    try:
        descriptor = os.open(job.with_suffix(".lock"), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)


def _is_young(job: Path) -> bool:
    """Whether its process may still be about to take the lock: a Python with our imports starts within seconds."""
    return time.time() - job.stat().st_mtime < 30 and not job.with_suffix(".lock").exists()


def _running(what: str) -> ApiError:
    return ApiError(409, "JOB_RUNNING", f"{what} is running; ask for it, and come again when it has ended.")
