"""`POST /feedback`: what turned out to be true of predictions, so that their quality can be measured."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from ...contract import Contract
from ..http import RETRY, TITLES, ProblemDetails, misread, responses
from ..log import LogUnavailable
from .body import JSON, json_of, media_type, read
from .service import Service

MAX_LABELS = 1_000
MAX_BYTES = 1024**2
THREADS = 2  # a slow database holds no more of them, and leaves the log's writer its connection


class Stored(BaseModel):
    """How many labels are in the log, and the ids that it does not know."""

    stored: int
    unknown: list[str]


def feedback(app: FastAPI, service: Service) -> None:
    """Add `POST /feedback`: what turned out to be true of predictions, for the log."""
    log, served = service.log, service.models.champion.predictor
    one, several = label_models(served.contract, served.bundle.decision.model_dump().get("classes", ()))
    limiter = CapacityLimiter(THREADS)

    @app.post(
        "/feedback",
        response_model=Stored,
        responses=responses(400, 404, 408, 413, 415, 422, 503),
        openapi_extra={"requestBody": _documented(one)},
        tags=["feedback"],
    )
    async def store(request: Request) -> Stored:
        """Say what turned out to be true of one prediction, or of several as `{"labels": [...]}`.

        The same label again changes nothing, another one replaces it.
        """
        content = json_of(media_type(request), await read(request, MAX_BYTES))
        single = not (isinstance(content, dict) and "labels" in content)
        try:
            found = (one if single else several).model_validate(content).model_dump()
        except ValidationError as error:
            raise misread(error.errors()) from None
        labels = [found] if single else found["labels"]
        outcomes = {label["prediction_id"]: str(label["outcome"]) for label in labels}
        try:
            missing = await to_thread.run_sync(log.feedback, outcomes, limiter=limiter)
        except LogUnavailable as error:
            raise ProblemDetails(503, TITLES[503], str(error), headers=RETRY) from None
        if single and missing:
            raise ProblemDetails(404, TITLES[404], f"No prediction {missing[0]} is in the log.")
        return Stored(stored=len(outcomes) - len(missing), unknown=missing)


def label_models(contract: Contract, classes: Sequence[str]) -> tuple[type[BaseModel], type[BaseModel]]:
    """What the body may be: one label, or several. `classes` are those that the model knows, none for a number.

    What happened may be a class that the model has not learned.
    """
    levels = tuple(dict.fromkeys((*contract.columns[contract.target.name].levels, *classes)))
    outcome: Any = Literal[levels] if classes else Annotated[float, Field(strict=True, allow_inf_nan=False)]
    prediction_id: Any = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    forbid = ConfigDict(extra="forbid")
    one: type[BaseModel] = create_model("Label", __config__=forbid, prediction_id=prediction_id, outcome=(outcome, ...))
    labels: Any = Annotated[list[one], Field(min_length=1, max_length=MAX_LABELS)]
    return one, create_model("Labels", __config__=forbid, labels=(labels, ...))


def _documented(one: type[BaseModel]) -> dict[str, Any]:
    """The body as OpenAPI has it: spelled out, since references between models would lead nowhere there."""
    label = one.model_json_schema()
    listed = {"type": "array", "items": label, "minItems": 1, "maxItems": MAX_LABELS}
    batch = {"type": "object", "properties": {"labels": listed}, "required": ["labels"], "additionalProperties": False}
    return {"required": True, "content": {JSON: {"schema": {"anyOf": [label, batch]}}}}
