"""How the server ends: announced, after the last request, whatever a client does. And how SIGHUP loads a new model."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType
from typing import Any

import uvicorn

from ..errors import UserError
from ..settings import Environment
from .lifecycle import Lifecycle

log = logging.getLogger(__name__)

TICK_S = 0.1  # uvicorn looks this often whether to end


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
