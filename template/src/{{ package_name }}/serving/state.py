"""How the service is doing: health, metadata and metrics. None of these routes needs a key, and none tells a record."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse

from .metrics import Metrics
from .problems import MEDIA_TYPE, RESPONSES, Problem


@dataclass
class Lifecycle:
    """Where the process is between start and end; `checks` are asked whenever readiness is."""

    started: bool = False
    draining: bool = False
    unbegun: int = 0  # requests that were read and wait for the event loop: a queue too
    checks: dict[str, Callable[[], bool]] = field(default_factory=dict)

    def obstacle(self) -> str | None:
        """Why no requests should be sent here, or None."""
        if self.draining:
            return "The service is about to end and finishes what it has begun."
        if not self.started:
            return "The service is starting."
        failed = [name for name, holds in self.checks.items() if not holds()]
        return f"Not in order: {', '.join(failed)}." if failed else None


def add_state(
    app: FastAPI,
    lifecycle: Lifecycle,
    metrics: Metrics,
    summary: Callable[[], dict[str, Any]],
    metadata: Callable[[], dict[str, Any]],
) -> None:
    """Add the routes; `summary` is what a healthy answer says beside its status."""

    def readiness() -> Response:
        if reason := lifecycle.obstacle():
            problem = Problem(title="Not ready", status=503, detail=reason)
            return JSONResponse(problem.model_dump(), 503, {"Retry-After": "1"}, MEDIA_TYPE)
        return JSONResponse({"status": "ok", **summary()})

    unready: dict[int | str, dict[str, Any]] = {503: RESPONSES[422] | {"description": "Not ready"}}

    @app.get("/health/live", tags=["state"])
    async def live() -> dict[str, Any]:
        """Answers as long as the process does: restart it when this fails."""
        return {"status": "ok"}

    @app.get("/health/startup", tags=["state"], responses=unready)
    async def startup() -> Response:
        """Answers once the bundle is verified and has scored its golden records."""
        return readiness() if not lifecycle.started else JSONResponse({"status": "ok"})

    @app.get("/health/ready", tags=["state"], responses=unready)
    async def ready() -> Response:
        """Whether requests should be sent here: 503 while the service starts, ends, or cannot do its work."""
        return readiness()

    @app.get("/health", tags=["state"], responses=unready)
    async def health() -> Response:
        """The same as /health/ready."""
        return readiness()

    @app.get("/metadata", tags=["state"])
    async def served() -> dict[str, Any]:
        """What is served: version, lineage, decision, and the schemas of input and output."""
        return metadata()

    @app.get("/metrics", tags=["state"], response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def prometheus() -> Response:
        """Counts and times for Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)
