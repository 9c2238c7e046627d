"""What an API call can be refused with: a status, a stable code, a sentence. Neither SQL nor a host is in it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from ingestion.errors import BusyError, LandingError
from publishing.builds import NotPublished

log = logging.getLogger(__name__)

RETRY_SECONDS = 5


class Refusal(BaseModel):
    """Why a call was not answered."""

    code: str = Field(description="Stable word for programs.")
    message: str = Field(description="A sentence for people.")
    details: list[dict[str, Any]] = Field(default=[], description="Where in the request, for 422.")


class ApiError(Exception):
    """Answered with `status` and a Refusal."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, dict(headers or {})


_WORDS = {
    401: "No key, or one that is not known.",
    403: "The key's role may not do this.",
    404: "There is nothing of that name.",
    405: "There is no such method here.",
    406: "None of the accepted kinds can be given.",
    409: "Another job is running; the answer names it.",
    413: "The body is too large.",
    422: "A parameter is not what it should be.",
    429: "Too many calls; Retry-After says when to come again.",
    503: "Nothing is published yet, or the warehouse does not answer.",
}


def refusals(*more: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=`: what every route with a key may be refused with, and these."""
    return {status: {"model": Refusal, "description": _WORDS[status]} for status in (401, 422, 429, 503, *more)}


def refusal(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"code": code, "message": message, "details": []}, status, dict(headers or {}))


def install(app: FastAPI) -> None:
    """Every way of failing answers with a Refusal."""

    @app.exception_handler(ApiError)
    def _refused(request: Request, error: ApiError) -> JSONResponse:
        return refusal(error.status, error.code, error.message, error.headers)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        # What was sent is not repeated: it may be a secret in the wrong place.
        details = jsonable_encoder([{"loc": one["loc"], "msg": one["msg"]} for one in error.errors()])
        body = {"code": "INVALID_REQUEST", "message": "A parameter is not what it should be.", "details": details}
        return JSONResponse(body, 422)

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> JSONResponse:
        code = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}.get(error.status_code, "REFUSED")
        return refusal(error.status_code, code, _WORDS.get(error.status_code, str(error.detail)), error.headers)

    @app.exception_handler(LandingError)
    def _house(request: Request, error: LandingError) -> JSONResponse:
        if isinstance(error, NotPublished):
            return refusal(503, error.code, "Nothing is published yet.", {"Retry-After": "60"})
        if isinstance(error, BusyError):
            return refusal(503, error.code, "Many are reading now; ask again.", {"Retry-After": str(RETRY_SECONDS)})
        # The message may name a host or hold SQL: it belongs to the log, the code to the caller.
        log.error("%s failed: %s", request.url.path, error)
        return refusal(503, error.code, "The warehouse did not answer; tell its operator the code.")


def unexpected(request: Request, error: Exception) -> JSONResponse:
    """What nobody foresaw: the log has it, the caller a code."""
    log.error("%s failed", request.url.path, exc_info=error)
    return refusal(500, "INTERNAL", "The API failed; its log says how.")
