"""`POST /predict` and `POST /predict/batch`: records as the source has them, and their answers."""

from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response

from ...scoring import Answer
from ..http import responses
from .body import bare_media, media_type, read, table_of
from .openapi import answer_model, answers_model, batch_body, record_body
from .routes import JsonResponse, add_post, answer_many, as_columns, in_thread, request_id, served_by
from .service import Service

DOCUMENTED: dict[str, Any] = {"responses": responses(400, 408, 413, 415, 422, 503), "tags": ["predict"]}


def predict(app: FastAPI, service: Service) -> None:
    """Add `POST /predict`: one record."""
    predictor = service.models.champion.predictor
    bare = bare_media(predictor.contract)

    async def predict_one(request: Request) -> Response:
        """Predict one record, given as the source has it."""
        body, media = await read(request, service.environment.max_body_bytes), media_type(request)
        long = service.takes_long(media, body, bare)
        read_it = partial(service.read, media, body, bare)
        record, findings = await in_thread(service, read_it) if long else read_it()
        answer = await service.one(record, findings, request_id(request), len(body), long)
        served_by(request, answer["model_version"])
        return JsonResponse(answer)

    body, answer = record_body(predictor, tuple(bare)), answer_model(predictor.ids, predictor.bundle.decision.Answer)
    add_post(app, "/predict", predict_one, response_model=answer, openapi_extra=body, **DOCUMENTED)


def batch(app: FastAPI, service: Service) -> None:
    """Add `POST /predict/batch`: many records."""
    predictor = service.models.champion.predictor

    async def predict_batch(request: Request) -> Response:
        """Predict many records, given as a list or by column: all of them, or none when one is refused."""
        return await answer_many(request, service, table_of, _as_asked)

    body = batch_body(predictor, service.environment.max_rows)
    answers = answers_model(answer_model(predictor.ids, predictor.bundle.decision.Answer))
    add_post(app, "/predict/batch", predict_batch, response_model=answers, openapi_extra=body, **DOCUMENTED)


def _as_asked(content: Any, answers: list[Answer]) -> Any:
    """Answers as a list or by column, as the records were."""
    return {"columns": as_columns(answers)} if "columns" in content else {"predictions": answers}
