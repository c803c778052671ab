"""The connection's side of the service: what a client may take before it has sent a request.

uvicorn bounds neither the time nor the size of a request's headers. The time of bodies and answers is `edge.py`'s.
"""

import asyncio
from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ..settings import Environment
from .edge import API_HEADERS
from .lifecycle import Lifecycle
from .metrics import Metrics
from .problems import ENDS, RETRY, Problem

MALFORMED = Problem(400, "Malformed request", "This is not HTTP.", headers=ENDS)
SLOW_HEADERS = Problem(408, "Request timeout", "The request's headers did not arrive in time.", headers=ENDS)
LARGE_HEADERS = Problem(431, "Headers too large", "The headers are larger than this service reads.", headers=ENDS)
CROWDED = Problem(503, "Too many connections", "The service has no connection left: try again.", headers=RETRY | ENDS)


class TooLarge(Exception):
    """The headers are; raised to stop the parser."""


class GuardedProtocol(HttpToolsProtocol):
    """HTTP/1.1 with a deadline and a size for headers, and a limit on connections.

    The deadline runs while no request is in progress: from the start of a connection, or from the first byte after an
    answer, until a request's headers are complete. Between requests uvicorn's own keep-alive timer runs.
    """

    def __init__(self, environment: Environment, metrics: Metrics, lifecycle: Lifecycle, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._most_connections, self._most_bytes = environment.max_connections, environment.max_header_bytes
        self._timeout_s, self._metrics, self._lifecycle = environment.header_timeout_s, metrics, lifecycle
        self._arrived = 0  # bytes since the last request was complete
        self._deadline: TimerHandle | None = None
        self._refusal = MALFORMED

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._most_connections:
            self._end(CROWDED)
        else:
            self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        before = self.cycle
        in_body = before is not None and before.more_body and not before.response_complete
        self._arrived += len(data)
        super().data_received(data)
        if self.cycle is not before:  # complete headers, usually with all of the body
            self._arrived = 0
            self._disarm()
        elif not in_body:
            if self._arrived > self._most_bytes and not (before and before.more_body):
                self._end(LARGE_HEADERS)
            elif self._deadline is None and not self.transport.is_closing():
                self._arm()
        else:
            self._arrived = 0  # a body: its size is the application's business

    def on_headers_complete(self) -> None:
        if self._arrived > self._most_bytes:  # of headers, or of headers and a body that came at once
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self._most_bytes:
                self._refusal = LARGE_HEADERS
                raise TooLarge
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if not self.pipeline and not self.cycle.response_complete:  # otherwise it waits for this connection, or is over
            self._lifecycle.join(self.cycle.scope["state"])

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn when the parser has failed."""
        self._end(self._refusal)

    def _too_late(self) -> None:
        self._deadline = None
        if self.cycle is None or self.cycle.response_complete:
            unasked = self._arrived == 0 or (self.cycle is not None and self.cycle.more_body)
            self._end(SLOW_HEADERS, silently=unasked)

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(self._timeout_s, self._too_late)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self, refusal: Problem, silently: bool = False) -> None:
        self._disarm()
        if self.transport.is_closing():
            return
        self._metrics.cut(refusal.title)
        answering = self.cycle is not None and not self.cycle.response_complete  # nothing may go between its bytes
        if not (silently or answering):
            answer = refusal.answer
            lines = [name + b": " + value + b"\r\n" for name, value in (*answer.raw_headers, *API_HEADERS)]
            self.transport.write(b"".join([STATUS_LINE[answer.status_code], *lines, b"\r\n", answer.body]))
        self.transport.close()
