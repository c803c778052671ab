"""How the server ends: announced, after the last request, whatever a client does. And how SIGHUP loads a new model."""

import asyncio
import ctypes
import logging
import os
import selectors
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from types import FrameType
from typing import Any

import uvicorn

from ...contract import UserError
from ...settings import Environment
from .lifecycle import Lifecycle

log = logging.getLogger(__name__)

TICK_S = 0.1  # uvicorn looks this often whether to end
LAST_S = 3.0  # for requests that are on their way when no new connection is taken any more
SO_ATTACH_FILTER = 26  # of Linux; Python has no name for it
# Of a packet's TCP header, load byte 13, the flags; where SYN is set, drop it, else let it pass.
NO_SYN = (0x30, 0, 0, 13), (0x45, 0, 1, 2), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF)
LOOK_S = 0.005  # between two looks whether there are any


class DrainingServer(uvicorn.Server):
    """A server that first says it leaves: readiness fails and answers end their connections, for `drain_s` seconds.

    Whoever sends requests has then gone elsewhere, and only after that no new connection is taken. Ctrl-C in a terminal
    skips the wait. A second signal ends the process at once. SIGHUP calls `reload` in a thread.
    """

    def __init__(
        self, config: uvicorn.Config, environment: Environment, lifecycle: Lifecycle, reload: Callable[[], object]
    ) -> None:
        super().__init__(config)
        self._lifecycle, self._reload = lifecycle, reload
        self._drain_s, self._leave_at = environment.drain_seconds, float("inf")
        self._between_looks = 1 + int(environment.header_timeout_s / TICK_S)
        self._unread: set[Any] = set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._lifecycle.draining:
            os._exit(128 + sig)
        self._lifecycle.draining = True
        self._leave_at = monotonic() + (0.0 if sig == signal.SIGINT else self._drain_s)

    async def on_tick(self, counter: int) -> bool:
        self.should_exit = self.should_exit or monotonic() >= self._leave_at
        if counter % self._between_looks == 0:
            self._drop_unread()
        return await super().on_tick(counter)

    def _drop_unread(self) -> None:
        """End connections whose client does not take its answer: closing alone waits for that without end."""
        closing = {connection for connection in self.server_state.connections if connection.transport.is_closing()}
        for connection in closing & self._unread:
            connection.transport.abort()
        self._unread = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer whoever is connected, or has asked to be, before uvicorn ends the connections that are idle.

        What nobody has accepted dies with the listener, and a request that nobody has read with its connection. A proxy
        sends neither again: its client gets 502.
        """
        until = monotonic() + LAST_S
        await self._accept(sockets or [], until)
        for listener in sockets or []:
            take_no_more(listener)
        await self._accept(sockets or [], until)  # those that came between the last look and this
        for server in self.servers:
            server.close()
        while self._asked() and monotonic() < until:
            await asyncio.sleep(LOOK_S)
        await super().shutdown(sockets)

    async def _accept(self, listeners: list[socket.socket], until: float) -> None:
        while readable(listeners) and monotonic() < until:
            await asyncio.sleep(0)  # for the event loop

    def _asked(self) -> bool:
        """Whether a request is on its way on a connection."""
        open_: list[Any] = [one for one in self.server_state.connections if not one.transport.is_closing()]
        return any(one.asks for one in open_) or readable(one.transport.get_extra_info("socket") for one in open_)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            if hasattr(signal, "SIGHUP"):  # not on Windows
                signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=self._take_over, daemon=True).start())
            yield

    def _take_over(self) -> None:
        try:
            self._reload()
        except UserError as error:
            log.error("the model stays the one before: %s", error)
        except Exception:
            log.exception("the model stays the one before")


def take_no_more(listener: socket.socket) -> None:
    """Let Linux drop what asks for a connection: it is asked again in a second, and the listener is closed by then."""
    if sys.platform == "linux":
        program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in NO_SYN))
        filter_ = struct.pack("HP", len(NO_SYN), ctypes.addressof(program))
        with suppress(OSError):  # where there are no such filters, one may come between the last look and the end
            listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filter_)


def readable(sockets: Iterable[Any]) -> bool:
    """Whether a connection waits at one of these, or bytes do."""
    with selectors.DefaultSelector() as selector:
        for one in sockets:
            selector.register(one, selectors.EVENT_READ)
        return bool(selector.select(0))
