"""The connection's side of the service: what a client may send before anything is known of it.

uvicorn bounds neither the time nor the size of headers, trailers, requests that queue, and answers that nobody takes.
The time of bodies and answers is `edge.py`'s.
"""

import asyncio
from asyncio import TimerHandle
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ...settings import Environment
from .edge import API_HEADERS
from .lifecycle import Lifecycle
from .metrics import Metrics
from .problems import ENDS, RETRY, ProblemDetails

MOST_HEADERS = 100  # of a request; once read, a header of four bytes takes thirty times as many
MOST_QUEUED = 16  # requests of one connection that wait while an earlier one is answered
CHUNK_FRAME = 20  # bytes around the content of a chunk: its size in at most 16 digits, and two line ends

MALFORMED = ProblemDetails(400, "Malformed request", "This is not HTTP.", headers=ENDS)
SLOW_HEADERS = ProblemDetails(408, "Request timeout", "The request's headers did not arrive in time.", headers=ENDS)
LARGE_HEADERS = ProblemDetails(
    431, "Headers too large", "The headers or trailers are larger, or more, than this service reads.", headers=ENDS
)
CROWDED = ProblemDetails(
    503, "Too many connections", "The service has no connection left: try again.", headers=RETRY | ENDS
)
QUEUED = ProblemDetails(
    503, "Too many requests queued", "Too many requests wait on this connection.", headers=RETRY | ENDS
)


class Refused(Exception):
    """Raised to stop the parser."""


class Trailers(list[tuple[bytes, bytes]]):
    """Takes trailers and keeps none: they come after everything that headers decide, so nobody reads them."""

    def append(self, header: tuple[bytes, bytes]) -> None:
        pass


TRAILERS = Trailers()


class GuardedProtocol(HttpToolsProtocol):
    """HTTP/1.1 with a deadline and a size for headers, and limits on connections and what queues on one.

    The deadline runs while no request is in progress: from the start of a connection, or from the first byte after an
    answer, until a request's headers are complete. Between requests uvicorn's own keep-alive timer runs. Another
    deadline runs while more of an answer waits for the client than the transport wants to keep.
    """

    def __init__(self, environment: Environment, metrics: Metrics, lifecycle: Lifecycle, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._most_connections, self._most_bytes = environment.max_connections, environment.max_header_bytes
        self._timeout_s, self._metrics, self._lifecycle = environment.header_timeout_s, metrics, lifecycle
        self._arrived = 0  # bytes since the last headers were complete, without those of bodies
        self._deadline: TimerHandle | None = None
        self._untaken: TimerHandle | None = None
        self._refusal, self._ends = MALFORMED, False
        self.headers = []

    @property
    def asks(self) -> bool:
        """Whether a request may be on its way: the connection is new, or a part of the next request is here."""
        return self.cycle is None or (self.cycle.response_complete and self._arrived > 0)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._most_connections:
            self._end(CROWDED)
        else:
            self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._taken()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._ends or self.transport.is_closing():
            return
        before = self.cycle
        in_body = before is not None and before.more_body and not before.response_complete
        self._arrived += len(data)
        self._unset_keepalive_if_required()
        self._feed(data)
        if self.cycle is not before:  # complete headers, usually with all of the body
            self._arrived = 0
            self._disarm()
            return
        self._arrived = max(0, self._arrived)
        if self._arrived > self._most_bytes or len(self.headers) > MOST_HEADERS:
            self._end(LARGE_HEADERS)
        elif not in_body and self._deadline is None and not self.transport.is_closing():
            self._arm()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            # The parser takes what follows for another protocol. There is none here, and a server may ignore the wish
            # (RFC 9110, 7.8): the request is read again as if nobody had asked. Java and curl ask for HTTP/2 this way.
            self._feed(self._head_without_upgrade() + data[upgrade.args[0] :])
        except HttpParserError:
            self._end(self._refusal)

    def _head_without_upgrade(self) -> bytes:
        start = b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        kept = [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([start, *kept, b"", b""])

    def on_headers_complete(self) -> None:
        if self._arrived > self._most_bytes:  # of headers, or of headers and a body that came at once
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self._most_bytes:
                self._refuse(LARGE_HEADERS)
        if len(self.headers) > MOST_HEADERS:
            self._refuse(LARGE_HEADERS)
        if len(self.pipeline) >= MOST_QUEUED:
            self._refuse(QUEUED)
        if self.parser.should_upgrade():  # see `_feed`
            if self.parser.get_method() == b"CONNECT":
                self._refuse(MALFORMED)
            return
        super().on_headers_complete()
        self.headers = TRAILERS

    def on_chunk_header(self) -> None:
        self._arrived -= CHUNK_FRAME

    def on_body(self, body: bytes) -> None:
        self._arrived -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        if not self.pipeline and not self.cycle.response_complete:  # otherwise it waits for this connection, or is over
            self._lifecycle.join(self.cycle.scope["state"])

    def pause_writing(self) -> None:
        super().pause_writing()
        self._taken()
        self._untaken = self.loop.call_later(self._timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._taken()

    def _taken(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None

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

    def _refuse(self, refusal: ProblemDetails) -> None:
        self._refusal = refusal
        raise Refused

    def _end(self, refusal: ProblemDetails, silently: bool = False) -> None:
        """End the connection: at once and with an answer, or after the answers to requests that are here already."""
        self._disarm()
        if self.transport.is_closing():
            return
        self._metrics.cut(refusal.title)
        self._ends, cycle = True, self.cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.more_body:
                cycle.keep_alive = False  # the last of them: uvicorn closes behind it
                return
            silently = silently or cycle.response_started or bool(self.pipeline)  # nothing may go between their bytes
        if not silently:
            answer = refusal.answer
            lines = [name + b": " + value + b"\r\n" for name, value in (*answer.raw_headers, *API_HEADERS)]
            self.transport.write(b"".join([STATUS_LINE[answer.status_code], *lines, b"\r\n", answer.body]))
        self.transport.close()
