"""A request's body as a record: JSON, or the one feature as it stands where `modality` names its media type."""

from typing import Any

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from ..modality import MEDIA_TYPES
from .predictor import Predictor

JSON = "application/json"


def bodies_of(predictor: Predictor, examples: dict[str, Any]) -> dict[str, Any]:
    """The bodies that `record_of` takes, as OpenAPI describes them."""
    bare = {"schema": {"type": "string", "format": "binary"}}
    described = {"schema": predictor.record_model.model_json_schema(), "examples": examples}
    return {JSON: described} | dict.fromkeys(MEDIA_TYPES, bare)


async def record_of(request: Request, predictor: Predictor) -> BaseModel:
    """The record in a request.

    Raises:
        RequestValidationError: it does not fit the contract.
        HTTPException: 415, the media type is not one of those described.
    """
    media = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    body = await request.body()
    try:
        if media in MEDIA_TYPES:
            return predictor.record_model.model_validate({next(iter(predictor.contract.features)): body})
        if media == JSON or media.endswith("+json"):
            return predictor.record_model.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError([found | {"loc": ("body", *found["loc"])} for found in error.errors()]) from None
    raise HTTPException(415, f"the body is {media}, allowed are {', '.join((JSON, *MEDIA_TYPES))}")
