"""How the house is doing, and starting a landing and build."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ingestion import registry
from serving.api.answering import Asked, Text
from serving.api.door import Operator, Reader
from serving.api.errors import ApiError, refusals
from serving.api.jobs import Job
from serving.api.listing import PublicationSeen
from serving.api.state import House, house_of

router = APIRouter(tags=["operation"])
Here = Annotated[House, Depends(house_of)]


class RunSeen(BaseModel):
    """The last run of a kind (and source) that has ended."""

    kind: str = Field(description="landing, build, publication, ...")
    source: str | None = Field(description="Of landings, the source.")
    status: str = Field(description="ok, unchanged, partial, failed, busy or abandoned.")
    code: str | None = Field(description="Code of the first problem.")
    duration_s: float | None = Field(description="How long it took. Unit: s.")
    started_at: AwareDatetime | None = Field(description="UTC.")
    finished_at: AwareDatetime | None = Field(description="UTC.")


class FreshnessSeen(BaseModel):
    """A raw table, as it was when this was built."""

    source: str
    table_name: str
    status: str = Field(description="fresh, late, stale, never landed or not in use.")
    age_s: float | None = Field(description="Age when this was built. Unit: s.")
    last_landed_at: AwareDatetime | None = Field(description="UTC.")


class CacheSeen(BaseModel):
    """Answers that are kept."""

    kind: Literal["memory", "redis"]
    answers: int
    bytes: int | None = Field(description="Unit: bytes; null where it is not known.")
    is_answering: bool


class Status(BaseModel):
    """How the house is doing."""

    publication: PublicationSeen
    runs: list[RunSeen]
    freshness: list[FreshnessSeen]
    models: list[str] = Field(description="Trained models; empty until there are some.")
    cache: CacheSeen
    running_job: str | None = Field(description="Number of the job that runs now.")


class JobSeen(BaseModel):
    """A landing and build that somebody asked for. Instants are UTC."""

    id: str
    runner: Literal["local", "airflow"] = Field(description="Who carries it out.")
    sources: list[str] = Field(description="What is landed; empty for every source.")
    is_full_refresh: bool = Field(description="Whether incremental models are built anew.")
    requested_by: str = Field(description="Name of the key.")
    status: Literal["queued", "running", "success", "failed"]
    message: str = Field(description="What went wrong; empty when nothing did.")
    requested_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    runs: dict[str, str] = Field(description="Runs of Airflow that it started, by DAG.")


class JobsSeen(BaseModel):
    """Jobs, newest first."""

    jobs: list[JobSeen]


class Trigger(BaseModel):
    """What to do."""

    model_config = ConfigDict(extra="forbid")

    sources: list[Text] = Field(default=[], max_length=50, description="What to land; empty for every source.")
    full_refresh: bool = Field(default=False, description="Build incremental models anew from raw.")


@router.get("/status", responses=refusals())
def status(caller: Reader, asked: Asked, house: Here) -> Status:
    """The last run of each kind, freshness, models and cache."""
    publication = house.published.publication()
    runs = asked.rows(
        "select kind, source, status, code, duration_s, started_at, finished_at from ("
        "select *, row_number() over (partition by kind, source order by finished_at desc, run_id desc, subject) "
        "as place from load_history where finished_at is not null) as ended where place = 1 order by kind, source"
    )
    fresh = asked.rows(
        "select source, table_name, status, age_s, last_landed_at from source_freshness order by source, table_name"
    )
    running = next((job.id for job in house.jobs.all() if job.status in ("queued", "running")), None)
    return Status(
        publication=PublicationSeen(
            invocation_id=publication.invocation_id,
            built_at=_utc(publication.built_at),
            published_at=_utc(publication.published_at),
        ),
        runs=[RunSeen(**_instants(row)) for row in runs],
        freshness=[FreshnessSeen(**_instants(row)) for row in fresh],
        models=[],
        cache=CacheSeen(**house.cache.state()),
        running_job=running,
    )


@router.get("/processing/jobs", responses=refusals())
def jobs(caller: Reader, house: Here) -> JobsSeen:
    """Jobs that this API was asked for, newest first; the last 200."""
    return JobsSeen(jobs=[_seen(job) for job in house.jobs.all()])


@router.get("/processing/jobs/{job_id}", responses=refusals(404))
def job(caller: Reader, house: Here, job_id: Annotated[Text, Path(description="Number of the job.")]) -> JobSeen:
    """One job."""
    return _seen(house.jobs.one(job_id))


@router.post("/processing/trigger", status_code=202, responses=refusals(403, 409, 413))
def trigger(caller: Operator, house: Here, wanted: Trigger, response: Response) -> JobSeen:
    """Lands and builds; by Airflow where the house has one. Answered at once: ask for the job to see how it goes."""
    if unknown := sorted(set(wanted.sources) - set(registry.names())):
        raise ApiError(422, "NO_SUCH_SOURCE", f"There is no source {unknown[0]!r}; see /api/v1/quality/freshness.")
    started = house.jobs.start(wanted.sources, wanted.full_refresh, caller.name)
    response.headers["Location"] = f"/api/v1/processing/jobs/{started.id}"
    return _seen(started)


def _seen(job: Job) -> JobSeen:
    return JobSeen(**_instants(asdict(job)))


def _instants(row: dict[str, Any]) -> dict[str, Any]:
    """With a zone: what is kept is UTC without one."""
    return {name: _utc(value) if name.endswith("_at") and value is not None else value for name, value in row.items()}


def _utc(value: Any) -> AwareDatetime:
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    return instant.replace(tzinfo=UTC)
