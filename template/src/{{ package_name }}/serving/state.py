"""How the service is doing: health, metadata and metrics. Only metadata needs a key."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse

from ..reader import record_schema
from .metrics import Metrics
from .openapi import answer_model
from .problems import RETRY, Problem, responses
from .service import Service


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

    def check(self) -> None:
        """Raises Problem, 503, when no requests should be sent here."""
        if reason := self.obstacle():
            raise Problem(503, "Not ready", reason, headers=RETRY)


def add_state(app: FastAPI, lifecycle: Lifecycle, metrics: Metrics, service: Service) -> None:
    """Add the routes, and let Prometheus see what they see."""
    models, log = service.models, service.log
    lifecycle.checks["the prediction log takes rows"] = lambda: log.policy == "drop" or log.writable
    metrics.models(models.versions)
    metrics.counter("prediction_log_dropped", "Predictions that could not be logged", lambda: log.dropped)
    metrics.gauge("prediction_log_queued", "Predictions that wait to be logged", lambda: log.queued)

    def readiness() -> Response:
        lifecycle.check()
        return JSONResponse(
            {"status": "ok", "models": models.versions, "log_rows_dropped": log.dropped, "log_writable": log.writable}
        )

    @app.get("/health/live", tags=["state"])
    async def live() -> dict[str, Any]:
        """Answers as long as the process does: restart it when this fails."""
        return {"status": "ok"}

    @app.get("/health/startup", tags=["state"], responses=responses(503))
    async def startup() -> Response:
        """Answers once the bundle is verified and has scored its golden records."""
        return readiness() if not lifecycle.started else JSONResponse({"status": "ok"})

    @app.get("/health/ready", tags=["state"], responses=responses(503))
    async def ready() -> Response:
        """Whether requests should be sent here: 503 while the service starts, ends, or cannot do its work."""
        return readiness()

    @app.get("/health", tags=["state"], responses=responses(503))
    async def health() -> Response:
        """The same as /health/ready."""
        return readiness()

    @app.get("/metadata", tags=["state"])
    async def metadata() -> dict[str, Any]:
        """What is served: version, lineage, decision, and the schemas of input and output."""
        served = models.champion.predictor
        manifest = served.bundle.manifest
        return {
            "model_version": served.version,
            "models": models.versions,
            "contract_digest": manifest.contract_digest,
            "lineage": manifest.lineage,
            "providers": served.bundle.session.get_providers(),
            "decision": manifest.decision.model_dump(),
            "problem": served.contract.problem.model_dump(),
            "input_schema": record_schema(served.contract, served.examples),
            "output_schema": answer_model(served.ids).model_json_schema(),
        }

    @app.get("/metrics", tags=["state"], response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def prometheus() -> Response:
        """Counts and times for Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/", include_in_schema=False)
    async def root() -> dict[str, str]:
        docs = {"docs": "/docs"} if app.openapi_url else {}
        return {"service": models.champion.predictor.contract.problem.name, "predict": "POST /predict"} | docs
