"""Routes that FastAPI documents and otherwise leaves alone: a request goes straight to its handler.

FastAPI's own way through dependencies, validation and serialisation costs more than a prediction.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any, NoReturn, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from pydantic_core import to_json
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import Receive, Scope, Send

from ...reading import Reader
from ...scoring import Answer
from ..http import ProblemDetails
from .body import Table, is_dense, json_of, media_type, most_values, read
from .service import LARGE, Answered, Service

Handler = Callable[[Request], Awaitable[Response]]
Result = TypeVar("Result")

CONTENT_TYPE = b"content-type", b"application/json"


class PlainRoute(APIRoute):
    """A POST route whose handler gets the request as it is and raises ProblemDetails where it cannot answer.

    `edge` sets `direct` where nothing is lost by that: there are no dependencies, of the application or of a router.
    """

    direct = False

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.direct or scope["method"] != "POST":
            return await super().handle(scope, receive, send)
        try:
            response = await self.endpoint(Request(scope, receive))
        except ProblemDetails as problem:
            response = problem.response(scope)
        except Exception as error:  # the application may have a handler for it
            response = ExceptionMiddleware(partial(_raise, [error]), scope["app"].exception_handlers)
        return await response(scope, receive, send)


async def _raise(errors: list[Exception], *_: Any) -> NoReturn:
    raise errors.pop()  # kept here, it and its traceback would hold each other, and the request's body


def add_post(app: FastAPI, path: str, handler: Handler, **documentation: Any) -> None:
    """Add a route; `documentation` is what FastAPI's `add_api_route` takes."""
    app.router.add_api_route(path, handler, methods=["POST"], route_class_override=PlainRoute, **documentation)


class JsonResponse(Response):
    """An answer, without the half of Starlette's work on its headers that is always the same."""

    def __init__(self, content: Any) -> None:
        self.status_code, self.background, self.body = 200, None, to_json(content)
        self.raw_headers = [CONTENT_TYPE, (b"content-length", str(len(self.body)).encode())]


async def in_thread(service: Service, work: Callable[[], Result]) -> Result:
    """Do it in one of the few threads of the model: more would only take turns, and hold more bodies in memory."""
    return await asyncio.get_running_loop().run_in_executor(service.executor, work)


async def answer_many(
    request: Request,
    service: Service,
    table_of: Callable[[Any, Reader, int], Table],
    shown: Callable[[Any, list[Answer]], Any],
) -> Response:
    """Answer many records: `table_of` finds them in the body's JSON, `shown` gives the answers its shape."""
    environment = service.environment
    body, media = await read(request, environment.max_body_bytes), media_type(request)

    most = most_values(service.models.champion.predictor.reader, environment.max_rows)

    def work() -> Iterator[tuple[Response, list[Answered]] | None]:
        reader = service.models.champion.predictor.reader
        content = json_of(media, body, most=most)
        yield None
        table = table_of(content, reader, environment.max_rows)
        yield None
        answers, notes = yield from service.many(table, request_id(request), len(body))
        served_by(request, answers[0]["model_version"])
        yield JsonResponse(shown(content, answers)), notes

    response, notes = await service.in_turn(work(), LARGE if is_dense(body, most) else len(body))
    await service.note(notes)
    return response


def as_columns(answers: Sequence[Answer]) -> dict[str, list[Any]]:
    """Answers field by field: all have the same ones, but for warnings."""
    names = dict.fromkeys((*answers[0], *(name for answer in answers for name in answer if name == "warnings")))
    return {name: [answer.get(name) for answer in answers] for name in names}


def request_id(request: Request) -> str:
    """The name that the outer layer gave the request."""
    return request.scope["state"]["request_id"]


def served_by(request: Request, version: str) -> None:
    """Tell the outer layer, for its log, which model answers."""
    request.scope["state"]["model_version"] = version
