"""How the service is doing: health, metadata and metrics. Only metadata needs a key."""

from typing import Any

from fastapi import FastAPI, Response
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST

from ...reading import record_schema
from ..http import responses
from .openapi import answer_model
from .service import Service


def add_state(app: FastAPI, service: Service) -> None:
    _add_health(app, service)
    _add_metadata(app, service)
    _add_metrics(app, service)


def _add_health(app: FastAPI, service: Service) -> None:
    models, log = service.models, service.log

    @app.get("/v2/health/live", tags=["inference v2"])
    @app.get("/health/startup", tags=["state"], description="Startup probe: answers once the bundle has proved itself.")
    @app.get("/health/live", tags=["state"])
    async def live() -> dict[str, Any]:
        """Liveness probe: answers as long as the process does; restart it when this fails."""
        return {"status": "ok", "live": True}

    @app.get("/v2/health/ready", tags=["inference v2"], responses=responses(503))
    @app.get("/health", tags=["state"], responses=responses(503))
    @app.get("/health/ready", tags=["state"], responses=responses(503))
    async def ready() -> dict[str, Any]:
        """Readiness probe: 503 while the service ends or cannot do its work; degraded where predictions go unlogged."""
        service.lifecycle.check(log)
        counts = {"log_rows_dropped": log.dropped, "log_writable": log.writable}
        return {"status": "ok" if log.complete else "degraded", "ready": True, "models": models.versions} | counts


def _add_metadata(app: FastAPI, service: Service) -> None:
    models = service.models

    @app.get("/", include_in_schema=False)
    async def root() -> dict[str, str]:
        docs = {"docs": "/docs"} if app.openapi_url else {}
        posts = [route.path for route in app.routes if isinstance(route, APIRoute) and "POST" in (route.methods or ())]
        predict = {"predict": f"POST {posts[0]}"} if posts else {}
        return {"service": models.champion.predictor.contract.problem.name} | predict | docs

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
            "decision": manifest.decision.told(),
            "problem": served.contract.problem.model_dump(),
            "input_schema": record_schema(served.contract, served.examples),
            "output_schema": answer_model(served.ids, served.bundle.decision.Answer).model_json_schema(),
        }


def _add_metrics(app: FastAPI, service: Service) -> None:
    log, metrics = service.log, service.metrics
    metrics.models(service.models.versions)
    metrics.counter("prediction_log_dropped", "Predictions that could not be logged", lambda: log.dropped)
    metrics.counter("prediction_log_waited", "Answers that waited for the log's queue", lambda: log.waited)
    metrics.gauge("prediction_log_queued", "Predictions that wait to be logged", lambda: log.queued)

    @app.get("/metrics", tags=["state"], response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def prometheus() -> Response:
        """Counts and times for Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)
