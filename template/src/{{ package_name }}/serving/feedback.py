"""`POST /feedback`: what turned out to be true of predictions, so that their quality can be measured."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from ..contract import Contract
from .body import JSON, json_of, media_type, read
from .prediction_log import Label, LogUnavailable, PredictionLog
from .problems import RETRY, TITLES, Problem, responses

MAX_LABELS = 1_000
MAX_BYTES = 1024**2


class Stored(BaseModel):
    """How many labels are in the log, and the ids that it does not know."""

    stored: int
    unknown: list[str]


def add_feedback(app: FastAPI, log: PredictionLog, contract: Contract, classes: Sequence[str]) -> None:
    """The route. `classes` are those that the model knows, none where a number is predicted."""
    target = contract.columns[contract.target.name]
    levels = tuple(dict.fromkeys((*target.levels, *classes)))  # what happened may be a class that was not learned
    number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
    outcome: Any = Literal[levels] if classes else number
    forbid = ConfigDict(extra="forbid")
    prediction_id: Any = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    one: type[BaseModel] = create_model("Label", __config__=forbid, prediction_id=prediction_id, outcome=(outcome, ...))
    many: Any = Annotated[list[one], Field(min_length=1, max_length=MAX_LABELS)]
    several = create_model("Labels", __config__=forbid, labels=(many, ...))
    described = one.model_json_schema()
    listed = {"type": "array", "items": described, "minItems": 1, "maxItems": MAX_LABELS}
    batch = {"type": "object", "properties": {"labels": listed}, "required": ["labels"], "additionalProperties": False}
    body = {"required": True, "content": {JSON: {"schema": {"anyOf": [described, batch]}}}}

    @app.post(
        "/feedback",
        response_model=Stored,
        responses=responses(400, 404, 408, 413, 415, 422, 503),
        openapi_extra={"requestBody": body},
        tags=["feedback"],
    )
    async def feedback(request: Request) -> Stored:
        """Say what turned out to be true of one prediction, or of several as `{"labels": [...]}`.

        The same label again changes nothing, another one replaces it.
        """
        content = json_of(media_type(request), await read(request, MAX_BYTES))
        labels, single = _labels(content, one, several)
        try:
            missing = await run_in_threadpool(log.feedback, labels)
        except LogUnavailable as error:
            raise Problem(503, TITLES[503], str(error), headers=RETRY) from None
        if single and missing:
            raise Problem(404, TITLES[404], f"No prediction {missing[0]} is in the log.")
        known = {label.prediction_id for label in labels} - set(missing)
        return Stored(stored=len(known), unknown=missing)


def _labels(content: Any, one: type[BaseModel], several: type[BaseModel]) -> tuple[list[Label], bool]:
    """The labels in a request, and whether it is the form for one. Raises RequestValidationError."""
    single = not (isinstance(content, dict) and "labels" in content)
    try:
        read = (one if single else several).model_validate(content).model_dump()
    except ValidationError as error:
        raise RequestValidationError([found | {"loc": ("body", *found["loc"])} for found in error.errors()]) from None
    return [
        Label(found["prediction_id"], str(found["outcome"])) for found in ([read] if single else read["labels"])
    ], single
