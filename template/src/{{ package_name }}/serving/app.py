"""The HTTP application: what its paths take and answer. The layer around it (keys, limits, metrics) is `edge`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi_offline import FastAPIOffline

from ..settings import Environment
from .body import bare_media, fields_of, json_of, media_type, read, table_of
from .inference_v2 import add_inference_v2
from .openapi import answer_model, answers_model, batch_body, record_body
from .problems import install, responses
from .routes import add_post, by_name, json_response, request_id, soon
from .service import Service

REFUSALS = responses(400, 401, 413, 415, 422, 503)


def create_app(service: Service, environment: Environment) -> FastAPI:
    """All routes of a service; its log is closed, and so written out, when the application stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        service.log.close()

    predictor = service.models.champion.predictor
    app = FastAPIOffline(
        title=predictor.contract.problem.name,
        description=predictor.contract.problem.goal,
        version=predictor.version,
        lifespan=lifespan,
        redoc_url=None,
    )
    install(app)
    _add_predict(app, service, environment)
    add_inference_v2(app, service, environment)
    return app


def _add_predict(app: FastAPI, service: Service, environment: Environment) -> None:
    predictor = service.models.champion.predictor
    bare = bare_media(list(predictor.contract.features))
    answer = answer_model(predictor.ids)

    async def predict(request: Request) -> Response:
        """Predict one record, given as the source has it."""
        body, media = await read(request, environment.max_body_bytes), media_type(request)
        record, findings = await soon(service, body, lambda: service.read(fields_of(media, body, bare)))
        return json_response(await service.one(record, findings, request_id(request)))

    async def predict_batch(request: Request) -> Response:
        """Predict many records, given as a list or by column: all of them, or none when one is refused."""
        body, media = await read(request, environment.max_body_bytes), media_type(request)

        def work() -> tuple[Any, Any]:
            content = json_of(media, body)
            table = table_of(content, service.models.champion.predictor.reader, environment.max_rows)
            answers, notes = service.many(table, request_id(request))
            return {"columns": by_name(answers)} if "columns" in content else {"predictions": answers}, notes

        content, notes = await soon(service, body, work)
        await service.note(notes)
        return json_response(content)

    documented: dict[str, Any] = {"responses": REFUSALS, "tags": ["predict"]}
    body = record_body(predictor, tuple(bare))
    add_post(app, "/predict", predict, response_model=answer, openapi_extra=body, **documented)
    body = batch_body(predictor, environment.max_rows)
    add_post(
        app, "/predict/batch", predict_batch, response_model=answers_model(answer), openapi_extra=body, **documented
    )
