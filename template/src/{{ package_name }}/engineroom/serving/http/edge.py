"""The outermost layer, around every request: id, API key, limits, security headers, metrics, one line in the log.

Handlers find `request_id` in `scope["state"]` and may leave `model_version` and `outcome` there. This runs before the
application sees a request, and costs it a few microseconds: what can be made once is made once.
"""

import asyncio
import json
import logging
import os
import re
from asyncio import AbstractEventLoop, CancelledError, Task
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from time import perf_counter
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...settings import Environment
from ..routes import SMALL, PlainRoute, declare
from .lifecycle import Lifecycle
from .logs import access_line, access_writer, quoted
from .metrics import OTHER, Metrics
from .problems import ENDS, RETRY, ProblemDetails
from .security import keyrings

log = logging.getLogger(__name__)

SAFE_ID = re.compile(rb"[\w.:-]{1,64}", re.ASCII).fullmatch
DOCS = frozenset(("/docs", "/docs/oauth2-redirect"))
HEALTH = ("/health", "/health/live", "/health/ready", "/health/startup", "/v2/health/live", "/v2/health/ready")
OPEN = DOCS.union(HEALTH, ("/", "/metrics", "/openapi.json"))  # each by its whole name: what begins alike is another's
OPEN_FILES = "/static-offline-docs/"
IN_HOST = b"!$%&'()*+,-.0123456789:;=ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz~"  # RFC 3986, 3.2
Header = tuple[bytes, bytes]
HEADERS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
NOTHING = b"default-src 'none'; frame-ancestors 'none'"
SWAGGER = (  # whose page holds its script and styles itself
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; frame-ancestors 'none'"
)
API_HEADERS = (*HEADERS, (b"content-security-policy", NOTHING))
DOCS_HEADERS = (*HEADERS, (b"content-security-policy", SWAGGER))
CLOSE: Header = (b"connection", b"close")
WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
MOST_OF_PATH = 200  # bytes of a path in the log, where it is no route's
WORD = re.compile(rb"[a-z][a-z._-]{0,19}|v\d|").fullmatch  # what a path may show in the log: no key, no part of one

NO_KEY = ProblemDetails(
    401,
    "Not authenticated",
    "Send a valid API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
    headers={"WWW-Authenticate": "Bearer"},
)
NO_HOST = ProblemDetails(400, "Malformed request", "A request names its host once (RFC 9112, 3.2).", headers=ENDS)
NO_ADMIN = ProblemDetails(404, "Not Found", "There is no such route.")
BUSY = ProblemDetails(
    503, "Too many requests at once", "The service works at its limit: try again in a second.", headers=RETRY
)
FULL = ProblemDetails(
    503, "Too much at once", "The service holds as much of requests as it can: try again in a second.", headers=RETRY
)
SLOW_BODY = ProblemDetails(408, "Request timeout", "The request's body did not arrive in time.", headers=ENDS)
SLOW = ProblemDetails(503, "Timeout", "The answer took too long and was given up.", headers=RETRY)
FAILED = ProblemDetails(500, "Internal error", "The service failed; its log says why.")


def surround(app: FastAPI, environment: Environment, lifecycle: Lifecycle, metrics: Metrics) -> None:
    """Put the layer around an application, once it starts: until then it may get more routes and middleware.

    Starting it raises KeyringError when keys are required and there is none.
    """
    plain = app.build_middleware_stack

    def build() -> ASGIApp:
        edge = Edge(app, plain(), environment, lifecycle, metrics)
        declare(app, edge.needs_key, edge.exists)
        return edge

    app.build_middleware_stack = build  # type: ignore[method-assign]


class Exchange:
    """A request and its answer, which gets the headers that every answer has."""

    status = 0  # until the answer begins
    size = held = 0  # bytes of the body so far, and those of them that count against `max_bodies_bytes`
    reading: bool | None = None  # whether the body is still arriving; None where no handler has asked for it
    refusal: ProblemDetails | None = None  # what is answered in place of a handler that was cancelled

    def __init__(self, edge: "Edge", receive: Receive, send: Send, headers: Sequence[Header], state: Any) -> None:
        self._edge, self._receive, self._send, self._headers, self.state = edge, receive, send, headers, state
        self.began = perf_counter()

    async def receive(self) -> Message:
        """A part of a body that is late or large. While it is awaited, no model works for it: it is not in flight."""
        if self.reading is False:
            return await self._receive()  # when the client leaves
        self.reading = True
        self._edge.in_flight -= 1
        try:
            message = await self._receive()
        finally:
            self._edge.in_flight += 1
        self.reading = message.get("more_body", False)
        self.size += len(message.get("body", b""))
        if refusal := self._edge.too_much(self):
            self.refusal = refusal
            raise CancelledError  # ends the handler: nothing in between catches it to answer by itself
        return message

    def send(self, message: Message) -> Awaitable[None]:  # no coroutine of its own: it hands on another
        if message["type"] == "http.response.start":
            self.status = message["status"]
            ends = (CLOSE,) if self._edge.lifecycle.draining else ()
            message["headers"] = [*message.get("headers", ()), *self._headers, *ends]
        return self._send(message)


class Edge:
    """The ASGI layer; a server may call it in the application's place, whose own first step is then left out.

    Plain routes are called by their path, past FastAPI's own layers, which cost as much as a prediction, unless
    something was added to these. Without keys of clients everybody is let in; without those of administrators the
    routes under /admin do not exist. What is refused here passes the application's CORS: a browser shows it to no
    script otherwise, and asks without a key whether it may send one.
    """

    def __init__(
        self, app: FastAPI, stack: ASGIApp, environment: Environment, lifecycle: Lifecycle, metrics: Metrics
    ) -> None:
        """`stack` is the application's own, with its middleware and handlers of errors."""
        assert isinstance(stack, ServerErrorMiddleware)  # whose place is taken here
        self.app, self.inner, self.lifecycle, self.metrics = app, stack.app, lifecycle, metrics
        self.refuse: ASGIApp = _refuse
        for cls, args, kwargs in reversed(app.user_middleware):
            if isinstance(cls, type) and issubclass(cls, CORSMiddleware):
                self.refuse = cls(self.refuse, *args, **kwargs)
        self.direct: dict[str, PlainRoute] = {}
        for route in app.routes:
            if isinstance(route, PlainRoute) and not route.dependant.dependencies:
                route.direct = True
                if not (route.param_convertors or app.user_middleware):
                    self.direct[route.path] = route
        self._keys, self._admin = keyrings(environment)
        self.in_flight, self._max_in_flight = 0, environment.max_in_flight
        self._held, self._max_held, self._max_body = 0, environment.max_bodies_bytes, environment.max_body_bytes
        metrics.gauge("http_requests_in_flight", "Requests that a model works on", lambda: self.in_flight)
        metrics.gauge("http_bodies_bytes", "Bytes of bodies that are held", lambda: self._held)
        self._write = access_writer(metrics.unlogged.inc)
        self._logged_from = {"all": 0, "errors": 400, "none": 1000}[environment.access_log]
        self._timeout_s = environment.request_timeout_s
        self._running: dict[Task[Any], Exchange] = {}  # in order of their start
        self._watched = False
        self._numbers, self._prefix = count(), os.urandom(8).hex()
        self._kinds: dict[tuple[str, str, int], tuple[Callable[[float], None], str]] = {}  # see `_record`

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self.app
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        path, headers, state = scope["path"], dict(scope["headers"]), scope.setdefault("state", {})
        administers = is_admin(path)
        ahead = self.lifecycle.begin(state)
        given = headers.get(b"x-request-id")
        if given is None or SAFE_ID(given) is None:
            given = f"{self._prefix}{next(self._numbers):016x}".encode()
        state["request_id"] = given.decode()
        fixed = DOCS_HEADERS if path in DOCS else API_HEADERS
        exchange = Exchange(self, receive, send, ((b"x-request-id", given), *fixed), state)
        limited = scope["method"] in WITH_BODY and not administers
        refusal = self._refusal(path, administers, headers, state) if names_host(scope, headers) else NO_HOST
        if refusal is None and limited:
            size = int(headers.get(b"content-length", 0))
            # A handler that computes without a pause lets nobody in: those that came before this one are the queue.
            if max(self.in_flight, ahead) >= self._max_in_flight:
                refusal = BUSY
            elif size > SMALL and self._held + min(size, self._max_body) > self._max_held:
                refusal = FULL
            elif size > SMALL or ahead < 0:
                receive = exchange.receive
        try:
            if refusal is None:
                refusal = await self._pass_on(scope, receive, exchange, limited)
            if refusal is not None:
                state["refusal"] = refusal
                await self.refuse(scope, receive, exchange.send)
        finally:
            if ahead < 0:
                self.lifecycle.begin(state)  # its body has come since, and no handler read it: it waits no longer
        self._record(scope, state, exchange.status, perf_counter() - exchange.began)

    def too_much(self, exchange: Exchange) -> ProblemDetails | None:
        """A part of a body has arrived: the refusal, where the service now holds or does too much, else None."""
        if exchange.size > SMALL:  # what smaller ones hold is bounded by the number of connections
            self._held += exchange.size - exchange.held
            exchange.held = exchange.size
            if self._held > self._max_held:
                return FULL
        if exchange.reading:
            return None
        others = max(self.in_flight - 1, self.lifecycle.begin(exchange.state))  # which may have begun while it came
        return BUSY if others >= self._max_in_flight else None

    async def _pass_on(
        self, scope: Scope, receive: Receive, exchange: Exchange, limited: bool
    ) -> ProblemDetails | None:
        """Let the application answer. Gives what to answer in its place where it fails or takes too long, else None."""
        task = asyncio.current_task()
        assert task is not None
        self.in_flight += limited
        self._running[task] = exchange
        if not self._watched:
            self._watch(task.get_loop(), self._timeout_s)
        try:
            if scope["method"] == "POST" and (route := self.direct.get(scope["path"])):
                scope["route"] = route
                await route.handle(scope, receive, exchange.send)
            else:
                await self.inner(scope, receive, exchange.send)
        except CancelledError:
            if exchange.status or exchange.refusal is None:
                raise
            task.uncancel()
            return exchange.refusal
        except Exception:
            if exchange.refusal is not None and not exchange.status:
                return exchange.refusal  # which a layer of the application's own has turned into an error
            request_id, path = scope["state"]["request_id"], _harmless(scope["raw_path"])
            log.exception("%s %r failed", scope["method"], path, extra={"request_id": request_id})
            if exchange.status:  # half an answer is out: only a broken connection can say so
                raise
            return FAILED
        finally:
            self.in_flight -= limited
            self._held -= exchange.held
            del self._running[task]
        return None

    def needs_key(self, path: str) -> bool:
        return is_admin(path) or (self._keys is not None and not is_open(path))

    def exists(self, path: str) -> bool:
        return bool(self._admin) or not is_admin(path)

    def _refusal(
        self, path: str, administers: bool, headers: dict[bytes, bytes], state: dict[str, Any]
    ) -> ProblemDetails | None:
        """Why a request does not get in, by its path and its key; whose key it is, is noted in `state`."""
        keys = self._keys
        if administers:
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
            if exchange.refusal is None:
                exchange.refusal = SLOW_BODY if exchange.reading else SLOW
                task.cancel()

    def _record(self, scope: Scope, state: dict[str, Any], status: int, seconds: float) -> None:
        """Count and log a request. What all of its kind (route, method, status) have in common is made once."""
        kind = route, method, _ = getattr(scope.get("route"), "path", OTHER), scope["method"], status
        if kind not in self._kinds:
            fixed = f'"method":{quoted(method)},"route":{quoted(route)},"status":{status}'
            self._kinds[kind] = self.metrics.request(*kind), fixed
        observe, fixed = self._kinds[kind]
        observe(seconds)
        outcome = state.get("outcome")
        if status >= 400:
            self.metrics.error(outcome or str(status))
        if status >= self._logged_from:
            if route == OTHER:
                fixed += f',"path":{json.dumps(_harmless(scope["raw_path"]))}'
            self._write(access_line(state, fixed, seconds))


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    await scope["state"].pop("refusal").response(scope)(scope, receive, send)


def _harmless(path: bytes) -> str:
    """A path for the log: not all of a long one, and words only. Whatever else is in it may be a key, or split one."""
    return b"/".join(part if WORD(part) else b"***" for part in path[:MOST_OF_PATH].split(b"/")).decode()


def names_host(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Whether a request names its host as HTTP has it; `headers` are those of the scope, without repeats."""
    host = headers.get(b"host")
    if host is None:
        return scope.get("http_version") != "1.1"
    if len(headers) < len(scope["headers"]) and [name for name, _ in scope["headers"]].count(b"host") > 1:
        return False
    return not host.translate(None, IN_HOST)


def is_admin(path: str) -> bool:
    return path.startswith("/admin/") or path == "/admin"


def is_open(path: str) -> bool:
    """Whether a path needs no key: what probes and Prometheus read, and the documentation."""
    return path in OPEN or path.startswith(OPEN_FILES)
