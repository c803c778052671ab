"""Errors as RFC 9457 problem details: one shape for every answer that is not a prediction."""

import http.client
import json
from collections.abc import Iterable, Mapping, Sequence
from traceback import clear_frames
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import Scope

from ...contract import own_words

MEDIA_TYPE = "application/problem+json"
SHOWN = 100  # mistakes in one answer
QUOTED = 500  # characters of each

RETRY = {"Retry-After": "1"}
ENDS = {"Connection": "close"}
TITLES = {
    400: "Not JSON",
    401: "Not authenticated",
    404: "Not found",
    408: "Request timeout",
    409: "Not taken over",
    413: "Too large",
    415: "Not a body that is taken",
    422: "Does not fit the contract",
    503: "Not available at the moment",
}


class FieldError(BaseModel):
    """One value of a request, by a JSON pointer (RFC 6901), and what is wrong with it."""

    pointer: str
    detail: str
    kind: str = "invalid"


class ProblemDocument(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []


class ProblemDetails(Exception):
    """An answer that is not a prediction. Raised anywhere below a route, it is the route's answer.

    Those of `edge` and `protocol` are always the same: they are made once and sent, not raised.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.title = title
        document = ProblemDocument(title=title, status=status, detail=detail, errors=list(errors))
        # a refused value that is quoted here may hold what no encoding has, half a surrogate pair: escaped, it is JSON
        content = json.dumps(document.model_dump(), ensure_ascii=False).encode(errors="backslashreplace")
        self.answer = Response(content, status, headers, MEDIA_TYPE)

    def response(self, scope: Scope) -> Response:
        """The answer; the log of the request will say what it was."""
        scope.setdefault("state", {})["outcome"] = self.title
        # One that comes from a thread and its traceback hold each other, and both hold the request's body: without
        # this it would stay until Python looks for such rings, which is rare here.
        clear_frames(self.__traceback__)
        return self.answer


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problems that a route may answer, for its documentation."""
    return {
        status: {
            "description": TITLES[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
        for status in statuses
    }


def pointer_to(path: Iterable[str | int]) -> str:
    """A JSON pointer: ("records", 3, "a/b") is /records/3/a~1b. A name as long as nobody means it is cut."""
    return "".join("/" + str(part)[:QUOTED].replace("~", "~0").replace("/", "~1") for part in path)


def shortened(detail: str) -> str:
    """A text that may quote a value of any length."""
    return detail if len(detail) <= QUOTED else f"{detail[: QUOTED // 2]} ... {detail[-QUOTED // 2 :]}"


def unfit(errors: Sequence[FieldError], count: int = 0) -> ProblemDetails:
    """Values that do not fit the contract, or records that are out of its scope; `count` where not all are given."""
    count, errors = count or len(errors), errors[:SHOWN]
    named = ", ".join(dict.fromkeys(error.pointer or "the body" for error in errors[:5]))
    if all(error.kind == "out_of_scope" for error in errors):
        return ProblemDetails(422, "Out of scope", f"{errors[0].detail}: {named}", errors)
    many = f"{count} value(s)" if count < SHOWN else f"{SHOWN} values or more"  # nobody counts further
    return ProblemDetails(422, TITLES[422], f"{many} do not fit: {named}", errors)


def unfit_at(path: Iterable[str | int], detail: str) -> ProblemDetails:
    """One value of a body that does not fit, by its path."""
    return unfit([FieldError(pointer=pointer_to(path), detail=detail)])


def misread(found: Sequence[Any]) -> ProblemDetails:
    """What Pydantic's `errors()` hold of a body."""
    errors = [FieldError(pointer=pointer_to(entry["loc"]), detail=own_words(entry)) for entry in found[:SHOWN]]
    return unfit(errors, len(found))


def not_json() -> ProblemDetails:
    """The answer to a body that is no JSON."""
    return ProblemDetails(400, TITLES[400], "The request's body is not valid JSON.")


def install(app: FastAPI) -> None:
    """Answer every refusal with a problem document; `edge` does so for what nobody expects."""
    app.add_exception_handler(ProblemDetails, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemDetails)
    return error.response(request.scope)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(entry["type"] == "json_invalid" for entry in found):
        return not_json().response(request.scope)
    return misread([entry | {"loc": entry["loc"][1:]} for entry in found]).response(request.scope)  # without "body"


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    if status in (204, 304):  # which have no body
        return Response(None, status, error.headers)
    title = http.client.responses.get(status, str(status))
    detail = f"{request.method} {request.url.path}: {error.detail}"
    return ProblemDetails(status, title, detail, headers=error.headers).response(request.scope)
