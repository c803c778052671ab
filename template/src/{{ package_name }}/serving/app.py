"""The HTTP routes. They translate between HTTP and the predictor, and hold no knowledge of the model."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Body, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel, Field, create_model

from .body import JSON, bodies_of, read, record_of
from .explain import add_explain
from .prediction_log import PredictionLog
from .predictor import Predictor
from .problems import RESPONSES, OutOfScope, install, pointer_to

MAX_BATCH = 1_000


def create_app(predictor: Predictor, log: PredictionLog) -> FastAPI:
    """The service of one bundle; the log is closed, and so written out, when the service stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        log.close()

    problem = predictor.contract.problem
    app = FastAPIOffline(
        title=problem.name,
        description=problem.goal,
        version=predictor.version,
        lifespan=lifespan,
        redoc_url=None,
    )
    install(app)
    _add_predict(app, predictor, log)
    add_explain(app, predictor)
    _add_state(app, predictor, log)
    return app


def _add_predict(app: FastAPI, predictor: Predictor, log: PredictionLog) -> None:
    record_type: Any = predictor.record_model
    answer_type: Any = predictor.answer_model
    batch_type: Any = create_model("Batch", records=(list[record_type], Field(min_length=1, max_length=MAX_BATCH)))
    answers_type: Any = create_model("Predictions", predictions=(list[answer_type], ...))
    typical = {f"example {number}": {"value": record} for number, record in enumerate(predictor.examples, 1)}
    several = {"two records": {"value": {"records": predictor.examples[:2]}}}

    def answer(bodies: Sequence[BaseModel], place: Sequence[str]) -> list[dict[str, Any]]:
        records = [body.model_dump(by_alias=True) for body in bodies]
        for number, record in enumerate(records):
            if reason := predictor.refusal(record):
                raise OutOfScope(pointer_to([*place, number] if place else []), reason)
        answers, described = predictor.predict_described(records)
        for found, description in zip(answers, described, strict=True):
            found |= {"prediction_id": uuid.uuid4().hex, "model_version": predictor.version}
            shown = {name: value for name, value in found.items() if name not in predictor.ids}
            log.append(found["prediction_id"], predictor.version, description, shown)
        return answers

    bodies = {"requestBody": {"required": True, "content": bodies_of(predictor, typical)}}

    @app.post("/predict", response_model=answer_type, responses=RESPONSES, openapi_extra=bodies, tags=["predict"])
    async def predict(request: Request) -> JSONResponse:
        """Predict one record, given as the source has it."""
        body, content_type = await read(request), request.headers.get("content-type", JSON)

        def work() -> dict[str, Any]:
            return answer([record_of(content_type, body, predictor)], [])[0]

        return JSONResponse(await run_in_threadpool(work))  # other requests go on, /health among them

    @app.post("/predict/batch", response_model=answers_type, responses=RESPONSES, tags=["predict"])
    async def predict_batch(batch: Annotated[batch_type, Body(openapi_examples=several)]) -> JSONResponse:
        """Predict several records: all of them, or none when one is refused."""
        records: list[BaseModel] = getattr(batch, "records")  # noqa: B009 - the class is made above
        return JSONResponse({"predictions": await run_in_threadpool(answer, records, ["records"])})


def _add_state(app: FastAPI, predictor: Predictor, log: PredictionLog) -> None:
    manifest, contract = predictor.bundle.manifest, predictor.contract

    @app.get("/health", tags=["state"])
    async def health() -> dict[str, Any]:
        """Answers when the bundle is verified and predictions are possible."""
        return {"status": "ok", "model_version": predictor.version, "log_rows_dropped": log.dropped}

    @app.get("/metadata", tags=["state"])
    async def metadata() -> dict[str, Any]:
        """What is served: version, lineage, decision, and the schemas of input and output."""
        return {
            "model_version": predictor.version,
            "contract_digest": manifest.contract_digest,
            "lineage": manifest.lineage,
            "providers": predictor.bundle.session.get_providers(),
            "decision": manifest.decision.model_dump(),
            "problem": contract.problem.model_dump(),
            "input_schema": predictor.record_model.model_json_schema(),
            "output_schema": predictor.answer_model.model_json_schema(),
        }

    @app.get("/", include_in_schema=False)
    async def root() -> dict[str, str]:
        return {"service": contract.problem.name, "docs": "/docs", "predict": "POST /predict"}
