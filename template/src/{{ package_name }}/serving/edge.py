"""The outermost layer, around every request: id, API key, limits, security headers, metrics, one line in the log.

Handlers find `request_id` in `scope["state"]` and may leave `model_version` and `outcome` there. This runs before the
application sees a request, and costs it a few microseconds: what can be made once is made once.
"""

import asyncio
import logging
import os
import re
from asyncio import AbstractEventLoop, CancelledError, Task
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from time import perf_counter
from typing import Any

from fastapi import FastAPI
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..settings import Environment
from .logs import Clock, access_writer, quoted
from .metrics import OTHER, Metrics
from .openapi import declare
from .problems import MEDIA_TYPE, ProblemDocument
from .routes import PlainRoute
from .security import Keyring, keyrings
from .state import Lifecycle

log = logging.getLogger(__name__)

SAFE_ID = re.compile(rb"[\w.:-]{1,64}", re.ASCII).fullmatch
OPEN = ("/health", "/v2/health/", "/metrics", "/docs", "/openapi.json", "/static-offline-docs/")
ADMIN = "/admin"
DOCS = ("/docs", "/static-offline-docs/")
Header = tuple[bytes, bytes]
HEADERS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
NOTHING = b"default-src 'none'; frame-ancestors 'none'"
SWAGGER = (  # its page starts it with a script and styles of its own
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; frame-ancestors 'none'"
)
API_HEADERS = (*HEADERS, (b"content-security-policy", NOTHING))
DOCS_HEADERS = (*HEADERS, (b"content-security-policy", SWAGGER))
CLOSE: Header = (b"connection", b"close")
GONE = 499  # of the log and the metrics only: nobody is there to read an answer


class Refusal:
    """A problem document that is made once."""

    def __init__(self, status: int, title: str, detail: str, *headers: Header) -> None:
        self.status, self.title = status, title
        self.body = ProblemDocument(title=title, status=status, detail=detail).model_dump_json().encode()
        length = (b"content-length", b"%d" % len(self.body))
        self.headers = [(b"content-type", MEDIA_TYPE.encode()), length, *headers]

    async def send(self, send: Callable[[Message], Awaitable[None]]) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


RETRY: Header = (b"retry-after", b"1")
NO_KEY = Refusal(
    401,
    "Not authenticated",
    "Send a valid API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
    (b"www-authenticate", b"Bearer"),
)
NO_ADMIN = Refusal(404, "Not Found", "There is no such route.")
BUSY = Refusal(503, "Too many requests at once", "The service works at its limit: try again in a second.", RETRY)
SLOW_BODY = Refusal(408, "Request timeout", "The request's body did not arrive in time.", CLOSE)
SLOW = Refusal(503, "Timeout", "The answer took too long and was given up.", RETRY)
FAILED = Refusal(500, "Internal error", "The service failed; its log says why.")


def surround(app: FastAPI, environment: Environment, lifecycle: Lifecycle, metrics: Metrics) -> None:
    """Put the layer around an application. Raises KeyringError when keys are required and there is none."""
    keys, admin = keyrings(environment)
    direct = {route.path: route for route in app.routes if isinstance(route, PlainRoute) and not route.param_convertors}
    build = app.build_middleware_stack

    def surrounded() -> ASGIApp:
        inner = build()
        assert isinstance(inner, ServerErrorMiddleware)  # whose place is taken here
        return Edge(inner.app, direct, environment, lifecycle, metrics, keys, admin)

    app.build_middleware_stack = surrounded  # type: ignore[method-assign]
    declare(app, lambda path: path.startswith(ADMIN) or (keys is not None and not is_open(path)))


class Edge:
    """The ASGI layer. `keys` of None lets everybody in; without `admin` keys the routes under /admin do not exist.

    Routes in `direct` are called by their path, past FastAPI's own layers, which cost as much as a prediction.
    """

    def __init__(
        self,
        app: ASGIApp,
        direct: Mapping[str, PlainRoute],
        environment: Environment,
        lifecycle: Lifecycle,
        metrics: Metrics,
        keys: Keyring | None,
        admin: Keyring | None,
    ) -> None:
        self.app, self.direct, self.lifecycle, self.metrics = app, direct, lifecycle, metrics
        self._keys, self._admin = keys, admin
        self._in_flight, self._max_in_flight = 0, environment.max_in_flight
        metrics.gauge("http_requests_in_flight", "Requests that a model works on", lambda: self._in_flight)
        self._write, self._clock = access_writer(), Clock()
        self._logged_from = {"all": 0, "errors": 400, "none": 1000}[environment.access_log]
        self._timeout_s = environment.request_timeout_s
        self._running: dict[Task[Any], float] = {}  # in order of their start
        self._expired: set[Task[Any]] = set()
        self._watched = False
        self._numbers, self._prefix = count(), os.urandom(8).hex()
        self._kinds: dict[tuple[str, str, int], tuple[Callable[[float], None], str]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = perf_counter()
        path, headers, state = scope["path"], dict(scope["headers"]), scope.setdefault("state", {})
        ahead = state.get("ahead", -1)  # set by `protocol.py`
        if ahead >= 0:
            self.lifecycle.unbegun -= 1
        given = headers.get(b"x-request-id")
        if given is None or SAFE_ID(given) is None:
            given = f"{self._prefix}{next(self._numbers):016x}".encode()
        state["request_id"] = given.decode()
        fixed = DOCS_HEADERS if path.startswith(DOCS) else API_HEADERS
        status, reading = 0, False

        def answer(message: Message) -> Awaitable[None]:  # no coroutine of its own: it hands on that of `send`
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", given), *fixed]
                if self.lifecycle.draining:
                    message["headers"].append(CLOSE)
            return send(message)

        async def body() -> Message:
            nonlocal reading
            reading = True
            message = await receive()
            reading = message.get("more_body", False)
            return message

        limited = scope["method"] == "POST" and not path.startswith(ADMIN)
        refusal = self._refusal(path, headers, state)
        # A handler that computes without a pause lets nobody in: then those that came before this one are the queue.
        if refusal is None and limited and max(self._in_flight, ahead) >= self._max_in_flight:
            refusal = BUSY
        if refusal is None:
            task = asyncio.current_task()
            assert task is not None
            self._in_flight += limited
            self._running[task] = began
            if not self._watched:
                self._watch(task.get_loop(), self._timeout_s)
            try:
                if limited and (route := self.direct.get(path)):
                    scope["route"] = route
                    await route.handle(scope, body, answer)
                else:
                    await self.app(scope, body, answer)
            except ClientDisconnect:
                status, state["outcome"] = GONE, "client left"
            except CancelledError:
                if task not in self._expired or status:
                    raise
                task.uncancel()
                refusal = SLOW_BODY if reading else SLOW
            except Exception:
                log.exception("%s %s failed", scope["method"], path, extra={"request_id": state["request_id"]})
                if status:  # half an answer is out: only a broken connection can say so
                    raise
                refusal = FAILED
            finally:
                self._in_flight -= limited
                del self._running[task]
                self._expired.discard(task)
        if refusal is not None:
            state["outcome"] = refusal.title
            await refusal.send(answer)
        self._record(scope, state, status, perf_counter() - began)

    def _refusal(self, path: str, headers: dict[bytes, bytes], state: dict[str, Any]) -> Refusal | None:
        if path.startswith(ADMIN):
            if not self._admin:
                return NO_ADMIN
            keys: Keyring | None = self._admin
        elif self._keys is None or is_open(path):
            return None
        else:
            keys = self._keys
        assert keys is not None
        state["client"] = keys.owner(headers)
        return NO_KEY if state["client"] is None else None

    def _watch(self, loop: AbstractEventLoop, seconds: float) -> None:
        """One timer for all requests: those that end in time never see it."""
        self._watched = True
        loop.call_later(seconds, self._expire, loop)

    def _expire(self, loop: AbstractEventLoop) -> None:
        self._watched, now = False, perf_counter()
        for task, began in self._running.items():
            left = began + self._timeout_s - now
            if left > 0:
                self._watch(loop, left)
                break
            if task not in self._expired:
                self._expired.add(task)
                task.cancel()

    def _record(self, scope: Scope, state: dict[str, Any], status: int, seconds: float) -> None:
        kind = (getattr(scope.get("route"), "path", OTHER), scope["method"], status)
        if kind not in self._kinds:
            route, method, _ = kind
            fixed = f'"method":{quoted(method)},"route":{quoted(route)},"status":{status}'
            self._kinds[kind] = self.metrics.request(*kind), fixed
        observe, fixed = self._kinds[kind]
        observe(seconds)
        outcome = state.get("outcome")
        if status >= 400:
            self.metrics.error(outcome or str(status))
        if status >= self._logged_from:
            self._write(
                f'{{"timestamp":"{self._clock.now()}","level":"info","event":"request",'
                f'"request_id":"{state["request_id"]}",{fixed},"ms":{1000 * seconds:.3f},'
                f'"model_version":{quoted(state.get("model_version"))},"outcome":{quoted(outcome)},'
                f'"client":{quoted(state.get("client"))}}}'
            )


def is_open(path: str) -> bool:
    """Whether a path needs no key: what probes and Prometheus read, and the documentation."""
    return path == "/" or path.startswith(OPEN)
