"""A request's body as a record: JSON, or the one feature as it stands where `modality` names its media type."""

from typing import Any

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from ..modality import MEDIA_TYPES
from .predictor import Predictor

JSON = "application/json"
MAX_BODY = 32 * 1024**2


def bodies_of(predictor: Predictor, examples: dict[str, Any]) -> dict[str, Any]:
    """The bodies that `record_of` takes, as OpenAPI describes them."""
    bare = {"schema": {"type": "string", "format": "binary"}}
    described = {"schema": predictor.record_model.model_json_schema(), "examples": examples}
    return {JSON: described} | dict.fromkeys(media_types_of(predictor), bare)


def media_types_of(predictor: Predictor) -> tuple[str, ...]:
    """Those of bodies that are a whole record as they stand: with two features none is."""
    return MEDIA_TYPES if len(predictor.contract.features) == 1 else ()


async def read(request: Request) -> bytes:
    """A request's body. Raises HTTPException, 413, once it is too large."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise HTTPException(413, f"the body is larger than {MAX_BODY:,} bytes")
    return bytes(body)


def record_of(content_type: str, body: bytes, predictor: Predictor) -> BaseModel:
    """The record in a request.

    Raises:
        RequestValidationError: it does not fit the contract.
        HTTPException: 415, the media type is not one of those described.
    """
    media, bare = content_type.partition(";")[0].strip().lower(), media_types_of(predictor)
    try:
        if media in bare:
            return predictor.record_model.model_validate({next(iter(predictor.contract.features)): body})
        if media == JSON or media.endswith("+json"):
            return predictor.record_model.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError([found | {"loc": ("body", *found["loc"])} for found in error.errors()]) from None
    raise HTTPException(415, f"the body is {media}, allowed are {', '.join((JSON, *bare))}")
