"""The HTTP application, put together: models, log, routes. The layer around it (keys, limits, metrics) is `edge`."""

import logging
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from html import escape
from typing import Any

from fastapi import FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi_offline import FastAPIOffline

from ...scoring import Predictor
from ...settings import Environment
from ...showing import as_markdown
from ..http import Lifecycle, Metrics, install, surround
from ..log import PredictionLog
from .models import Models
from .service import Service
from .state import add_state

log = logging.getLogger(__name__)

THREADS = 2  # for what is too long for the event loop; ONNX Runtime computes outside of Python's lock


Route = Callable[[FastAPI, Service], None]  # adds paths to an application that the service answers


def create_app(environment: Environment, routes: Iterable[Route]) -> FastAPI:
    """The service of the bundle that the environment names; when it stops, its log is written out.

    Health, metadata and metrics are there whatever the routes. Routes, dependencies of routers and middleware that the
    application gets before it starts hold for all of its paths.

    Raises:
        UserError: the bundle or the prediction log cannot be used; when it starts, the keys.
    """
    lifecycle, metrics, executor = Lifecycle(), Metrics(), ThreadPoolExecutor(THREADS, "model")
    models = Models(environment, executor, metrics.batch)
    prediction_log = PredictionLog(
        environment.prediction_log,
        policy=environment.prediction_log_policy,
        capacity=environment.prediction_log_capacity,
        retention_days=environment.prediction_log_retention_days,
    )
    service = Service(environment, models, prediction_log, metrics, lifecycle, executor)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if not lifecycle.guarded:
            log.warning("no limits on connections and headers are in force: start it by the verb `serve`")
        yield
        await service.settle()
        prediction_log.close()

    app = _without_routes(models.champion.predictor, environment.docs == "on", lifespan)
    app.state.service = service
    install(app)
    for add in routes:
        add(app, service)
    add_state(app, service)
    surround(app, environment, lifecycle, metrics)
    return app


def _without_routes(served: Predictor, documented: bool, lifespan: Any) -> FastAPI:
    about: dict[str, Any] = {
        "title": served.contract.problem.name,
        "description": as_markdown(served.contract.problem.goal),
        "version": served.version,
        "lifespan": lifespan,
        "redoc_url": None,
        "telemetry": {"tracing": False, "metrics": False},  # `edge` and `tracing` see to both
    }
    if not documented:
        return FastAPI(openapi_url=None, **about)
    app = FastAPIOffline(docs_url=None, **about)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        """Swagger's page, which takes its title for HTML; what it loads is named from here, whatever the prefix."""
        files = "static-offline-docs/swagger-ui"
        return get_swagger_ui_html(
            title=escape(app.title),
            openapi_url="openapi.json",
            swagger_js_url=f"{files}-bundle.js",
            swagger_css_url=f"{files}.css",
            swagger_favicon_url="static-offline-docs/favicon.png",
        )

    return app
