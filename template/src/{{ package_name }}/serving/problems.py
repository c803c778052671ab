"""Errors as RFC 9457 problem details: one shape for every answer that is not a prediction."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from ..errors import own_words

MEDIA_TYPE = "application/problem+json"


class FieldError(BaseModel):
    pointer: str
    detail: str


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it; `errors` points at fields of the request (RFC 6901)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []


class OutOfScope(Exception):
    """The record is well-formed, but the contract's eligibility rules exclude it."""

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(reason)
        self.pointer, self.reason = pointer, reason


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": title, "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}}
    for status, title in (
        (400, "Not JSON"),
        (413, "Too large"),
        (415, "Not a body that is taken"),
        (422, "Does not fit the contract"),
    )
}


def install(app: FastAPI) -> None:
    """Answer every refusal with a problem document; `edge.py` does so for what nobody expects."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(OutOfScope, _out_of_scope)
    app.add_exception_handler(HTTPException, _http)


def pointer_to(path: Iterable[str | int]) -> str:
    """A JSON pointer: ("records", 3, "a/b") is /records/3/a~1b."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _answer(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    request.state.outcome = problem.title
    # ASCII escapes, because a refused value that is quoted here may not be encodable
    content = json.dumps(problem.model_dump(), ensure_ascii=True)
    return Response(content, problem.status, dict(headers or {}), MEDIA_TYPE)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(entry["type"] == "json_invalid" for entry in found):
        return _answer(request, Problem(title="Not JSON", status=400, detail="The request's body is not valid JSON."))
    errors = [FieldError(pointer=pointer_to(entry["loc"][1:]), detail=_sentence(entry)) for entry in found]
    named = ", ".join(dict.fromkeys(entry.pointer or "the body" for entry in errors[:5]))
    detail = f"{len(errors)} value(s) do not fit: {named}"
    return _answer(request, Problem(title="Does not fit the contract", status=422, detail=detail, errors=errors))


def _sentence(entry: Mapping[str, Any]) -> str:
    if entry["type"] == "extra_forbidden":
        return "there is no such field; /metadata lists those that exist"
    if entry["type"] == "missing":
        return "this field is required"
    return own_words(entry)


async def _out_of_scope(request: Request, error: Exception) -> Response:
    assert isinstance(error, OutOfScope)
    errors = [FieldError(pointer=error.pointer, detail=error.reason)]
    return _answer(request, Problem(title="Out of scope", status=422, detail=error.reason, errors=errors))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = f"{request.method} {request.url.path}: {error.detail}"
    return _answer(request, Problem(title=str(error.detail), status=error.status_code, detail=detail), error.headers)
