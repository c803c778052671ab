"""The outermost layer, around every request: id, API key, limits, security headers, metrics, one line in the log.

Handlers find `request_id` in `scope["state"]` and may leave `model_version` and `outcome` there. This runs before the
application sees a request, and costs it a few microseconds: what can be made once is made once.
"""

import asyncio
import logging
import os
import re
from asyncio import AbstractEventLoop, CancelledError, Task
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count
from time import perf_counter
from typing import Any

from fastapi import FastAPI
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..settings import Environment
from .logs import access_writer, now, quoted
from .metrics import OTHER, Metrics
from .openapi import declare
from .problems import ENDS, RETRY, Problem
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

NO_KEY = Problem(
    401,
    "Not authenticated",
    "Send a valid API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
    headers={"WWW-Authenticate": "Bearer"},
)
NO_ADMIN = Problem(404, "Not Found", "There is no such route.")
BUSY = Problem(
    503, "Too many requests at once", "The service works at its limit: try again in a second.", headers=RETRY
)
SLOW_BODY = Problem(408, "Request timeout", "The request's body did not arrive in time.", headers=ENDS)
SLOW = Problem(503, "Timeout", "The answer took too long and was given up.", headers=RETRY)
FAILED = Problem(500, "Internal error", "The service failed; its log says why.")


def surround(app: FastAPI, environment: Environment, lifecycle: Lifecycle, metrics: Metrics) -> None:
    """Put the layer around an application. Raises KeyringError when keys are required and there is none."""
    keys, admin = keyrings(environment)
    direct = {route.path: route for route in app.routes if isinstance(route, PlainRoute) and not route.param_convertors}
    inner = app.build_middleware_stack()
    assert isinstance(inner, ServerErrorMiddleware)  # whose place is taken here
    app.middleware_stack = Edge(app, inner.app, direct, environment, lifecycle, metrics, keys, admin)
    declare(app, lambda path: path.startswith(ADMIN) or (keys is not None and not is_open(path)))


class Exchange:
    """A request and its answer, which gets the headers that every answer has."""

    __slots__ = ("_headers", "_lifecycle", "_receive", "_send", "began", "expired", "reading", "status")

    def __init__(self, receive: Receive, send: Send, headers: Sequence[Header], lifecycle: Lifecycle) -> None:
        self._receive, self._send, self._headers, self._lifecycle = receive, send, headers, lifecycle
        self.began = perf_counter()
        self.status = 0  # until the answer begins
        self.reading = self.expired = False

    async def receive(self) -> Message:
        self.reading = True
        message = await self._receive()
        self.reading = message.get("more_body", False)
        return message

    def send(self, message: Message) -> Awaitable[None]:  # no coroutine of its own: it hands on another
        if message["type"] == "http.response.start":
            self.status = message["status"]
            ends = (CLOSE,) if self._lifecycle.draining else ()
            message["headers"] = [*message.get("headers", ()), *self._headers, *ends]
        return self._send(message)


class Edge:
    """The ASGI layer. `keys` of None lets everybody in; without `admin` keys the routes under /admin do not exist.

    A server may call it in the application's place, whose own first step is then left out. Routes in `direct` are
    called by their path, past FastAPI's own layers, which cost as much as a prediction.
    """

    def __init__(
        self,
        app: FastAPI,
        inner: ASGIApp,
        direct: Mapping[str, PlainRoute],
        environment: Environment,
        lifecycle: Lifecycle,
        metrics: Metrics,
        keys: Keyring | None,
        admin: Keyring,
    ) -> None:
        self.app, self.inner, self.direct, self.lifecycle, self.metrics = app, inner, direct, lifecycle, metrics
        self._keys, self._admin = keys, admin
        self._in_flight, self._max_in_flight = 0, environment.max_in_flight
        metrics.gauge("http_requests_in_flight", "Requests that a model works on", lambda: self._in_flight)
        self._write = access_writer(metrics.unlogged.inc)
        self._logged_from = {"all": 0, "errors": 400, "none": 1000}[environment.access_log]
        self._timeout_s = environment.request_timeout_s
        self._running: dict[Task[Any], Exchange] = {}  # in order of their start
        self._watched = False
        self._numbers, self._prefix = count(), os.urandom(8).hex()
        self._kinds: dict[tuple[str, str, int], tuple[Callable[[float], None], str]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self.app
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        path, headers, state = scope["path"], dict(scope["headers"]), scope.setdefault("state", {})
        ahead = state.get("ahead", -1)  # set by `protocol.py`
        if ahead >= 0:
            self.lifecycle.unbegun -= 1
        given = headers.get(b"x-request-id")
        if given is None or SAFE_ID(given) is None:
            given = f"{self._prefix}{next(self._numbers):016x}".encode()
        state["request_id"] = given.decode()
        fixed = DOCS_HEADERS if path.startswith(DOCS) else API_HEADERS
        exchange = Exchange(receive, send, ((b"x-request-id", given), *fixed), self.lifecycle)
        limited = scope["method"] == "POST" and not path.startswith(ADMIN)
        refusal = self._refusal(path, headers, state)
        # A handler that computes without a pause lets nobody in: then those that came before this one are the queue.
        if refusal is None and limited and max(self._in_flight, ahead) >= self._max_in_flight:
            refusal = BUSY
        if refusal is None:
            refusal = await self._pass_on(scope, exchange, limited)
        if refusal is not None:
            await refusal.response(scope)(scope, receive, exchange.send)
        self._record(scope, state, exchange.status, perf_counter() - exchange.began)

    async def _pass_on(self, scope: Scope, exchange: Exchange, limited: bool) -> Problem | None:
        """Let the application answer; what to say in its place where it fails or takes too long."""
        task = asyncio.current_task()
        assert task is not None
        self._in_flight += limited
        self._running[task] = exchange
        if not self._watched:
            self._watch(task.get_loop(), self._timeout_s)
        try:
            if limited and (route := self.direct.get(scope["path"])):
                scope["route"] = route
                await route.handle(scope, exchange.receive, exchange.send)
            else:
                await self.inner(scope, exchange.receive, exchange.send)
        except CancelledError:
            if exchange.status or not exchange.expired:
                raise
            task.uncancel()
            return SLOW_BODY if exchange.reading else SLOW
        except Exception:
            request_id = scope["state"]["request_id"]
            log.exception("%s %r failed", scope["method"], scope["path"], extra={"request_id": request_id})
            if exchange.status:  # half an answer is out: only a broken connection can say so
                raise
            return FAILED
        finally:
            self._in_flight -= limited
            del self._running[task]
        return None

    def _refusal(self, path: str, headers: dict[bytes, bytes], state: dict[str, Any]) -> Problem | None:
        keys = self._keys
        if path.startswith(ADMIN):
            if not self._admin:
                return NO_ADMIN
            keys = self._admin
        elif keys is None or is_open(path):
            return None
        state["client"] = keys.owner(headers)
        return NO_KEY if state["client"] is None else None

    def _watch(self, loop: AbstractEventLoop, seconds: float) -> None:
        """One timer for all requests: those that end in time never see it."""
        self._watched = True
        loop.call_later(seconds, self._expire, loop)

    def _expire(self, loop: AbstractEventLoop) -> None:
        self._watched, at = False, perf_counter()
        for task, exchange in self._running.items():
            left = exchange.began + self._timeout_s - at
            if left > 0:
                self._watch(loop, left)
                break
            if not exchange.expired:
                exchange.expired = True
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
                f'{{"timestamp":"{now()}","level":"info","event":"request",'
                f'"request_id":"{state["request_id"]}",{fixed},"ms":{1000 * seconds:.3f},'
                f'"model_version":{quoted(state.get("model_version"))},"outcome":{quoted(outcome)},'
                f'"client":{quoted(state.get("client"))}}}'
            )


def is_open(path: str) -> bool:
    """Whether a path needs no key: what probes and Prometheus read, and the documentation."""
    return path == "/" or path.startswith(OPEN)
