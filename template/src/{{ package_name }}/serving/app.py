"""The HTTP application: what its paths take and answer. The layer around it (keys, limits, metrics) is `edge`."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from html import escape
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi_offline import FastAPIOffline

from ..engineroom.serving.log import PredictionLog
from ..engineroom.showing import as_markdown
from ..settings import Environment
from .admin import add_reload
from .body import bare_media, media_type, read, table_of
from .edge import surround
from .explain import add_explain
from .feedback import add_feedback
from .inference_v2 import add_inference_v2
from .lifecycle import Lifecycle
from .metrics import Metrics
from .models import Models
from .openapi import answer_model, answers_model, batch_body, record_body
from .predictor import Answer, Predictor
from .problems import install, responses
from .routes import JsonResponse, add_post, answer_many, as_columns, in_thread, request_id, served_by
from .service import Service
from .state import add_state

THREADS = 2  # for what is too long for the event loop; ONNX Runtime computes outside of Python's lock


def create_app(environment: Environment) -> FastAPI:
    """The service of the bundle that the environment names; when it stops, its log is written out.

    Raises:
        UserError: the bundle, the prediction log or the keys cannot be used.
    """
    lifecycle, metrics, executor = Lifecycle(), Metrics(), ThreadPoolExecutor(THREADS, "model")
    models = Models(
        environment.bundle,
        environment.challenger_bundle,
        environment.challenger_share,
        executor,
        metrics.batch,
        environment.allow_failed_gate,
    )
    log = PredictionLog(
        environment.prediction_log,
        policy=environment.prediction_log_policy,
        capacity=environment.prediction_log_capacity,
        retention_days=environment.prediction_log_retention_days,
    )
    service = Service(models, log, metrics, executor, environment.pii_key.get_secret_value(), environment.log_raw)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await service.settle()
        log.close()

    served = models.champion.predictor
    app = _without_routes(served, environment.docs == "on", lifespan)
    app.state.lifecycle, app.state.metrics, app.state.service = lifecycle, metrics, service
    install(app)
    _add_predict(app, service, environment)
    add_explain(app, service, environment)
    add_inference_v2(app, service, environment, lifecycle)
    add_feedback(app, log, served.contract, served.bundle.decision.model_dump().get("classes", ()))
    add_state(app, lifecycle, metrics, service)
    add_reload(app, service)
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


def _add_predict(app: FastAPI, service: Service, environment: Environment) -> None:
    predictor = service.models.champion.predictor
    bare = bare_media(list(predictor.contract.features))
    answer_type = answer_model(predictor.ids)

    async def predict(request: Request) -> Response:
        """Predict one record, given as the source has it."""
        body, media = await read(request, environment.max_body_bytes), media_type(request)
        long = service.takes_long(media, body, bare)
        read_it = partial(service.read, media, body, bare)
        record, findings = await in_thread(service, read_it) if long else read_it()
        answer = await service.one(record, findings, request_id(request), len(body), long)
        served_by(request, answer["model_version"])
        return JsonResponse(answer)

    async def predict_batch(request: Request) -> Response:
        """Predict many records, given as a list or by column: all of them, or none when one is refused."""
        return await answer_many(request, service, environment, table_of, _as_asked)

    documented: dict[str, Any] = {"responses": responses(400, 408, 413, 415, 422, 503), "tags": ["predict"]}
    body = record_body(predictor, tuple(bare))
    add_post(app, "/predict", predict, response_model=answer_type, openapi_extra=body, **documented)
    body, answers = batch_body(predictor, environment.max_rows), answers_model(answer_type)
    add_post(app, "/predict/batch", predict_batch, response_model=answers, openapi_extra=body, **documented)


def _as_asked(content: Any, answers: list[Answer]) -> Any:
    """Answers as a list or by column, as the records were."""
    return {"columns": as_columns(answers)} if "columns" in content else {"predictions": answers}
