"""The application: every route behind the door, each call measured and written down."""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from publishing.builds import NotPublished
from serving.api import errors, routes
from serving.api.limits import BodyLimit
from serving.api.settings import ApiSettings
from serving.api.state import House, opened

ROOT = "/api/v1"
UNMEASURED = "(none)"


class Health(BaseModel):
    """Whether the API can answer."""

    status: str = Field(description="`ok`, or `nothing published` while there is nothing to show.")


def made(settings: ApiSettings) -> FastAPI:
    """An API of its own. Raises ConfigurationError."""
    house = opened(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        house.published.close()

    app = FastAPI(
        title="Meterhouse",
        version="1",
        description="Published marts and ledgers. Instants are UTC and end in Z; local days say whose they are. Every "
        "quantity has its unit in its name or description. JSON, CSV (text/csv) or Arrow "
        "(application/vnd.apache.arrow.stream) by Accept; ETag changes with the build.",
        lifespan=lifespan,
        # Both pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    app.state.house = house
    errors.install(app)
    for module in pkgutil.iter_modules(routes.__path__):
        app.include_router(importlib.import_module(f"{routes.__name__}.{module.name}").router, prefix=ROOT)
    _open_to_all(app, house)
    app.add_middleware(WrittenDown, house=house)
    app.add_middleware(BodyLimit)
    return app


def _open_to_all(app: FastAPI, house: House) -> None:
    """What needs no key: neither says anything of a customer."""

    @app.get("/health", tags=["operation"], responses={503: {"model": errors.Refusal}})
    def health() -> Health:
        """Whether the warehouse answers."""
        try:
            house.published.publication()
        except NotPublished:
            return Health(status="nothing published")
        return Health(status="ok")

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        return Response(house.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


class WrittenDown:
    """Measures each call and writes it down before its answer goes out."""

    def __init__(self, app: ASGIApp, house: House) -> None:
        self.app, self.house = app, house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        began = time.perf_counter()
        is_begun = is_refused = False

        async def answer(message: Message) -> None:
            nonlocal is_begun, is_refused
            if message["type"] == "http.response.start":
                is_begun = True
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Cache-Control", "no-store")
                is_refused = not await self._written(request, message["status"], time.perf_counter() - began)
                if is_refused:
                    words = "The call cannot be written down, so it is not answered."
                    await errors.refusal(503, "AUDIT_FAILED", words)(scope, receive, send)
            if not is_refused:
                await send(message)

        try:
            await self.app(scope, receive, answer)
        except Exception as error:
            if is_begun:
                raise
            await errors.unexpected(request, error)(scope, receive, answer)

    async def _written(self, request: Request, status: int, seconds: float) -> bool:
        """Whether the call may be answered."""
        route = getattr(request.scope.get("route"), "path", UNMEASURED)
        # What is no route has whatever method and address somebody thought of.
        method = request.method if route != UNMEASURED else "(any)"
        self.house.metrics.seconds.labels(method, route, str(status)).observe(seconds)
        if request.url.path in ("/health", "/metrics"):
            return True
        who = getattr(request.state, "caller", "-")
        query, took = request.url.query, round(seconds * 1000)
        try:
            await run_in_threadpool(
                self.house.written.write, who, request.method, request.url.path, query, status, took
            )
        except OSError as error:
            errors.log.error("the call cannot be written down: %s", error)
            return False
        return True
